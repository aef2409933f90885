// A key that a browser keeps: made once, kept in IndexedDB, and never readable by any script. Whoever clears the browser's
// data loses it. Owns the key's entry of the database.

import type { SignIdentity } from "@icp-sdk/core/agent";
import { ECDSAKeyIdentity } from "@icp-sdk/core/identity";
import { createStore, del, get, type UseStore, update } from "idb-keyval";
import { KeepsakeError } from "../errors.js";

const KEY = "identity";

/** All that a browser keeps of who somebody is. */
export const keys = (): UseStore => createStore("keepsake-identity", "keys");

/** A key that the browser keeps, and how well. */
export interface KeptIdentity {
  identity: SignIdentity;
  /** Made by this call: there was none, and nothing is reached by it yet. */
  isNew: boolean;
  /**
   * Whether the browser promised not to drop the page's data when its disk is full. Asked for when the key is made; some
   * browsers ask the person then, so this may wait for their answer. False: say so, and offer a second way in.
   */
  persisted: Promise<boolean>;
}

/**
 * The key that this browser keeps for the page's origin, made at the first call; every tab gets the same one. No script can
 * read it, so it cannot be copied, and it is gone when the browser's data is cleared: a second device, a passkey or a
 * recovery sheet is the way back. A key that is made from words (`recoveryIdentity`) is never kept: whoever recovers keeps a
 * new one, lets it join the account by the words' key, and forgets that.
 *
 * Throws where the browser keeps no keys: `insecure_address` (no https, nor localhost), or `no_storage`.
 */
export async function keepIdentity(): Promise<KeptIdentity> {
  checkSecure();
  const fresh = (await ECDSAKeyIdentity.generate({ extractable: false })).getKeyPair();
  let kept = fresh;
  await orNoStorage(
    // One transaction, so that two tabs opened together agree on one key.
    update<CryptoKeyPair>(
      KEY,
      (found) => {
        kept = found ?? fresh;
        return kept;
      },
      keys(),
    ),
  );
  const isNew = kept === fresh;
  return { identity: await ECDSAKeyIdentity.fromKeyPair(kept), isNew, persisted: persisted(isNew) };
}

/** The key that this browser keeps, where it keeps one; makes none. A browser that keeps no keys has none. */
export async function keptIdentity(): Promise<SignIdentity | undefined> {
  if (!globalThis.isSecureContext) {
    return undefined;
  }
  const kept = await get<CryptoKeyPair>(KEY, keys()).catch(() => undefined);
  return kept && (await ECDSAKeyIdentity.fromKeyPair(kept));
}

/**
 * Forgets the key. Nobody can bring it back: what no other key reaches is lost to everybody. So ask the person first, and leave
 * the account's list of devices before. A client that is connected by it goes on until the page ends.
 */
export async function forgetIdentity(): Promise<void> {
  if (globalThis.isSecureContext) {
    await orNoStorage(del(KEY, keys()));
  }
}

/** The identity of `keepIdentity()` alone. */
export async function browserIdentity(): Promise<SignIdentity> {
  return (await keepIdentity()).identity;
}

/** As `keptIdentity()`. */
export const keptBrowserIdentity = keptIdentity;

/** Throws where the browser lets a page have no keys. */
export function checkSecure(): void {
  if (!globalThis.isSecureContext || crypto.subtle === undefined) {
    const message = "this address is not secure, so the browser keeps no key: use https, or http://localhost";
    throw new KeepsakeError("InvalidArgument", message, { code: "insecure_address" });
  }
}

export async function orNoStorage<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    const message =
      "the browser keeps no data for this page, so there is no place for a key: allow site data";
    throw new KeepsakeError("InvalidArgument", message, { code: "no_storage", cause });
  }
}

async function persisted(isNew: boolean): Promise<boolean> {
  const { storage } = navigator;
  try {
    return (await (isNew ? storage?.persist?.() : storage?.persisted?.())) ?? false;
  } catch {
    return false;
  }
}
