// What the host, or a canister's gate, does for a session whose bytes go to its bucket: it signs addresses, says what the bucket
// has, and looks whether all is there. Owns these requests and what their answers mean; the bucket's own are in bucket.ts.

import { HttpErrorCode, ProtocolError } from "@icp-sdk/core/agent";
import type { S3Lane } from "../../generated/keepsake.did.js";
import type { Connection, Sending } from "../connection.js";
import { KeepsakeError, refusal } from "../errors.js";
import { FaultError, retryAfter } from "../faults.js";
import { REASON_CHARS_MAX, refusedBy, transportError } from "../put-chunk.js";
import type { SessionId } from "../types.js";
import { TICKETS_MAX, type Ticket } from "../upload/ticket.js";
import { base64 } from "./base64.js";
import type { SignedRequest } from "./bucket.js";

/** How long the host is left alone while it reads the object, where it does not say, ms. */
const VERIFYING_PAUSE_MS = 1_000;
/** What a host says of an object that is not there as announced. */
const NOT_THERE = ["parts_missing", "object_missing", "object_differs", "object_gone"];

/** A part to send: its number from 1, and the SHA-256 of its bytes. */
export interface WantedPart {
  number: number;
  sha256: Uint8Array;
}

/** What the bucket has of a session. */
export interface Present {
  /** The host found all of it. */
  isFound: boolean;
  /** Bytes by the number of the part. */
  parts: ReadonlyMap<number, number>;
}

/** All is there, or the host is asked again after a while: it reads the object. */
export type Found = { as: "found" } | { as: "verifying"; againAfterMs: number };

interface HostAnswer {
  status: number;
  value: Record<string, unknown>;
  retryAfterMs: number | undefined;
}

export class HostSide {
  readonly #connection: Connection;
  readonly #ticket: Ticket;
  readonly #base: string;

  constructor(connection: Connection, lane: S3Lane, sessionId: SessionId, ticket: Ticket) {
    this.#connection = connection;
    this.#ticket = ticket;
    this.#base = new URL(`${lane.path}${sessionId}/`, lane.url[0] ?? connection.host).href;
  }

  /** Addresses for parts; none for what the host has found already. */
  async grant(parts: readonly WantedPart[], sending: Sending): Promise<SignedRequest[]> {
    const { value } = await this.#ask("grant", named(parts), sending);
    return list(value.requests).map(signedRequest);
  }

  async parts(sending: Sending): Promise<Present> {
    const { value } = await this.#ask("parts", undefined, sending);
    const parts = list(value.parts).map(({ number, len }) => [Number(number), Number(len)] as const);
    return { isFound: value.state === "found", parts: new Map(parts) };
  }

  /** Asks whether all is there. Of several parts all are named: some buckets compare their hashes when these are put together. */
  async finish(parts: readonly WantedPart[], sending: Sending): Promise<Found> {
    const { status, retryAfterMs } = await this.#ask("finish", parts.length > 1 ? named(parts) : "", sending);
    return status === 202
      ? { as: "verifying", againAfterMs: retryAfterMs ?? VERIFYING_PAUSE_MS }
      : { as: "found" };
  }

  async #ask(what: string, body: string | undefined, sending: Sending): Promise<HostAnswer> {
    const method = `uploads_${what}`;
    const send = async () => {
      for (let tickets = 0; tickets < TICKETS_MAX; tickets += 1) {
        const ticket = await this.#ticket.open(sending);
        const answer = await this.#once(what, method, body, ticket, sending);
        if (answer) {
          return answer;
        }
        await this.#ticket.forget(ticket);
      }
      const message = `${method}: the host takes none of the tickets that it gives: whoever runs it has to see to it`;
      throw new KeepsakeError("Network", message, { code: "rejected" });
    };
    return await this.#connection.attempt(method, send, sending);
  }

  /** Undefined where the ticket does not open, or no longer. */
  async #once(
    what: string,
    method: string,
    body: string | undefined,
    ticket: string,
    { signal }: Sending,
  ): Promise<HostAnswer | undefined> {
    // In a header and not in the address: addresses are kept in logs.
    const headers: Record<string, string> = { Authorization: `Bearer ${ticket}` };
    if (body) {
      headers["Content-Type"] = "application/json";
    }
    const init = { method: body === undefined ? "GET" : "POST", headers, body };
    let response: Response;
    try {
      response = await this.#connection.request(new URL(this.#base + what), init, { signal });
    } catch (cause) {
      throw transportError(cause);
    }
    const { status, statusText } = response;
    const answered = [...response.headers.entries()];
    const text = await response.text();
    const end = hostEnd(method, status, statusText, answered, text);
    if (end.as === "ticket") {
      return undefined;
    }
    if (end.as === "failed") {
      throw end.error;
    }
    return { status, value: JSON.parse(text) as Record<string, unknown>, retryAfterMs: retryAfter(answered) };
  }
}

/** What an answer means. `ticket`: it opens nothing, or no longer; another one may. */
export type HostEnd = { as: "answered" } | { as: "ticket" } | { as: "failed"; error: Error };

export function hostEnd(
  method: string,
  status: number,
  statusText: string,
  headers: [string, string][],
  body: string,
): HostEnd {
  if (status === 200 || status === 202) {
    return { as: "answered" };
  }
  if (status === 401) {
    return { as: "ticket" };
  }
  const text = body.trim().slice(0, REASON_CHARS_MAX);
  const error =
    saidByLane(method, status, headers, text) ??
    refusedByService(method, status, text) ??
    ProtocolError.fromCode(new HttpErrorCode(status, statusText, headers, body));
  return { as: "failed", error };
}

/** What the host says of its bucket. */
function saidByLane(
  method: string,
  status: number,
  headers: [string, string][],
  text: string,
): Error | undefined {
  const [code = "", ...rest] = text.split(":");
  const detail = rest.join(":").trim();
  if (status === 409 && NOT_THERE.includes(code)) {
    return new KeepsakeError("Conflict", `${method}: ${text}`, { code, detail });
  }
  if (status === 502 && code === "bucket_refused") {
    const message = `the host's bucket refuses it (${detail}): whoever runs the host has to see to it`;
    return new KeepsakeError("Network", message, { code, detail });
  }
  if (status === 503 && code === "bucket_away") {
    const message = `the host's bucket is away (${detail}): try again later`;
    const retryAfterMs = retryAfter(headers);
    const plain = { kind: "Network", message, code, detail, retryAfterMs } as const;
    return new FaultError({ ...plain, transience: "unreachable", surelyNotRun: true });
  }
  return undefined;
}

function refusedByService(method: string, status: number, text: string): Error | undefined {
  const isAbsent = status === 501 && text.startsWith("s3_not_configured");
  const refused = isAbsent ? { NotImplemented: text } : refusedBy(status, text);
  return refused && refusal(method, refused);
}

function named(parts: readonly WantedPart[]): string {
  return JSON.stringify({
    parts: parts.map(({ number, sha256 }) => ({ number, sha256: base64(sha256) })),
  });
}

function list(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value : [];
}

function signedRequest({
  number,
  method,
  url,
  headers,
  expires_at_ms,
}: Record<string, unknown>): SignedRequest {
  return {
    number: Number(number),
    method: String(method),
    url: new URL(String(url)),
    headers: headers as Record<string, string>,
    expiresAtMs: Number(expires_at_ms),
  };
}
