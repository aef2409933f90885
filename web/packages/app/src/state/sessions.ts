// Upload sessions that the service keeps for this person: unfinished ones, to go on with or to end. It owns their list.

import type { Session } from "@keepsake/sdk";
import { computed, signal } from "@preact/signals";
import { text } from "../text.js";
import { account } from "./account.js";
import { explain } from "./explain.js";
import { notify } from "./notices.js";

export const sessions = signal<readonly Session[]>([]);
/** An upload that is not finished: the sessions of one file, the original's first. */
export interface Unfinished {
  key: string;
  name: string | undefined;
  original: Session;
  sessions: Session[];
}

/** One for each file. What nobody remembers the name of stands alone. */
export const unfinished = computed((): Unfinished[] => {
  const byFile = new Map<string, Session[]>();
  for (const session of sessions.value) {
    const key = session.name === undefined ? String(session.id) : `${session.capsuleId}/${session.name}`;
    byFile.set(key, [...(byFile.get(key) ?? []), session]);
  }
  return [...byFile].flatMap(([key, list]) => {
    // Two files of one name have two originals: each is told by itself.
    const originals = list.filter((session) => (session.kind ?? "original") === "original");
    const [first, ...others] = originals.length > 0 ? originals : list.slice(0, 1);
    if (first === undefined) return [];
    const rest = list.filter((session) => !others.includes(session));
    const alone = others.map((session) => ({
      key: `${key}/${session.id}`,
      name: session.name,
      original: session,
      sessions: [session],
    }));
    return [{ key, name: first.name, original: first, sessions: rest }, ...alone];
  });
});

export const sessionsError = signal<string | undefined>(undefined);

export async function loadSessions(): Promise<void> {
  try {
    const found = await account().keepsake.sessions.list();
    sessions.value = found.filter((session) => session.state === "pending");
    sessionsError.value = undefined;
  } catch (error) {
    sessionsError.value = explain(error);
  }
}

export async function abandon({ sessions }: Unfinished): Promise<void> {
  try {
    await Promise.all(sessions.map((session) => account().keepsake.sessions.abort(session.id)));
    notify("info", text.notices.aborted);
  } catch (error) {
    notify("error", explain(error));
  }
  await loadSessions();
}
