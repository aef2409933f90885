// Which dialog is open, and which memory is being looked at. It owns these two signals.

import { signal } from "@preact/signals";

export type DialogName = "account" | "new-capsule" | "sharing" | "sessions";

export const openDialog = signal<DialogName | undefined>(undefined);
/** The memory in the viewer. */
export const viewedId = signal<string | undefined>(undefined);
