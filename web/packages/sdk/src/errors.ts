// The one error of the SDK, and how the service's refusals become it.
// Owns the kinds and the texts; the codes' meanings are in codes.ts, the network's faults in transport.ts.

import type { Error as ServiceError } from "../generated/keepsake.did.js";
import { type ErrorCode, meaningOf } from "./codes.js";

/** What went wrong, roughly; `code` says it exactly. */
export type KeepsakeErrorKind =
  | "NotFound"
  | "Unauthorized"
  | "ResourceExhausted"
  | "InvalidArgument"
  | "Conflict"
  | "NotImplemented"
  | "Internal"
  | "Network"
  | "SignedOut"
  | "Aborted"
  | "Integrity"
  | "Derivation";

/** Codes that the SDK itself gives, beside those of the service. */
export type ClientCode =
  | "not_found"
  | "unauthorized"
  | "resource_exhausted"
  | "unreachable"
  | "timeout"
  | "busy"
  | "expired"
  | "not_a_node"
  | "wrong_canister"
  | "rejected"
  | "not_authentic"
  | "protocol"
  | "bad_host"
  | "bad_canister_id"
  | "bad_argument"
  | "insecure_address"
  | "no_storage"
  | "key_unreadable"
  | "no_passkeys"
  | "passkey_cancelled"
  | "passkey_exists"
  | "passkey_unknown"
  | "words_count"
  | "word_unknown"
  | "words_checksum"
  | "code_malformed"
  | "link_malformed"
  | "password_empty"
  | "link_only_looks"
  | "body_too_large"
  | "bucket_forbids"
  | "bucket_unreachable"
  | "date_out_of_range"
  | "delegation_expired"
  | "delegation_targets"
  | "delegation_invalid"
  | "wrong_clock"
  | "canceled"
  | "aborted"
  | "file_empty"
  | "file_too_large"
  | "file_changed"
  | "file_unreadable"
  | "stale_session"
  | "bytes_differ"
  | "derivation_failed";

/** The service's codes and the SDK's own; a newer service may send others. */
export type KeepsakeCode = ErrorCode | ClientCode | (string & {});

/** Every failure of the SDK. `message` says what to do. */
export class KeepsakeError extends Error {
  override readonly name = "KeepsakeError";
  readonly kind: KeepsakeErrorKind;
  /** Stable, snake_case. */
  readonly code?: KeepsakeCode;
  /** What belongs to the code, such as the limit that was passed. */
  readonly detail?: string;

  constructor(
    kind: KeepsakeErrorKind,
    message: string,
    more: { code?: KeepsakeCode; detail?: string; cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.kind = kind;
    this.code = more.code;
    this.detail = more.detail;
  }
}

/** A refusal of the service: nothing changed there. */
export function refusal(method: string, error: ServiceError): KeepsakeError {
  if ("NotFound" in error) {
    const message = `${method}: not found, or not yours to see`;
    return new KeepsakeError("NotFound", message, { code: "not_found" });
  }
  if ("Unauthorized" in error) {
    const message = `${method}: your role does not allow this: ask an owner of the capsule for it`;
    return new KeepsakeError("Unauthorized", message, { code: "unauthorized" });
  }
  if ("ResourceExhausted" in error) {
    const message = `${method}: a limit is full: usage() says which, what is used and what is left`;
    return new KeepsakeError("ResourceExhausted", message, { code: "resource_exhausted" });
  }
  const [kind, text] = Object.entries(error)[0] as [KeepsakeErrorKind, string];
  return withCode(method, kind, text);
}

function withCode(method: string, kind: KeepsakeErrorKind, text: string): KeepsakeError {
  const colon = text.indexOf(":");
  const code = colon < 0 ? text : text.slice(0, colon);
  const detail = colon < 0 ? undefined : text.slice(colon + 1).trim();
  const meaning = meaningOf(code);
  return new KeepsakeError(kind, `${method}: ${text}${meaning ? ` (${meaning})` : ""}`, { code, detail });
}

/** Refused before it is sent: the client is connected by a link's key. */
export function linkOnlyLooks(what: string): KeepsakeError {
  const message = `${what}: a link only looks: connect with the identity of a person to add or change something`;
  return new KeepsakeError("Unauthorized", message, { code: "link_only_looks" });
}

/** The upload or call was stopped by its caller. */
export function aborted(what: string): KeepsakeError {
  return new KeepsakeError("Aborted", `${what} was stopped; start it again to go on`, { code: "aborted" });
}

/** Throws where the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted) {
    throw signal.reason instanceof KeepsakeError ? signal.reason : aborted(what);
  }
}
