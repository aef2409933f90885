// BLS verification on BLS12-381 by mcl-wasm, some 5 ms instead of 40 in JavaScript. Owns hashing to the curve, which
// mcl does for another suite only, the checks of points, and the prepared pairings of keys: a node signs with one key.
// https://datatracker.ietf.org/doc/html/rfc9380, https://internetcomputer.org/docs/references/ic-interface-spec#certificate

import { concatBytes, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import type { G1, PrecomputedG2 } from "mcl-wasm";
import * as imported from "mcl-wasm";
import { sha256Of } from "../hash/inline.js";
import type { Check } from "./bls.js";

/** Bundlers and Node do not agree on what of a CommonJS module is a name of its own. */
const mcl: typeof imported =
  "init" in imported ? imported : (imported as { default: typeof imported }).default;

const SUITE = utf8ToBytes("BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_");
const SUITE_WITH_LENGTH = concatBytes(SUITE, Uint8Array.of(SUITE.length));
/** Bytes of a block of SHA-256, and of what one element of the field is made from. */
const BLOCK_BYTES = 64;
const FIELD_BYTES = 64;
const SIGNATURE_BYTES = 48;
const KEY_BYTES = 96;
/** The generator of G2: https://www.ietf.org/archive/id/draft-irtf-cfrg-pairing-friendly-curves-11.html#section-4.2.1 */
const GENERATOR = hexToBytes(
  "93e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e" +
    "024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8",
);
/** Keys whose pairing is prepared, some 20 kB each: a root key, and those of the subnets that one talks to. */
const KEYS_MAX = 8;

/** The check; loading the wasm takes some 50 ms, once. */
export async function blsByWasm(): Promise<Check> {
  await mcl.init(mcl.BLS12_381);
  // Points as the standard writes them; mapping as RFC 9380 says; only points of the right subgroup are taken.
  mcl.setETHserialization(true);
  mcl.setMapToMode(mcl.IRTF);
  mcl.verifyOrderG1(true);
  mcl.verifyOrderG2(true);
  const generator = prepare(GENERATOR);
  const keys = new PreparedKeys();
  return (key, signature, message) => {
    let point: G1;
    let prepared: PrecomputedG2;
    try {
      point = signaturePoint(signature);
      prepared = keys.prepared(key);
    } catch {
      return false;
    }
    // e(signature, generator) = e(hash, key), as one product: the expensive last step is taken once.
    const product = mcl.precomputedMillerLoop2(mcl.neg(point), generator, hashToCurve(message), prepared);
    return mcl.finalExp(product).isOne();
  };
}

function signaturePoint(bytes: Uint8Array): G1 {
  if (bytes.length !== SIGNATURE_BYTES) {
    throw new Error(`a signature has ${SIGNATURE_BYTES} bytes`);
  }
  const point = new mcl.G1();
  point.deserialize(bytes);
  if (point.isZero()) {
    throw new Error("the point at infinity signs nothing");
  }
  return point;
}

/** Keys in their prepared form, newest last. */
class PreparedKeys {
  readonly #prepared = new Map<string, PrecomputedG2>();

  prepared(key: Uint8Array): PrecomputedG2 {
    const name = key.join();
    const found = this.#prepared.get(name);
    if (found) {
      return found;
    }
    const made = prepare(key);
    const [oldest] = this.#prepared;
    if (oldest && this.#prepared.size >= KEYS_MAX) {
      this.#prepared.delete(oldest[0]);
      // It lies in the memory of the wasm, where nothing is collected.
      oldest[1].destroy();
    }
    this.#prepared.set(name, made);
    return made;
  }
}

function prepare(key: Uint8Array): PrecomputedG2 {
  if (key.length !== KEY_BYTES) {
    throw new Error(`a key has ${KEY_BYTES} bytes`);
  }
  const point = new mcl.G2();
  point.deserialize(key);
  if (point.isZero()) {
    throw new Error("the point at infinity is no key");
  }
  return new mcl.PrecomputedG2(point);
}

/** RFC 9380, section 3: two elements of the field, each mapped to the curve. */
function hashToCurve(message: Uint8Array): G1 {
  const uniform = expandMessage(message, 2 * FIELD_BYTES);
  const mapped = (start: number) => {
    const element = new mcl.Fp();
    element.setBigEndianMod(uniform.subarray(start, start + FIELD_BYTES));
    return element.mapToG1();
  };
  return mcl.add(mapped(0), mapped(FIELD_BYTES));
}

/** expand_message_xmd with SHA-256, section 5.3.1. */
function expandMessage(message: Uint8Array, length: number): Uint8Array {
  const size = Uint8Array.of(length >> 8, length & 255, 0);
  const first = sha256Of(concatBytes(new Uint8Array(BLOCK_BYTES), message, size, SUITE_WITH_LENGTH));
  const blocks: Uint8Array[] = [];
  let last: Uint8Array = new Uint8Array(first.length);
  for (let index = 1; blocks.length * first.length < length; index += 1) {
    const mixed = first.map((byte, at) => byte ^ (last[at] ?? 0));
    last = sha256Of(concatBytes(mixed, Uint8Array.of(index), SUITE_WITH_LENGTH));
    blocks.push(last);
  }
  return concatBytes(...blocks).subarray(0, length);
}
