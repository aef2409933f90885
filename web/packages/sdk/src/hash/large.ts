// SHA-256 of many bytes at hand: by the platform's own code where it has some, ten times as fast as JavaScript.

import { sha256Of } from "./inline.js";

/** Browsers have WebCrypto at secure addresses only. */
export async function sha256OfLarge(bytes: Uint8Array): Promise<Uint8Array> {
  const subtle = globalThis.crypto?.subtle;
  return subtle
    ? new Uint8Array(await subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>))
    : sha256Of(bytes);
}
