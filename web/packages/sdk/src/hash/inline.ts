// Hashing on this thread, piece by piece: for small bytes, and where there is no Worker. Owns no reading.

import { sha256 } from "@noble/hashes/sha2.js";
import type { Hasher } from "./types.js";

/** SHA-256 of bytes at hand. */
export function sha256Of(bytes: Uint8Array): Uint8Array {
  return sha256(bytes);
}

export function inlineHasher(): Hasher {
  const hasher = sha256.create();
  return {
    async update(bytes) {
      hasher.update(bytes);
    },
    async digest() {
      return hasher.digest();
    },
    close() {},
  };
}
