// Which dialog is open, which memory is being looked at, and which dialog lies on top. It owns these signals.

import { signal } from "@preact/signals";

export type DialogName = "account" | "new-capsule" | "sharing" | "sessions" | "given";

export const openDialog = signal<DialogName | undefined>(undefined);
/** The memory in the viewer. Opened and closed by viewing.ts, which keeps the address in step. */
export const viewedId = signal<string | undefined>(undefined);
/** Dialogs that are drawn, the topmost last. What lies below it cannot be reached, messages included. */
export const drawnDialogs = signal<readonly string[]>([]);
