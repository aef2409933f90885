// The SDK in Node: OpenSSL hashes, wasm verifies, there is no lane B unless the caller brings one, and nothing is kept on disk.

import { createHash } from "node:crypto";
import { hashPieces } from "../hash/pieces.js";
import type { Hasher } from "../hash/types.js";
import { verifyBls } from "../verify/bls.js";
import { nodeFetch } from "./node-fetch.js";
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
  fetch: nodeFetch,
  hashSource: (source, signal, onBytes) => hashPieces(source, hasher(), signal, onBytes),
  hasher,
  verify: verifyBls,
  deriver: () => undefined,
  resumeStore: () => undefined,
  nextTask: () => new Promise((resolve) => setImmediate(resolve)),
};
