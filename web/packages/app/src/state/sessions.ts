// Upload sessions that the service keeps for this person: unfinished ones, to go on with or to end. It owns their list.

import type { Session } from "@keepsake/sdk";
import { signal } from "@preact/signals";
import { text } from "../text.js";
import { account } from "./account.js";
import { explain } from "./explain.js";
import { notify } from "./notices.js";

export const sessions = signal<readonly Session[]>([]);
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

export async function abortSession(session: Session): Promise<void> {
  try {
    await account().keepsake.sessions.abort(session.id);
    notify("info", text.notices.aborted);
  } catch (error) {
    notify("error", explain(error));
  }
  await loadSessions();
}
