// What the agent's and the network's failures mean: whether to try again, and what to tell a person.
// Owns the mapping; the retry loop is in connection.ts, the service's own refusals in errors.ts.

import {
  AgentError,
  CertificateNotAuthorizedErrorCode,
  CertificateOutdatedErrorCode,
  CertifiedRejectErrorCode,
  HttpErrorCode,
  HttpFetchErrorCode,
  HttpV4ApiNotSupportedErrorCode,
  IngressExpiryInvalidErrorCode,
  RequestStatusDoneNoReplyErrorCode,
  TimeoutWaitingForResponseErrorCode,
  TrustError,
  UncertifiedRejectErrorCode,
  UncertifiedRejectUpdateErrorCode,
} from "@icp-sdk/core/agent";
import { KeepsakeError, type KeepsakeErrorKind } from "./errors.js";
import type { Transience } from "./retry.js";

/** A message that got no answer of the service. */
export interface Fault {
  error: KeepsakeError;
  transience: Transience;
  /** Even a message that must run at most once may be sent again. */
  surelyNotRun: boolean;
  /** The line, or who answers for the host, was too slow for it: fewer at once may get through. */
  isSlow?: boolean;
  /** The host said when to come again. */
  retryAfterMs?: number;
}

/** A fault as it crosses from the Worker to the page. */
export interface PlainFault {
  kind: KeepsakeErrorKind;
  message: string;
  code?: string;
  detail?: string;
  transience: Transience;
  surelyNotRun: boolean;
  isSlow?: boolean;
  retryAfterMs?: number;
}

/** A fault that was understood elsewhere. */
export class FaultError extends Error {
  readonly fault: Fault;

  constructor({ kind, message, code, detail, ...fault }: PlainFault) {
    super(message);
    this.fault = { ...fault, error: new KeepsakeError(kind, message, { code, detail }) };
  }
}

export function plainFault({ error, ...fault }: Fault): PlainFault {
  const { kind, message, code, detail } = error;
  return { ...fault, kind, message, code, detail };
}

const REJECT_SYS_TRANSIENT = 2;
const REJECT_DESTINATION_INVALID = 3;
const REJECT_SYS_UNKNOWN = 6;

/** Understands whatever sending `method` to `host` threw. */
export function understand(method: string, host: string, thrown: unknown): Fault {
  if (thrown instanceof KeepsakeError) {
    return { error: thrown, transience: "permanent", surelyNotRun: false };
  }
  if (thrown instanceof FaultError) {
    return thrown.fault;
  }
  if (!(thrown instanceof AgentError)) {
    return notANode(method, host, thrown);
  }
  const { code } = thrown;
  if (code instanceof HttpFetchErrorCode) {
    return untrusted(method, host, code.error) ?? unreachable(method, host, code.error);
  }
  if (code instanceof HttpErrorCode) {
    return httpFault(method, host, code, thrown);
  }
  if (code instanceof HttpV4ApiNotSupportedErrorCode) {
    return notANode(method, host, thrown);
  }
  if (
    code instanceof CertifiedRejectErrorCode ||
    code instanceof UncertifiedRejectErrorCode ||
    code instanceof UncertifiedRejectUpdateErrorCode
  ) {
    return rejectFault(method, code.rejectCode, code.rejectMessage, thrown);
  }
  return otherFault(method, host, thrown);
}

function otherFault(method: string, host: string, thrown: AgentError): Fault {
  const { code } = thrown;
  const reason = firstLine(thrown.message);
  if (code instanceof CertificateNotAuthorizedErrorCode) {
    return wrongCanister(method, reason, thrown);
  }
  if (code instanceof IngressExpiryInvalidErrorCode || code instanceof CertificateOutdatedErrorCode) {
    const message = `${method}: the message expired on its way (${reason}): check this computer's clock, then try again`;
    return passing(message, "expired", true, thrown);
  }
  if (
    code instanceof TimeoutWaitingForResponseErrorCode ||
    code instanceof RequestStatusDoneNoReplyErrorCode
  ) {
    return passing(`${method}: the node did not answer in time: try again`, "timeout", false, thrown);
  }
  if (thrown instanceof TrustError || /certificate|signature/i.test(code.constructor.name)) {
    const message = `${method}: the answer of ${host} is not authentic (${reason}): do not trust this address`;
    return permanent(message, "not_authentic", false, thrown);
  }
  return notANode(method, host, thrown);
}

