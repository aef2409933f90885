// Uploads in progress: what the service holds of them. Thin: one method, one message.

import type { Connection } from "./connection.js";
import * as records from "./records.js";
import type { Session, SessionId, UploadStatus } from "./types.js";
import type { ResumeStore } from "./upload/types.js";

export class SessionsClient {
  readonly #connection: Connection;
  readonly #names: ResumeStore | undefined;

  constructor(connection: Connection, names: ResumeStore | undefined) {
    this.#connection = connection;
    this.#names = names;
  }

  /** The caller's own sessions, newest first: pending ones, and those that ended lately. */
  async list(): Promise<Session[]> {
    const rows = await this.#connection.call("sessions_list", []);
    const remembered = await this.#names?.find(rows.map(({ idem }) => idem)).catch(() => undefined);
    return rows.map((row, index) => records.session(row, remembered?.[index]?.name));
  }

  async status(id: SessionId): Promise<UploadStatus> {
    return records.uploadStatus(await this.#connection.call("uploads_status", [id]));
  }

  /** Gives an upload up and frees what it holds; again is harmless. */
  async abort(id: SessionId): Promise<void> {
    await this.#connection.call("uploads_abort", [id], { goneIsDone: true });
  }
}
