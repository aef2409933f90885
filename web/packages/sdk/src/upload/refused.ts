// A capsule that cannot be uploaded to says so in its own words. Owns those.

import { KeepsakeError } from "../errors.js";
import type { CapsuleId } from "../types.js";

/** What a refusal means to an upload into `capsuleId`; others stay as they are. */
export function explained(error: unknown, capsuleId: CapsuleId): unknown {
  if (!(error instanceof KeepsakeError)) {
    return error;
  }
  const { kind, code } = error;
  if (kind === "NotFound" && code === "not_found") {
    const message = `${capsuleId}: there is no such capsule, or you have no role in it any more: ask its owner`;
    return new KeepsakeError(kind, message, { code, detail: capsuleId, cause: error });
  }
  if (kind === "Unauthorized") {
    const message = `${capsuleId}: your role does not allow uploads: ask its owner for the role of a member`;
    return new KeepsakeError(kind, message, { code, detail: capsuleId, cause: error });
  }
  if (kind === "ResourceExhausted") {
    const message =
      `${capsuleId}: a quota is used up (space of the capsule, or your open uploads): ` +
      "delete something or end other uploads, then upload again";
    return new KeepsakeError(kind, message, { code, detail: capsuleId, cause: error });
  }
  return error;
}
