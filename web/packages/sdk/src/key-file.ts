// A key that a script keeps in a file of its own, readable by its owner alone. Owns the file's form: the JSON of the agent's
// Ed25519 identity.

import { readFile, writeFile } from "node:fs/promises";
import { Ed25519KeyIdentity } from "@icp-sdk/core/identity";
import { KeepsakeError } from "./errors.js";

const OWNER_ALONE = 0o600;

/** The identity in that file; made at the first call. Whoever has the file is you: keep a copy, and show it to nobody. */
export async function fileIdentity(path: string): Promise<Ed25519KeyIdentity> {
  const fresh = Ed25519KeyIdentity.generate();
  try {
    // Fails where there is a file: two scripts started together agree on one key.
    await writeFile(path, `${JSON.stringify(fresh)}\n`, { flag: "wx", mode: OWNER_ALONE });
    return fresh;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") {
      throw unreadable(path, cause);
    }
  }
  try {
    return Ed25519KeyIdentity.fromJSON(await readFile(path, "utf8"));
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): KeepsakeError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const message = `${path} holds no key that can be used (${reason}): check the path, or choose another one`;
  return new KeepsakeError("InvalidArgument", message, { code: "key_unreadable", detail: reason, cause });
}
