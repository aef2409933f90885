// What the SDK costs a processor: prints it, beside what the IC's agent alone would cost. Owns the measuring only, and
// asserts nothing. With KEEPSAKE_HOST and KEEPSAKE_CANISTER it also uploads to that node.

import { createHash, randomBytes } from "node:crypto";
import { blsVerify, requestIdOf } from "@icp-sdk/core/agent";
import { Ed25519KeyIdentity } from "@icp-sdk/core/identity";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { largeRequestId } from "../dist/fast-agent.js";
import { incrementalSha256 } from "../dist/hash/incremental.js";
import { Keepsake } from "../dist/index.js";
import { blsByWasm } from "../dist/verify/bls-wasm.js";

const ROUNDS = 20;
const CHUNK = 1_800_000;
const UPLOAD_BYTES = 64 << 20;

/** Processor time of one `run`, ms, of all threads. */
async function cpuMs(run, rounds = ROUNDS) {
  await run();
  const before = process.cpuUsage();
  for (let round = 0; round < rounds; round += 1) {
    await run();
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / rounds;
}

function print(what, value, unit) {
  console.log(`${value.toFixed(2).padStart(9)} ${unit.padEnd(8)} ${what}`);
}

const bls = bls12_381.shortSignatures;
const { secretKey, publicKey } = bls.keygen();
const message = new Uint8Array(randomBytes(46));
const [key, signature] = [publicKey.toBytes(), bls.sign(bls.hash(message), secretKey).toBytes()];
print("one certificate, the agent's JavaScript", await cpuMs(() => blsVerify(key, signature, message)), "ms");
const before = process.cpuUsage();
const check = await blsByWasm();
const { user, system } = process.cpuUsage(before);
print("one certificate, wasm", await cpuMs(() => check(key, signature, message)), "ms");
print("loading that wasm, once", (user + system) / 1000, "ms");

const arg = new Uint8Array(randomBytes(CHUNK));
const perByte = (ms) => (ms * 1e6) / CHUNK;
const content = { request_type: "call", method_name: "uploads_put_chunk", arg };
const hashed = async (make) => {
  const hasher = await make();
  hasher.update(arg);
  hasher.digest();
};
print("id of a request, the agent's JavaScript", perByte(await cpuMs(() => requestIdOf(content))), "ns/byte");
print("id of a request, the platform", perByte(await cpuMs(() => largeRequestId(content))), "ns/byte");
print("SHA-256 of a file, JavaScript", perByte(await cpuMs(() => hashed(sha256.create))), "ns/byte");
print("SHA-256 of a file, wasm (browsers)", perByte(await cpuMs(() => hashed(incrementalSha256))), "ns/byte");
const openssl = perByte(await cpuMs(() => hashed(() => createHash("sha256"))));
print("SHA-256 of a file, OpenSSL (Node)", openssl, "ns/byte");

const { KEEPSAKE_HOST: host, KEEPSAKE_CANISTER: canisterId } = process.env;
if (host && canisterId) {
  const identity = Ed25519KeyIdentity.generate();
  const keepsake = await Keepsake.connect({ host, canisterId, identity });
  const upload = (bytes) => keepsake.upload(new Blob([bytes]), { ifPresent: "again" }).done;
  await upload(randomBytes(1000));
  const whole = await cpuMs(() => upload(randomBytes(UPLOAD_BYTES)), 1);
  print("an upload of 64 MiB, all of it", (whole * 1e6) / UPLOAD_BYTES, "ns/byte");
  print("an upload of 1 kB, all of it", await cpuMs(() => upload(randomBytes(1000))), "ms");
}
