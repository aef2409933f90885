// A file that goes to the host's bucket by parts: stopped, its host killed, and read back at its address. A real node before a real
// S3 server.

import assert from "node:assert/strict";
import { createHash, randomFillSync } from "node:crypto";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { Ed25519KeyIdentity } from "@icp-sdk/core/identity";
import type { Keepsake } from "@keepsake/sdk";
import { fileSource } from "@keepsake/sdk/node";
import { AssetReader } from "../dist/asset-read.js";
import { Connection } from "../dist/connection.js";
import { RunningNode } from "./node.js";
import { type Deed, FaultyProxy, type Met } from "./proxy.js";
import { missingS3, RunningS3 } from "./s3-server.js";
import { connect, hex, says } from "./world.js";

const MiB = 1 << 20;
const PART = 16 * MiB;
/** KEEPSAKE_PARTS_MIB makes the files larger, such as 2048. */
const SIZE = Number(process.env.KEEPSAKE_PARTS_MIB ?? 110) * MiB + 5;
const PARTS = Math.ceil(SIZE / PART);
/** Four parts in flight are never whole in memory: this is the program itself, and what the collector has not come to yet. */
const RESIDENT_MAX = 200 * MiB;
/** The node reads what came once, a piece at a time. */
const NODE_RESIDENT_MAX = 150 * MiB;
const skip = missingS3();
const limits = { skip, timeout: 180_000 + SIZE / 1_000 };

let s3: RunningS3;
let toBucket: (met: Met) => Deed | undefined = () => undefined;
let bucket: FaultyProxy;
let node: RunningNode;
let front: FaultyProxy;
let folder: string;
before(async () => {
  if (!skip) {
    folder = await mkdtemp(join(tmpdir(), "keepsake-parts-"));
    s3 = await RunningS3.start();
    bucket = await FaultyProxy.before(s3, (met) => toBucket(met));
    node = await RunningNode.start(s3.options(1000, bucket.url));
    front = await FaultyProxy.before(node, () => undefined);
  }
});
after(async () => {
  if (!skip) {
    front.close();
    bucket.close();
    await node.remove();
    await s3.remove();
    await rm(folder, { recursive: true, force: true });
  }
});
beforeEach(() => {
  toBucket = () => undefined;
  if (!skip) {
    bucket.met.length = 0;
    front.met.length = 0;
  }
});

/** A file of random bytes, with its SHA-256. */
async function file(name: string): Promise<{ path: string; sha256: string }> {
  const path = join(folder, name);
  const handle = await open(path, "w");
  const hash = createHash("sha256");
  for (let at = 0; at < SIZE; at += PART) {
    const piece = randomFillSync(new Uint8Array(Math.min(PART, SIZE - at)));
    hash.update(piece);
    await handle.write(piece);
  }
  await handle.close();
  return { path, sha256: hash.digest("hex") };
}

const partOf = ({ url }: Met) => Number(new URL(url, "http://bucket").searchParams.get("partNumber"));
const partsSent = () =>
  bucket.met
    .filter(({ isPut }) => isPut)
    .map(partOf)
    .sort((a, b) => a - b);
const client = (identity: Ed25519KeyIdentity) =>
  connect({ url: front.url, canisterId: node.canisterId, remove: async () => {} }, { identity });
const until = async (is: () => boolean) => {
  while (!is()) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};

async function comesBack(keepsake: Keepsake, memoryId: string, sha256: string): Promise<void> {
  const hash = createHash("sha256");
  for await (const piece of keepsake.downloadPieces(memoryId, "original")) {
    hash.update(piece);
  }
  assert.equal(hash.digest("hex"), sha256);
}