function httpFault(method: string, host: string, code: HttpErrorCode, thrown: AgentError): Fault {
  const reason = firstLine(textOf(code.bodyText) || code.statusText);
  const retryAfterMs = retryAfter(code.headers);
  const { status } = code;
  if (status === 408) {
    const message = `${method}: the node did not answer in time (${reason}): try again`;
    return { ...passing(message, "timeout", false, thrown), isSlow: true, retryAfterMs };
  }
  if (status === 413) {
    return tooLarge(method, host, thrown);
  }
  if (status === 502 || status === 503 || status === 504) {
    return { ...away(method, host, status, reason), retryAfterMs };
  }
  if (status === 429 || status >= 500) {
    const message = `${method}: the node is busy (HTTP ${status}: ${reason}): try again later`;
    return { ...passing(message, "busy", status === 429, thrown), retryAfterMs };
  }
  if (status === 400 && /delegation/i.test(reason)) {
    return signedOut(method, reason, thrown);
  }
  if (status === 400 && /expir/i.test(reason)) {
    const message = `${method}: the message expired on its way (${reason}): check this computer's clock`;
    return passing(message, "expired", true, thrown);
  }
  const message =
    `${method}: ${host} refused the request (HTTP ${status}: ${reason}): ` +
    "is this the address of a Keepsake node?";
  return permanent(message, "not_a_node", true, thrown);
}

/** No host of this service refuses what its own limits allow: it is a proxy in front of it. */
function tooLarge(method: string, host: string, cause: unknown): Fault {
  const message =
    `${method}: a proxy before ${host} does not let a message of this size through (HTTP 413): ` +
    "raise its limit of a body, which nginx calls client_max_body_size, to 2 MB or more";
  const error = new KeepsakeError("Network", message, { code: "body_too_large", cause });
  return { error, transience: "permanent", surelyNotRun: true };
}

/** Seconds or a date: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after */
export function retryAfter(headers: [string, string][]): number | undefined {
  const value = headers.find(([name]) => name.toLowerCase() === "retry-after")?.[1].trim() ?? "";
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(ms, 0) : undefined;
}

/** What a proxy's page of HTML says. */
function textOf(body: string | undefined): string {
  const text = body ?? "";
  return /^\s*</.test(text) ? (/<title>(.*?)<\/title>/is.exec(text)?.[1] ?? "") : text;
}

function rejectFault(method: string, code: number, text: string, thrown: AgentError): Fault {
  if (code === REJECT_DESTINATION_INVALID && /not found/i.test(text)) {
    return wrongCanister(method, text, thrown);
  }
  const message = `${method}: the node rejected the message (code ${code}: ${text})`;
  if (code === REJECT_SYS_TRANSIENT || code === REJECT_SYS_UNKNOWN) {
    return passing(message, "rejected", code === REJECT_SYS_TRANSIENT, thrown);
  }
  return permanent(message, "rejected", false, thrown);
}

/** The identity acts by a delegation: that has an end, hours for Internet Identity, and may be for others or for less. */
function signedOut(method: string, reason: string, cause: unknown): Fault {
  const [code, message] = /expir/i.test(reason)
    ? ([
        "delegation_expired",
        `the sign-in has ended (${reason}): sign in again and go on, nothing that was sent is lost`,
      ] as const)
    : /delegation target/i.test(reason)
      ? ([
          "delegation_targets",
          `this sign-in is for other canisters (${reason}): sign in again, for this one`,
        ] as const)
      : (["delegation_invalid", `this sign-in cannot be used (${reason}): sign in again`] as const);
  const error = new KeepsakeError("SignedOut", `${method}: ${message}`, { code, detail: reason, cause });
  return { error, transience: "permanent", surelyNotRun: true };
}

