// The ticket of one session: what opens its roads without envelopes. Owns asking for it and letting go of it; it stays in memory
// and goes into no text.

import type { Connection, Sending } from "../connection.js";
import type { SessionId } from "../types.js";

/** Opens for this long, unless the host allows less, seconds. */
const TICKET_SECS = 3_600;
/** One may meet at most so many tickets that do not open: those that expired on the way are new the second time. */
export const TICKETS_MAX = 3;

export class Ticket {
  readonly #connection: Connection;
  readonly #sessionId: SessionId;
  readonly #secs: number;
  /** One asks for it, the others wait. */
  #ticket: Promise<string> | undefined;

  constructor(connection: Connection, sessionId: SessionId, secsMax = TICKET_SECS) {
    this.#connection = connection;
    this.#sessionId = sessionId;
    this.#secs = Math.min(TICKET_SECS, secsMax);
  }

  async open(sending: Sending): Promise<string> {
    this.#ticket ??= this.mint(sending);
    const asked = this.#ticket;
    try {
      return await asked;
    } catch (error) {
      if (this.#ticket === asked) {
        this.#ticket = undefined;
      }
      throw error;
    }
  }

  /** Lets go of a ticket that does not open, unless another one is there already. */
  async forget(ticket: string): Promise<void> {
    const asked = this.#ticket;
    if ((await asked?.catch(() => undefined)) === ticket && this.#ticket === asked) {
      this.#ticket = undefined;
    }
  }

  /** Another one, for whoever wants to know whether the host is there. */
  mint(sending: Sending): Promise<string> {
    return this.#connection.call("mint_upload_ticket", [this.#sessionId, this.#secs], sending);
  }
}
