// Chunks without envelopes: `PUT` with a ticket, on a host that says `put_road`. An envelope costs more than the bytes it
// carries, and a certified publish proves every byte anyway. Owns the request and how its answer is understood; which
// chunks go this way is decided in upload/road.ts.

import { HttpErrorCode, HttpFetchErrorCode, ProtocolError, TransportError } from "@icp-sdk/core/agent";
import type { Error as ServiceError } from "../generated/keepsake.did.js";
import { meaningOf } from "./codes.js";
import { KeepsakeError, refusal } from "./errors.js";
import type { SessionId } from "./types.js";

/** What a chunk is, whichever way it goes. */
const METHOD = "uploads_put_chunk";
/** A proxy's page may be long. */
export const REASON_CHARS_MAX = 300;

/** A chunk on its way. */
export interface PutChunk {
  /** `put_road.path` of the host's `upload_config`. */
  path: string;
  /** Of `mint_upload_ticket`. It goes into no address and no text. */
  ticket: string;
  sessionId: SessionId;
  index: number;
  body: Blob | Uint8Array;
}

/**
 * What an answer means. `no_road`: what is in between, or an older host, knows no `PUT`. `ticket`: it opens nothing, or no
 * longer; another one may. `failed`: as if an envelope had met it.
 */
export type PutEnd =
  | { as: "stored" }
  | { as: "no_road" }
  | { as: "ticket" }
  | { as: "failed"; error: unknown };

/** Nobody answered: the host is not there, or lets no `PUT` through. */
export class Unanswered extends Error {
  /** As envelopes fail. */
  readonly error: TransportError;

  constructor(cause: unknown) {
    super("no answer to a PUT", { cause });
    this.error = transportError(cause);
  }
}

/** Sends it once. Rejects with `Unanswered`, or as an agent does where the line stalled. */
export async function putChunk(send: typeof fetch, host: URL, chunk: PutChunk): Promise<PutEnd> {
  const url = new URL(host);
  // Only the path is the host's to say: the ticket goes where the other messages went.
  url.pathname = `${chunk.path}${chunk.sessionId}`;
  // In a header and not in the address: browsers ask for leave for each address of another origin.
  const headers = {
    Authorization: `Bearer ${chunk.ticket}`,
    "Keepsake-Chunk": String(chunk.index),
    "Content-Type": "application/octet-stream",
  };
  let response: Response;
  try {
    response = await send(url, { method: "PUT", headers, body: chunk.body as BodyInit });
  } catch (cause) {
    throw isStall(cause) ? transportError(cause) : new Unanswered(cause);
  }
  const { status, statusText } = response;
  const text = status === 204 ? "" : await response.text();
  return putEnd(status, statusText, [...response.headers.entries()], text);
}

/** A stall, a limit of bodies, a host that is busy: an envelope would meet the same. */
const MET_BY_ENVELOPES = [408, 413, 429];

/** What an answer to a `PUT` means. */
export function putEnd(
  status: number,
  statusText: string,
  headers: [string, string][],
  body: string,
): PutEnd {
  if (status === 204) {
    return { as: "stored" };
  }
  const text = body.trim().slice(0, REASON_CHARS_MAX);
  const refused = refusedBy(status, text);
  if (refused) {
    return { as: "failed", error: refusal(METHOD, refused) };
  }
  const error = ProtocolError.fromCode(new HttpErrorCode(status, statusText, headers, body));
  if (status === 401) {
    return { as: "ticket" };
  }
  if (status === 501 || (status >= 300 && status < 500 && !MET_BY_ENVELOPES.includes(status))) {
    return { as: "no_road" };
  }
  if (status === 500 && text.startsWith("trapped")) {
    const message = `${METHOD}: the service failed on this message (${text}): see the node's log`;
    return { as: "failed", error: new KeepsakeError("Network", message, { code: "rejected" }) };
  }
  return { as: "failed", error };
}

/** What the service says, and not whoever is in between: only the service knows the codes. */
export function refusedBy(status: number, text: string): ServiceError | undefined {
  const code = text.split(":")[0] ?? "";
  if (status === 404 && code === "not_found") {
    return { NotFound: null };
  }
  if (status === 403 && code === "unauthorized") {
    return { Unauthorized: null };
  }
  if (status === 507 && code === "resource_exhausted") {
    return { ResourceExhausted: null };
  }
  if (meaningOf(code) === undefined) {
    return undefined;
  }
  if (status === 409) {
    return { Conflict: text };
  }
  return status === 400 || status === 413 ? { InvalidArgument: text } : undefined;
}

function isStall(cause: unknown): boolean {
  return cause instanceof DOMException && cause.name === "TimeoutError";
}

export function transportError(cause: unknown): TransportError {
  return TransportError.fromCode(
    new HttpFetchErrorCode(cause instanceof Error ? cause : new Error(String(cause))),
  );
}