/** The same where this computer's clock has the sign-in end later: another one, made by that clock, would be over too. */
export function wrongClock(method: string, ends: Date, fault: Fault): Fault {
  const message =
    `${method}: the sign-in lasts until ${ends.toISOString()} by this computer's clock, and is over by the host's: ` +
    "this computer's clock is behind: set it right, then sign in again";
  const { error: cause } = fault;
  const error = new KeepsakeError("SignedOut", message, { code: "wrong_clock", detail: cause.detail, cause });
  return { ...fault, error };
}

function wrongCanister(method: string, reason: string, thrown: unknown): Fault {
  const message = `${method}: this host does not have that canister (${reason}): check the canister id`;
  return permanent(message, "wrong_canister", true, thrown);
}

/** What Node.js says of a certificate that it refuses; browsers tell a page no more than that nothing came. */
const CERTIFICATE_REFUSED =
  /\b(CERT_[A-Z_]+|ERR_TLS_CERT_ALTNAME_INVALID|(DEPTH_ZERO_)?SELF_SIGNED_CERT\w*|UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT\w*))\b/;

function untrusted(method: string, host: string, thrown: unknown): Fault | undefined {
  const reason = networkReason(thrown);
  if (!CERTIFICATE_REFUSED.test(reason)) return undefined;
  const message =
    `${method}: the certificate of ${host} is not trusted here (${reason}): where its authority is your own, ` +
    "name the authority's file by NODE_EXTRA_CA_CERTS=FILE; else do not trust this address";
  return permanent(message, "not_authentic", true, thrown);
}

function unreachable(method: string, host: string, thrown: unknown): Fault {
  const reason = networkReason(thrown);
  const message = `${method}: cannot reach ${host} (${reason}): check that the node runs and that the address is right`;
  const error = new KeepsakeError("Network", message, { code: "unreachable", detail: reason, cause: thrown });
  const surelyNotRun = /ECONNREFUSED|ENOTFOUND|EAI_AGAIN/.test(reason);
  return { error, transience: "unreachable", surelyNotRun, isSlow: /no byte moved for/.test(reason) };
}

/** A proxy answers for a node that is not there, or the node that it has no room now. */
function away(method: string, host: string, status: number, reason: string): Fault {
  const detail = `HTTP ${status}: ${reason}`;
  const message = `${method}: ${host} answers, and the node behind it is away or has no room now (${detail}): see that it runs`;
  const error = new KeepsakeError("Network", message, { code: "unreachable", detail });
  return { error, transience: "unreachable", surelyNotRun: status === 503, isSlow: status === 504 };
}

function notANode(method: string, host: string, thrown: unknown): Fault {
  const reason = firstLine(thrown instanceof Error ? thrown.message : String(thrown));
  const message = `${method}: the answer of ${host} cannot be used (${reason}): is this the address of a Keepsake node?`;
  return permanent(message, "not_a_node", false, thrown);
}

function passing(
  message: string,
  code: "expired" | "timeout" | "busy" | "rejected",
  safe: boolean,
  cause: unknown,
) {
  const error = new KeepsakeError("Network", message, { code, cause });
  return { error, transience: "passing", surelyNotRun: safe } satisfies Fault;
}

function permanent(
  message: string,
  code: "not_authentic" | "not_a_node" | "rejected" | "wrong_canister",
  safe: boolean,
  cause: unknown,
) {
  const kind = code === "not_authentic" ? "Integrity" : code === "wrong_canister" ? "NotFound" : "Network";
  const error = new KeepsakeError(kind, message, { code, cause });
  return { error, transience: "permanent", surelyNotRun: safe } satisfies Fault;
}

function firstLine(text: string): string {
  const line = text.trim().split("\n")[0] ?? "";
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}

/** What the system said, at the end of the chain of causes. */
export function networkReason(thrown: unknown): string {
  const texts: string[] = [];
  for (let at: unknown = thrown, depth = 0; at instanceof Error && depth < 4; at = at.cause, depth += 1) {
    const code = (at as { code?: unknown }).code;
    texts.push(
      typeof code === "string" && !at.message.includes(code) ? `${code} ${at.message}`.trim() : at.message,
    );
  }
  return firstLine(texts.filter(Boolean).join(": ") || String(thrown));
}
