// Bytes to send, their chunks, and the orders to send them in.
// Owns the seeded randomness: a failing order is repeated by KEEPSAKE_SEED.

import { createHash, randomInt } from "node:crypto";

/** Printed with a failure; KEEPSAKE_SEED=… repeats it. */
export const SEED = Number(process.env.KEEPSAKE_SEED ?? randomInt(2 ** 31));

/** A small generator of 32-bit numbers (mulberry32). */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/** `length` bytes, a multiple of four, that differ from seed to seed. */
export function randomBytes(length, seed) {
  const next = random(seed);
  return new Uint8Array(Uint32Array.from({ length: length / 4 }, next).buffer);
}

/** @returns {Uint8Array} */
export function sha256(bytes) {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}

/** The chunks of `bytes`, each with its index. */
export function chunks(bytes, chunkBytes) {
  const count = Math.ceil(bytes.length / chunkBytes);
  return Array.from({ length: count }, (_, index) => ({
    index,
    bytes: bytes.subarray(index * chunkBytes, (index + 1) * chunkBytes),
  }));
}

/** The items in a random order (Fisher and Yates). */
export function shuffled(items, seed) {
  const next = random(seed);
  const result = [...items];
  for (let last = result.length - 1; last > 0; last -= 1) {
    const other = next() % (last + 1);
    [result[last], result[other]] = [result[other], result[last]];
  }
  return result;
}

/** Calls `work` for each item, at most `width` at once. */
export async function atOnce(width, items, work) {
  const waiting = items[Symbol.iterator]();
  const worker = async () => {
    for (const item of waiting) {
      await work(item);
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
}
