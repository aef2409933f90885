// The key that a browser has with a node: made once, kept in IndexedDB, and never readable by any script.
// It owns that one entry of the database.

import type { SignIdentity } from "@icp-sdk/core/agent";
import { ECDSAKeyIdentity } from "@icp-sdk/core/identity";
import { createStore, get, type UseStore, update } from "idb-keyval";
import { text } from "../text.js";

const KEY = "identity";

const store = (): UseStore => createStore("keepsake-identity", "keys");

/** The browser's identity where it has one already; a browser that keeps no keys has none. */
export async function keptBrowserIdentity(): Promise<SignIdentity | undefined> {
  if (!globalThis.isSecureContext) return undefined;
  const kept = await get<CryptoKeyPair>(KEY, store()).catch(() => undefined);
  return kept === undefined ? undefined : await ECDSAKeyIdentity.fromKeyPair(kept);
}

/**
 * The browser's identity; made at the first call. Every tab gets the same one.
 *
 * @throws Error where the browser keeps no keys: an insecure address, or storage that is turned off
 */
export async function browserIdentity(): Promise<SignIdentity> {
  if (!globalThis.isSecureContext || crypto.subtle === undefined) throw new Error(text.errors.insecure);
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
    throw new Error(text.errors.noStorage, { cause });
  }
}
