// The SDK in Node: OpenSSL hashes, there is no lane B unless the caller brings one, and nothing is kept on disk.

import { createHash } from "node:crypto";
import { hashPieces } from "../hash/pieces.js";
import type { Hasher } from "../hash/types.js";
import type { Platform } from "./types.js";

function hasher(): Hasher {
  const hash = createHash("sha256");
  return {
    async update(bytes) {
      hash.update(bytes);
    },
    async digest() {
      return new Uint8Array(hash.digest());
    },
    close() {},
  };
}

export const platform: Platform = {
  hashSource: (source, signal, onBytes) => hashPieces(source, hasher(), signal, onBytes),
  hasher,
  deriver: () => undefined,
  resumeStore: () => undefined,
  nextTask: () => new Promise((resolve) => setImmediate(resolve)),
};
