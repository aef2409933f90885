// What the SDK costs a processor: prints it, beside what the IC's agent alone would cost. Owns the measuring only, and
// asserts nothing. With KEEPSAKE_HOST and KEEPSAKE_CANISTER it also uploads to that node, and says where the time goes.

import { createHash, randomBytes } from "node:crypto";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { Session } from "node:inspector/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { blsVerify, requestIdOf } from "@icp-sdk/core/agent";
import { Ed25519KeyIdentity } from "@icp-sdk/core/identity";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { largeRequestId } from "../dist/fast-agent.js";
import { incrementalSha256 } from "../dist/hash/incremental.js";
import { Keepsake } from "../dist/index.js";
import { fileSource } from "../dist/node.js";
import { blsByWasm } from "../dist/verify/bls-wasm.js";

const ROUNDS = 20;
const CHUNK = 1_800_000;
const UPLOAD_BYTES = 512 << 20;

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

/** Which part of the work a function is, by where it is; native ones belong to who calls them. */
const PARTS = [
  ["hashing", /^node:internal\/crypto/],
  ["reading", /^node:internal\/fs|dist\/node\.js$|dist\/upload\/(source|in-flight)\.js$/],
  [
    "HTTP",
    /^node:(_http|net|internal\/(stream|streams|url|abort))|dist\/platform\/node-fetch\.js$|dist\/timed-fetch\.js$/,
  ],
  ["messages: signatures, certificates, Candid", /node_modules|^wasm:|dist\/verify\//],
];

const WITHOUT_PLACE = new Map([
  ["(garbage collector)", "garbage collection"],
  ["(idle)", "waiting"],
  ["(program)", "Node itself"],
]);

/** Milliseconds by part, of this thread. Time in which others have the processor counts too: measure on an idle machine. */
function byPart({ nodes, samples, timeDeltas }) {
  const parts = new Map();
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const mark = (node, above) => {
    const { functionName, url } = node.callFrame;
    const named =
      PARTS.find(([, place]) => place.test(url))?.[0] ?? (url ? "the rest of the SDK and of Node" : above);
    const part = WITHOUT_PLACE.get(functionName) ?? named;
    parts.set(node.id, part);
    for (const child of node.children ?? []) {
      mark(byId.get(child), part);
    }
  };
  mark(nodes[0], "Node itself");
  const sums = new Map();
  samples.forEach((id, at) => {
    const part = parts.get(id);
    sums.set(part, (sums.get(part) ?? 0) + timeDeltas[at] / 1000);
  });
  sums.delete("waiting");
  return sums;
}

async function profiled(run) {
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.setSamplingInterval", { interval: 200 });
  await session.post("Profiler.start");
  await run();
  const { profile } = await session.post("Profiler.stop");
  session.disconnect();
  return byPart(profile);
}

function randomFile(folder, name) {
  const path = join(folder, name);
  const file = openSync(path, "w");
  for (let at = 0; at < UPLOAD_BYTES; at += 1 << 20) {
    writeSync(file, randomBytes(1 << 20));
  }
  closeSync(file);
  return path;
}

const { KEEPSAKE_HOST: host, KEEPSAKE_CANISTER: canisterId } = process.env;
if (host && canisterId) {
  const identity = Ed25519KeyIdentity.generate();
  const keepsake = await Keepsake.connect({ host, canisterId, identity });
  const upload = (source) => keepsake.upload(source, { ifPresent: "again" }).done;
  print("an upload of 1 kB, all of it", await cpuMs(() => upload(new Blob([randomBytes(1000)]))), "ms");
  const folder = mkdtempSync(join(tmpdir(), "keepsake-costs-"));
  try {
    const files = ["first", "second"].map((name) => randomFile(folder, name));
    const [first, second] = await Promise.all(files.map((path) => fileSource(path)));
    const before = process.cpuUsage();
    await upload(first);
    const { user, system } = process.cpuUsage(before);
    print("an upload of 512 MiB, all threads", ((user + system) * 1e3) / UPLOAD_BYTES, "ns/byte");
    const parts = await profiled(() => upload(second));
    for (const [part, ms] of [...parts].sort(([, a], [, b]) => b - a)) {
      print(`  of it on the main thread, ${part}`, (ms * 1e6) / UPLOAD_BYTES, "ns/byte");
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}