test(
  "an upload that was stopped goes on with the parts that are missing, and with those only",
  limits,
  async () => {
    const identity = Ed25519KeyIdentity.generate();
    const { path, sha256 } = await file("stopped.bin");
    const stop = new AbortController();
    // The first three arrive, and nobody takes the others.
    toBucket = (met) => (met.isPut && partOf(met) > 3 ? "silence" : undefined);
    const first = await client(identity);
    const source = await fileSource(path);
    const started = first.upload(source, { signal: stop.signal });
    const arrived = () => bucket.met.filter(({ isPut, isAnswered }) => isPut && isAnswered).length;
    await until(() => arrived() === 3 && partsSent().length >= 5);
    stop.abort();
    await assert.rejects(started.done, says("Aborted", "aborted", /stopped/));
    assert.equal((await first.sessions.list()).filter(({ state }) => state === "pending").length, 1);

    toBucket = () => undefined;
    bucket.met.length = 0;
    front.met.length = 0;
    // As after a reload: nothing is remembered but the file and the identity.
    const again = await client(identity);
    let residentMax = 0;
    const onProgress = () => {
      residentMax = Math.max(residentMax, process.memoryUsage().rss);
    };
    const result = await again.upload(source, { onProgress }).done;
    await source.close();
    assert.deepEqual(
      partsSent(),
      Array.from({ length: PARTS - 3 }, (_, index) => index + 4),
    );
    assert.equal(hex(result.sha256), sha256);
    const sent = front.met.reduce((sum, met) => sum + met.bytes, 0);
    assert.ok(sent < 40_000 + 1_000 * PARTS, `the host was sent ${sent} bytes`);
    assert.ok(residentMax < RESIDENT_MAX, `${Math.round(residentMax / MiB)} MiB resident`);
    const nodeMax = (await node.residentMax()) ?? 0;
    assert.ok(nodeMax < NODE_RESIDENT_MAX, `${Math.round(nodeMax / MiB)} MiB resident in the node`);
    const most = [residentMax, nodeMax].map((bytes) => Math.round(bytes / MiB));
    console.log(`# ${Math.round(SIZE / MiB)} MiB, at most ${most[0]} MiB resident, ${most[1]} in the node`);
    await comesBack(again, result.memoryId, sha256);
  },
);

test("a host that is killed in the middle: no part is sent twice", limits, async () => {
  const keepsake = await client(Ed25519KeyIdentity.generate());
  const { path, sha256 } = await file("killed.bin");
  const source = await fileSource(path);
  const upload = keepsake.upload(source);
  await until(() => partsSent().length >= 3);
  await node.kill();
  await Promise.race([until(() => upload.progress.offline), upload.done]);
  await node.startAgain();
  const { memoryId } = await upload.done;
  await source.close();
  assert.deepEqual(
    partsSent(),
    Array.from({ length: PARTS }, (_, index) => index + 1),
  );
  await comesBack(keepsake, memoryId, sha256);
});

test("a pause between two parts holds the next one back", limits, async () => {
  const keepsake = await client(Ed25519KeyIdentity.generate());
  const { path } = await file("paused.bin");
  const source = await fileSource(path);
  const upload = keepsake.upload(source, { concurrency: 1 });
  await until(() => partsSent().length === 1);
  upload.pause();
  await until(() => bucket.met.some(({ isPut, isAnswered }) => isPut && isAnswered));
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.deepEqual([partsSent(), upload.state], [[1], "paused"]);
  upload.resume();
  await until(() => partsSent().length === 2);
  await upload.cancel();
  await source.close();
  assert.equal((await keepsake.sessions.list()).filter(({ state }) => state === "pending").length, 0);
});

test("what the host does not fetch is read at its address", limits, async () => {
  const identity = Ed25519KeyIdentity.generate();
  const keepsake = await client(identity);
  const bytes = randomFillSync(new Uint8Array(3_000_000));
  const { memoryId } = await keepsake.upload(bytes, { hosting: "s3" }).done;
  const [asset] = (await keepsake.memories.read(memoryId)).assets;
  assert.ok(asset);
  const connection = new Connection({ host: front.url, canisterId: node.canisterId, identity });
  await connection.ready(connection.policy);
  const reader = new AssetReader(connection, front.url, memoryId, asset);
  const sending = { policy: connection.policy };
  assert.deepEqual(await reader.range(0, 3_000_000, sending), bytes);
  assert.deepEqual(await reader.range(1_000_000, 7, sending), bytes.subarray(1_000_000, 1_000_007));
  const strangers = new AssetReader(connection, front.url, memoryId, { ...asset, id: "asset_0" });
  await assert.rejects(strangers.range(0, 7, sending), (error) => error instanceof Error);
});
