// SHA-256 piece by piece, by wasm: half the time of JavaScript, which is what remains where wasm is forbidden.
// For Workers; Node has OpenSSL. Owns the choice.

import { sha256 } from "@noble/hashes/sha2.js";

export interface Incremental {
  update(bytes: Uint8Array): void;
  digest(): Uint8Array;
  /** One that has seen nothing; this one is over. */
  restarted(): Incremental;
}

/** Each has a state of its own; the wasm's code is made once. */
export async function incrementalSha256(): Promise<Incremental> {
  try {
    const { wasmSha256 } = await import("./wasm.js");
    return await wasmSha256();
  } catch {
    return plain();
  }
}

function plain(): Incremental {
  const hash = sha256.create();
  return {
    update: (bytes) => void hash.update(bytes),
    digest: () => hash.digest(),
    restarted: plain,
  };
}
