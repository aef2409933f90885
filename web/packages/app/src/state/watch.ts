// Looks after the page while it is open: asks now and then for what changed elsewhere, and notices when nobody
// answers. It owns the timing only.

import { KeepsakeError } from "@keepsake/sdk";
import { effect, untracked } from "@preact/signals";
import { text } from "../text.js";
import { openCapsule, openCapsuleId, refreshCapsules } from "./capsules.js";
import { isCutOff, isOnline, isSignedOut, isUnreachable } from "./connection.js";
import { followDevices } from "./devices.js";
import { closeGallery, openGallery, refreshGallery } from "./gallery.js";
import { notify } from "./notices.js";
import { loadSessions, sessions } from "./sessions.js";
import { followShared } from "./sharing.js";

const PAUSE_MS = 4_000;
/** An answer that takes longer counts as none, for the banner; the question itself goes on. */
const PATIENCE_MS = 4_000;

export function watch(): void {
  effect(() => {
    const id = openCapsuleId.value;
    untracked(() => (id === undefined ? closeGallery() : void openGallery(id)));
  });
  followChanges();
  followShared();
  tellWhenBack();
  void askForever();
}

/** Asks right now, as after an answer that hints at a lost role. */
export async function lookAgain(): Promise<void> {
  await followDevices();
  await refreshCapsules();
}

function followChanges(): void {
  let before: { id: string; stamp: string } | undefined;
  effect(() => {
    const capsule = openCapsule.value;
    if (capsule === undefined) return;
    const stamp = `${capsule.memoryCount} ${capsule.updatedAt.getTime()}`;
    const isChanged = before?.id === capsule.id && before.stamp !== stamp;
    before = { id: capsule.id, stamp };
    if (isChanged) untracked(() => void refreshGallery());
  });
}

function tellWhenBack(): void {
  let wasCutOff = false;
  effect(() => {
    if (wasCutOff && !isCutOff.value) untracked(() => notify("info", text.notices.back));
    wasCutOff = isCutOff.value;
  });
}

async function askForever(): Promise<never> {
  for (;;) {
    await pause();
    if (!isOnline.value || document.hidden) continue;
    const late = setTimeout(() => {
      isUnreachable.value = true;
    }, PATIENCE_MS);
    try {
      // Whoever was shut out sees nothing any more: the reason comes first.
      await followDevices();
      await refreshCapsules();
      // Those that are told of may have ended; new ones are asked for when somebody looks.
      if (sessions.peek().length > 0) await loadSessions();
      isUnreachable.value = false;
    } catch (error) {
      const isOver = error instanceof KeepsakeError && error.kind === "SignedOut";
      isSignedOut.value = isOver;
      isUnreachable.value = !isOver;
    } finally {
      clearTimeout(late);
    }
  }
}

// The network's return ends the pause: nobody waits for a timer then.
function pause(): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      document.removeEventListener("visibilitychange", done);
      resolve();
    };
    const timer = setTimeout(done, PAUSE_MS);
    addEventListener("online", done);
    document.addEventListener("visibilitychange", done);
  });
}
