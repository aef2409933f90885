// What an error means to the person, and what to do about it. It owns the choice of the words in text.ts.

import { KeepsakeError } from "@keepsake/sdk";
import { text } from "../text.js";

const BY_CODE: Record<string, string> = {
  file_empty: text.errors.emptyFile,
  file_changed: text.errors.fileChanged,
  file_unreadable: text.errors.fileUnreadable,
  insecure_address: text.errors.insecure,
  no_storage: text.errors.noStorage,
  delegation_expired: text.errors.signedOut,
  delegation_targets: text.errors.signInAnew,
  delegation_invalid: text.errors.signInAnew,
  wrong_clock: text.errors.clock,
  body_too_large: text.errors.tooLargeForProxy,
  busy: text.errors.busy,
  rejected: text.errors.failedThere,
  expired: text.errors.clock,
  not_a_node: text.errors.notTheService,
  last_owner: text.errors.lastOwner,
  not_admitted: text.errors.notAdmitted,
  code_unknown: text.errors.code,
  code_used: text.errors.code,
  code_expired: text.errors.code,
  link_malformed: text.links.malformed,
  object_missing: text.errors.notWhole,
  parts_missing: text.errors.notWhole,
  object_differs: text.errors.notWhole,
  object_gone: text.errors.notWhole,
  object_pending: text.errors.notWhole,
  text_too_long: text.errors.textTooLong,
  too_many_items: text.errors.tooMany,
  expires_in_the_past: text.errors.clock,
  role_not_for_link: text.errors.linkIsNobody,
  device_taken: text.errors.deviceTaken,
  device_busy: text.errors.deviceBusy,
  device_has_too_much: text.errors.deviceHasTooMuch,
  device_is_controller: text.errors.deviceIsController,
  device_removed: text.errors.deviceRemoved,
  link_only_looks: text.errors.linkOnlyLooks,
  last_device: text.errors.lastDevice,
  role_not_for_anonymous: text.errors.anonymous,
};

/** What the SDK says of these is a sentence for the person already: which word is wrong, what the authenticator lacks, which bucket. */
const SAID: readonly string[] = [
  "code_malformed",
  "words_count",
  "word_unknown",
  "words_checksum",
  "link_malformed",
  "password_empty",
  "no_passkeys",
  "passkey_cancelled",
  "passkey_exists",
  "passkey_unknown",
  "bucket_away",
  "bucket_forbids",
  "bucket_refused",
  "bucket_unreachable",
];

export function explain(error: unknown): string {
  if (!(error instanceof KeepsakeError)) {
    return text.errors.unknown(error instanceof Error ? error.message : String(error));
  }
  // Said of an address without https, and by authenticators of one that is a number.
  if (error.code === "insecure_address" && globalThis.isSecureContext) return text.errors.passkeyNeedsName;
  const byCode = error.code === undefined ? undefined : BY_CODE[error.code];
  if (byCode !== undefined) return byCode;
  if (error.code !== undefined && SAID.includes(error.code)) return sentence(error.message);
  switch (error.kind) {
    case "Network":
      return text.errors.network;
    case "Unauthorized":
      return text.errors.unauthorized;
    case "NotFound":
      return text.errors.notFound;
    case "ResourceExhausted":
      return text.errors.exhausted;
    case "Integrity":
      return text.errors.integrity;
    default:
      return text.errors.unknown(error.message);
  }
}

function sentence(message: string): string {
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}${message.endsWith("?") ? "" : "."}`;
}
