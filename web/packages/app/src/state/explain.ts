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
  body_too_large: text.errors.tooLargeForProxy,
  busy: text.errors.busy,
  rejected: text.errors.failedThere,
  expired: text.errors.clock,
  not_a_node: text.errors.notTheService,
  last_owner: text.errors.lastOwner,
  role_not_for_anonymous: text.errors.anonymous,
};

export function explain(error: unknown): string {
  if (!(error instanceof KeepsakeError)) {
    return text.errors.unknown(error instanceof Error ? error.message : String(error));
  }
  const byCode = error.code === undefined ? undefined : BY_CODE[error.code];
  if (byCode !== undefined) return byCode;
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
