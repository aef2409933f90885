// Looking at one memory: the viewer, its address, and the browser's Back, which closes it. Owns the steps in the browser's
// history: opening the viewer is one, walking on to the neighbours is none.

import { addressOf, openCapsuleId } from "./capsules.js";
import { viewedId } from "./dialogs.js";
import { memoryInAddress } from "./visit.js";

interface Step {
  /** This page opened the viewer in this step, so the one before it is the page without. */
  isViewer?: boolean;
}

addEventListener("popstate", followAddress);

/** Opens the viewer, or shows another memory in it. */
export function view(id: string): void {
  const address = addressOf(openCapsuleId.peek(), id);
  if (viewedId.peek() === undefined) history.pushState({ isViewer: true } satisfies Step, "", address);
  else history.replaceState(history.state, "", address);
  viewedId.value = id;
}

export function closeViewer(): void {
  if (viewedId.peek() === undefined) return;
  viewedId.value = undefined;
  if ((history.state as Step | null)?.isViewer) history.back();
  else history.replaceState(null, "", addressOf(openCapsuleId.peek()));
}

/** Shows the memory that the address names, or none. */
export function followAddress(): void {
  viewedId.value = memoryInAddress();
}
