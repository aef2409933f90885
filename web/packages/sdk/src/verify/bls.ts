// BLS signatures of certificates, as the Internet Computer has them: signatures in G1, keys in G2. Owns the choice of who
// computes (wasm, or the agent's own JavaScript where wasm cannot be had) and the memory of what was right: a subnet's
// delegation comes with every answer, and is verified once. The wasm is in bls-wasm.ts, loaded when first wanted.

import { blsVerify } from "@icp-sdk/core/agent";
import { bytesToHex, concatBytes } from "@noble/hashes/utils.js";
import { sha256Of } from "../hash/inline.js";

/** Whether `signature` is the one of `message` by `key`, 96 bytes. What is no point of the curve is no signature. */
export type Check = (key: Uint8Array, signature: Uint8Array, message: Uint8Array) => boolean;

/** Delegations of some subnets, and the certificates of the last answers. */
const REMEMBERED_MAX = 64;
const right = new Set<string>();
let check: Promise<Check> | undefined;

export async function verifyBls(
  key: Uint8Array,
  signature: Uint8Array,
  message: Uint8Array,
): Promise<boolean> {
  // The first two have lengths of their own, or are no key and no signature.
  const name = bytesToHex(sha256Of(concatBytes(key, signature, message)));
  if (right.has(name)) {
    return true;
  }
  check ??= loadWasm();
  const isRight = (await check)(key, signature, message);
  if (isRight) {
    remember(name);
  }
  return isRight;
}

function remember(name: string): void {
  const [oldest] = right;
  if (right.size >= REMEMBERED_MAX && oldest !== undefined) {
    right.delete(oldest);
  }
  right.add(name);
}

/** A page's policy may forbid wasm: then it takes ten times as long. */
async function loadWasm(): Promise<Check> {
  try {
    const { blsByWasm } = await import("./bls-wasm.js");
    return await blsByWasm();
  } catch {
    return blsVerify;
  }
}
