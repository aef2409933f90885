// Giving up what an upload opened, also a session whose id was never learned: the answer was lost, or not waited for.
// Owns finding those again.

import type { Connection, Sending } from "../connection.js";
import type { SessionId } from "../types.js";

/** `opened`: the sessions by their keys, with the ids that are known. */
export async function freeSessions(
  connection: Connection,
  opened: ReadonlyMap<string, SessionId | undefined>,
  sending: Sending,
): Promise<void> {
  const ids = [...opened.values()].filter((id) => id !== undefined);
  if (ids.length < opened.size) {
    const rows = await connection.call("sessions_list", [], sending);
    const ours = rows.filter((row) => opened.has(row.idem) && "Pending" in row.state);
    ids.push(...ours.map((row) => row.session_id));
  }
  const abort = (id: SessionId) => connection.call("uploads_abort", [id], { ...sending, goneIsDone: true });
  await Promise.all(ids.map(abort));
}
