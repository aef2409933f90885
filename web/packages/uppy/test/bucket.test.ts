// The plugin before a node whose originals go into a bucket: nothing is other for who uses it. Real @uppy/core, real node, real S3
// server.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { Ed25519KeyIdentity } from "@icp-sdk/core/identity";
import { Keepsake } from "@keepsake/sdk";
import { type KeepsakeBody, KeepsakeUploader } from "@keepsake/uppy";
import { type Meta, Uppy } from "@uppy/core";
import { NodeProcess } from "./node-process.js";
import { missingS3, S3Process } from "./s3-process.js";

const BYTES = 3_000_000;
const skip = missingS3();

let s3: S3Process;
let node: NodeProcess;
before(async () => {
  if (!skip) {
    s3 = await S3Process.start();
    node = await NodeProcess.start(s3.options);
  }
});
after(async () => {
  if (!skip) {
    await node.remove();
    await s3.remove();
  }
});

interface Watched {
  keepsake: Keepsake;
  uppy: Uppy<Meta, KeepsakeBody>;
  /** Origins that were written to by `PUT`. */
  puts: string[];
}

/** `hold`: waited for before a part goes out. */
async function somebody(hold: () => Promise<void> = async () => {}): Promise<Watched> {
  const puts: string[] = [];
  const watched: typeof fetch = async (input, init) => {
    if (init?.method === "PUT") {
      puts.push(new URL(String(input)).origin);
      await hold();
      init.signal?.throwIfAborted();
    }
    return await fetch(input, init);
  };
  const identity = Ed25519KeyIdentity.generate();
  const { url: host, canisterId } = node;
  const keepsake = await Keepsake.connect({ host, canisterId, identity, fetch: watched });
  const uppy = new Uppy<Meta, KeepsakeBody>();
  uppy.use(KeepsakeUploader, { keepsake });
  return { keepsake, uppy, puts };
}

test("a file goes into the bucket by itself, and Uppy sees what it always sees", { skip }, async () => {
  const { keepsake, uppy, puts } = await somebody();
  const bytes = randomBytes(BYTES);
  const sent: number[] = [];
  uppy.on("upload-progress", (_file, progress) => sent.push(progress.bytesUploaded));
  uppy.addFile({ name: "random.bin", type: "application/octet-stream", data: new Blob([bytes]) });
  const result = await uppy.upload();
  const body = result?.successful?.[0]?.response?.body;
  assert.deepEqual(puts, [s3.url]);
  assert.equal(body?.sha256, createHash("sha256").update(bytes).digest("hex"));
  assert.equal(sent.at(-1), BYTES);
  const back = await keepsake.download(body?.memoryId ?? "", "original");
  assert.deepEqual(Buffer.from(await back.arrayBuffer()), bytes);
});

test("a removed file frees its session in the bucket too, and a paused one goes on", { skip }, async () => {
  let begun = () => {};
  const isBegun = new Promise<void>((resolve) => {
    begun = resolve;
  });
  let release = () => {};
  const isReleased = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { keepsake, uppy, puts } = await somebody(async () => {
    begun();
    await isReleased;
  });
  const add = (name: string) =>
    uppy.addFile({ name, type: "application/octet-stream", data: new Blob([randomBytes(BYTES)]) });
  const [removed, paused] = [add("removed.bin"), add("paused.bin")];
  const uploading = uppy.upload();
  await isBegun;
  uppy.pauseResume(paused);
  uppy.removeFile(removed);
  release();
  uppy.pauseResume(paused);
  const result = await uploading;
  assert.equal(result?.successful?.length, 1);
  assert.ok(puts.length >= 1);
  const pending = async () => (await keepsake.sessions.list()).filter(({ state }) => state === "pending");
  for (let looks = 0; looks < 100 && (await pending()).length > 0; looks += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.deepEqual(await pending(), []);
  const { items } = await keepsake.memories.page(await keepsake.capsules.ownId());
  assert.deepEqual(
    items.map(({ title }) => title),
    ["paused.bin"],
  );
});
