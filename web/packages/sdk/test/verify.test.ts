// What is checked by wasm and by the platform, held to the agent's own JavaScript: signatures, request ids, hashes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { blsVerify, Expiry, requestIdOf } from "@icp-sdk/core/agent";
import { Principal } from "@icp-sdk/core/principal";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { largeRequestId } from "../dist/fast-agent.js";
import { incrementalSha256 } from "../dist/hash/incremental.js";
import { verifyBls } from "../dist/verify/bls.js";
import { blsByWasm } from "../dist/verify/bls-wasm.js";
import { hex, randomBytes, sha256 } from "./world.js";

const bls = bls12_381.shortSignatures;
const G1 = bls12_381.G1.Point;
const check = await blsByWasm();

function signed(message: Uint8Array) {
  const { secretKey, publicKey } = bls.keygen(randomBytes(48));
  const signature = bls.sign(bls.hash(message), secretKey).toBytes();
  return { key: publicKey.toBytes(), signature };
}

/** Both agree, and say `expected`. */
async function both(key: Uint8Array, signature: Uint8Array, message: Uint8Array, expected: boolean) {
  let agent: boolean;
  try {
    agent = blsVerify(key, signature, message);
  } catch {
    agent = false;
  }
  const said = [agent, check(key, signature, message)];
  // Twice: what was right is remembered, and what was wrong is not.
  said.push(await verifyBls(key, signature, message), await verifyBls(key, signature, message));
  assert.deepEqual(said, [expected, expected, expected, expected], hex(signature));
}

test("signatures of others are right, of messages of any length", async () => {
  for (const length of [0, 1, 46, 63, 64, 65, 1000]) {
    const message = randomBytes(length);
    const { key, signature } = signed(message);
    await both(key, signature, message, true);
  }
});

test("a signature of another message, by another key, or with a bit of it changed is wrong", async () => {
  const message = randomBytes(46);
  const { key, signature } = signed(message);
  await both(key, signature, randomBytes(46), false);
  await both(signed(message).key, signature, message, false);
  for (let times = 0; times < 12; times += 1) {
    const [at = 0, bit = 0] = randomBytes(2);
    const changed = signature.slice();
    changed[at % 48] = (changed[at % 48] ?? 0) ^ (1 << (bit % 8));
    await both(key, changed, message, false);
    const otherKey = key.slice();
    otherKey[at % 96] = (otherKey[at % 96] ?? 0) ^ (1 << (bit % 8));
    await both(otherKey, signature, message, false);
  }
});

test("what is no signature or no key is wrong: other lengths, the point at infinity", async () => {
  const message = randomBytes(46);
  const { key, signature } = signed(message);
  const nothing = (length: number) => new Uint8Array(length).fill(0xc0, 0, 1);
  for (const wrong of [new Uint8Array(), signature.slice(1), nothing(48), new Uint8Array(48)]) {
    await both(key, wrong, message, false);
  }
  for (const wrong of [new Uint8Array(), key.slice(1), nothing(96), new Uint8Array(96).fill(255)]) {
    await both(wrong, signature, message, false);
  }
  await both(nothing(96), nothing(48), message, false);
});

test("a point outside of the subgroup is wrong, though the pairing would not tell", async () => {
  const message = randomBytes(46);
  const { key, signature } = signed(message);
  const { Fp, Fr } = bls12_381.fields;
  let x = 1n;
  let y: bigint | undefined;
  while (y === undefined) {
    x += 1n;
    try {
      y = Fp.sqrt(Fp.add(Fp.pow(x, 3n), 4n));
    } catch {}
  }
  const onCurve = G1.fromAffine({ x, y });
  const small = onCurve.multiplyUnsafe(Fr.ORDER - 1n).add(onCurve);
  assert.ok(!small.is0() && !small.isTorsionFree());
  const moved = G1.fromBytes(signature).add(small).toAffine();
  const bytes = Buffer.from(moved.x.toString(16).padStart(96, "0"), "hex");
  bytes[0] = (bytes[0] ?? 0) | 0x80 | (moved.y > Fp.neg(moved.y) ? 0x20 : 0);
  await both(key, new Uint8Array(bytes), message, false);
});

test("more keys than are kept prepared", async () => {
  const message = randomBytes(46);
  const all = Array.from({ length: 20 }, () => signed(message));
  for (const { key, signature } of [...all, ...all]) {
    assert.equal(check(key, signature, message), true);
  }
});

test("the id of a request is the agent's", async () => {
  const content = {
    request_type: "call",
    canister_id: Principal.fromText("uxrrr-q7777-77774-qaaaq-cai"),
    method_name: "uploads_put_chunk",
    arg: randomBytes(100_000),
    sender: Principal.selfAuthenticating(randomBytes(44)),
    ingress_expiry: Expiry.fromDeltaInMilliseconds(240_000),
    nonce: randomBytes(16),
  };
  assert.equal(hex(await largeRequestId(content)), hex(requestIdOf(content)));
});

test("SHA-256 piece by piece, several at once", async () => {
  const all = await Promise.all(
    Array.from({ length: 3 }, async () => ({
      hasher: await incrementalSha256(),
      bytes: randomBytes(300_001),
    })),
  );
  for (let at = 0; at < 300_001; at += 65_536) {
    for (const { hasher, bytes } of all) {
      hasher.update(bytes.subarray(at, at + 65_536));
    }
  }
  for (const { hasher, bytes } of all) {
    assert.equal(hex(hasher.digest()), sha256(bytes));
  }
});
