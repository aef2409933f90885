// A key that a script keeps in a file of its own, readable by its owner alone. Owns the file's form, the JSON of the agent's
// Ed25519 identity, and that OpenSSL signs with it: JavaScript takes 3 ms for each message, and 60 for the first.

import { createPrivateKey, sign } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import type { Signature } from "@icp-sdk/core/agent";
import { Ed25519KeyIdentity } from "@icp-sdk/core/identity";
import { KeepsakeError } from "./errors.js";

const OWNER_ALONE = 0o600;
/** What stands before the 32 bytes of a key: https://datatracker.ietf.org/doc/html/rfc8410#section-7 */
const PKCS8_HEAD = Buffer.from("302e020100300506032b657004220420", "hex");
const SECRET_BYTES = 32;

/** The identity in that file; made at the first call. Whoever has the file is you: keep a copy, and show it to nobody. */
export async function fileIdentity(path: string): Promise<Ed25519KeyIdentity> {
  const kept = await keptIdentity(path);
  if (kept) {
    return kept;
  }
  const fresh = Ed25519KeyIdentity.generate();
  try {
    // Fails where there is a file: two scripts started together agree on one key.
    await writeFile(path, `${JSON.stringify(fresh)}\n`, { flag: "wx", mode: OWNER_ALONE });
    return signingByOpenssl(fresh);
  } catch (cause) {
    const other = isCode(cause, "EEXIST") ? await keptIdentity(path) : undefined;
    if (!other) {
      throw unreadable(path, cause);
    }
    return other;
  }
}

/** Undefined where there is no file. */
async function keptIdentity(path: string): Promise<Ed25519KeyIdentity | undefined> {
  try {
    return signingByOpenssl(Ed25519KeyIdentity.fromJSON(await readFile(path, "utf8")));
  } catch (cause) {
    if (isCode(cause, "ENOENT")) {
      return undefined;
    }
    throw unreadable(path, cause);
  }
}

function signingByOpenssl(identity: Ed25519KeyIdentity): Ed25519KeyIdentity {
  const secret = identity.getKeyPair().secretKey.subarray(0, SECRET_BYTES);
  const der = Buffer.concat([PKCS8_HEAD, secret]);
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  identity.sign = async (bytes) => new Uint8Array(sign(null, bytes, key)) as Signature;
  return identity;
}

function isCode(cause: unknown, code: string): boolean {
  return (cause as NodeJS.ErrnoException | undefined)?.code === code;
}

function unreadable(path: string, cause: unknown): KeepsakeError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const message = `${path} holds no key that can be used (${reason}): check the path, or choose another one`;
  return new KeepsakeError("InvalidArgument", message, { code: "key_unreadable", detail: reason, cause });
}
