// A key that a browser keeps: made once, kept in IndexedDB, and never readable by any script. Whoever clears the browser's
// data loses it. Owns that one entry of the database.

import type { SignIdentity } from "@icp-sdk/core/agent";
import { ECDSAKeyIdentity } from "@icp-sdk/core/identity";
import { createStore, get, type UseStore, update } from "idb-keyval";
import { KeepsakeError } from "./errors.js";

const KEY = "identity";

const store = (): UseStore => createStore("keepsake-identity", "keys");

/** The browser's identity where it has one already; a browser that keeps no keys has none. */
export async function keptBrowserIdentity(): Promise<SignIdentity | undefined> {
  if (!globalThis.isSecureContext) {
    return undefined;
  }
  const kept = await get<CryptoKeyPair>(KEY, store()).catch(() => undefined);
  return kept === undefined ? undefined : await ECDSAKeyIdentity.fromKeyPair(kept);
}

/**
 * The browser's identity on this origin; made at the first call. Every tab gets the same one. Throws where the browser keeps
 * no keys: `insecure_address` (no https, nor localhost), or `no_storage`.
 */
export async function browserIdentity(): Promise<SignIdentity> {
  if (!globalThis.isSecureContext || crypto.subtle === undefined) {
    const message = "this address is not secure, so the browser keeps no key: use https, or http://localhost";
    throw new KeepsakeError("InvalidArgument", message, { code: "insecure_address" });
  }
  const fresh = (await ECDSAKeyIdentity.generate({ extractable: false })).getKeyPair();
  try {
    let kept = fresh;
    // One transaction, so that two tabs opened together agree on one key.
    await update<CryptoKeyPair>(
      KEY,
      (found) => {
        kept = found ?? fresh;
        return kept;
      },
      store(),
    );
    return await ECDSAKeyIdentity.fromKeyPair(kept);
  } catch (cause) {
    const message =
      "the browser keeps no data for this page, so there is no place for a key: allow site data";
    throw new KeepsakeError("InvalidArgument", message, { code: "no_storage", cause });
  }
}
