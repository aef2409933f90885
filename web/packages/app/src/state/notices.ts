// Short messages to the person: what went well, what did not. It owns the list; the region is in ui/Notices.tsx.

import { signal } from "@preact/signals";

export interface Notice {
  id: number;
  kind: "info" | "error";
  text: string;
}

const SHOWN_MAX = 4;
/** Information goes by itself; an error stays until somebody dismisses it. */
const INFO_SHOWN_MS = 8_000;

export const notices = signal<readonly Notice[]>([]);
let nextId = 1;

/** Messages from now on have this number or a higher one. */
export function nextNoticeId(): number {
  return nextId;
}

export function notify(kind: Notice["kind"], text: string): void {
  const id = nextId++;
  const others = notices.value.filter((notice) => notice.text !== text);
  notices.value = [...others, { id, kind, text }].slice(-SHOWN_MAX);
  if (kind === "info") setTimeout(() => dismiss(id), INFO_SHOWN_MS);
}

export function dismiss(id: number): void {
  notices.value = notices.value.filter((notice) => notice.id !== id);
}
