// Which way the chunks of a session go: by `PUT` with a ticket where the host has such a road and nothing in between
// refuses it, else in envelopes. Owns that choice for all uploads of a client; the tickets are ticket.ts's.

import type { PutRoad, UploadConfig } from "../../generated/keepsake.did.js";
import type { Connection, Sending } from "../connection.js";
import { KeepsakeError } from "../errors.js";
import { type PutEnd, Unanswered } from "../put-chunk.js";
import { RETRY_DEFAULT } from "../retry.js";
import type { SessionId } from "../types.js";
import { TICKETS_MAX, Ticket } from "./ticket.js";

/**
 * A browser does not say that a page of another origin may not `PUT`: the request just fails. So many in a row, with a host
 * that answers messages and before any `PUT` got an answer, are taken for that.
 */
const UNANSWERED_MAX = 2;
const ONCE = { ...RETRY_DEFAULT, attemptsMax: 1, unreachableMaxMs: 0 };

/** The `PUT` road of one host. */
export class Road {
  readonly #connection: Connection;
  readonly #offered: PutRoad | undefined;
  #isClosed = false;
  #isProven = false;
  #unanswered = 0;

  /** `envelopes`: what the host offers is not taken. */
  constructor(connection: Connection, config: UploadConfig, ways: "auto" | "envelopes") {
    this.#connection = connection;
    this.#offered = ways === "auto" ? config.put_road[0] : undefined;
  }

  /** The road of one session; undefined: its chunks go in envelopes. */
  of(sessionId: SessionId): SessionRoad | undefined {
    const offered = this.isClosed ? undefined : this.#offered;
    return offered && new SessionRoad(this, this.#connection, sessionId, offered);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** From now on chunks go in envelopes. */
  close(): void {
    this.#isClosed = true;
  }

  answered(): void {
    this.#isProven = true;
  }

  /** A `PUT` got no answer. Perhaps none gets one: `ping` tells whether the host is there. */
  async unanswered(ping: () => Promise<unknown>): Promise<void> {
    if (this.#isProven) {
      return;
    }
    const hostIsThere = await ping().then(
      () => true,
      () => false,
    );
    if (hostIsThere && !this.#isProven) {
      this.#unanswered += 1;
      this.#isClosed ||= this.#unanswered >= UNANSWERED_MAX;
    }
  }
}

/** The `PUT` road of one session, with its ticket. */
export class SessionRoad {
  readonly #road: Road;
  readonly #connection: Connection;
  readonly #sessionId: SessionId;
  readonly #path: string;
  readonly #ticket: Ticket;

  constructor(road: Road, connection: Connection, sessionId: SessionId, { path, ticket_secs_max }: PutRoad) {
    this.#road = road;
    this.#connection = connection;
    this.#sessionId = sessionId;
    this.#path = path;
    this.#ticket = new Ticket(connection, sessionId, ticket_secs_max);
  }

  /** Sends a chunk once; a ticket that does not open is renewed. False: it is to go in an envelope. */
  async put(index: number, body: Blob | Uint8Array, sending: Sending): Promise<boolean> {
    for (let tickets = 0; tickets < TICKETS_MAX && !this.#road.isClosed; tickets += 1) {
      const ticket = await this.#openTicket(sending);
      const end = ticket && (await this.#send(ticket, index, body, sending));
      if (!end || end.as === "no_road") {
        this.#road.close();
      } else if (end.as === "ticket") {
        await this.#ticket.forget(ticket);
      } else if (end.as === "failed") {
        throw end.error;
      } else {
        return true;
      }
    }
    // Also where no ticket gets through: what is in between keeps them, or another host answers.
    this.#road.close();
    return false;
  }

  async #send(ticket: string, index: number, body: Blob | Uint8Array, sending: Sending): Promise<PutEnd> {
    try {
      const chunk = { path: this.#path, ticket, sessionId: this.#sessionId, index, body };
      const end = await this.#connection.put(chunk, sending.signal);
      this.#road.answered();
      return end;
    } catch (error) {
      if (!(error instanceof Unanswered)) {
        throw error;
      }
      await this.#road.unanswered(() => this.#ticket.mint({ ...sending, policy: ONCE }));
      throw error.error;
    }
  }

  /** None: the host that offered the road is another one by now. */
  async #openTicket(sending: Sending): Promise<string | undefined> {
    try {
      return await this.#ticket.open(sending);
    } catch (error) {
      if (error instanceof KeepsakeError && error.code === "no_put_road") {
        return undefined;
      }
      throw error;
    }
  }
}
