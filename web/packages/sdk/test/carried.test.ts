// What comes along in the publish, and what is there already: how few messages a photo takes, and that the memory is the
// same as by sessions.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Ed25519KeyIdentity } from "@icp-sdk/core/identity";
import { KeepsakeError } from "@keepsake/sdk";
import { RunningNode } from "./node.js";
import { FaultyProxy } from "./proxy.js";
import {
  broken,
  connect,
  deriveFixed,
  deriveSmall,
  hex,
  pictureLike,
  randomBytes,
  sha256,
  sourceOf,
  Wire,
} from "./world.js";

const MiB = 1 << 20;
let node: RunningNode;
before(async () => {
  node = await RunningNode.start();
});
after(() => node.remove());

/** A client with a capsule of its own, whose messages are counted from now on. */
async function counted(url = node.url) {
  const wire = new Wire();
  const host = { url, canisterId: node.canisterId, remove: async () => {} };
  const keepsake = await connect(host, { fetch: wire.fetch, retry: { pauseFirstMs: 1, pauseMaxMs: 20 } });
  const { id: capsuleId } = await keepsake.capsules.own();
  wire.sent.length = 0;
  wire.asked.length = 0;
  return { wire, keepsake, capsuleId };
}

test("a small photo is one update and one query", async () => {
  const { wire, keepsake, capsuleId } = await counted();
  const bytes = pictureLike(300_000);
  const upload = keepsake.upload(sourceOf("p.png", bytes), { capsuleId, derive: deriveSmall });
  const result = await upload.done;
  assert.deepEqual(wire.sent, ["uploads_publish"]);
  assert.deepEqual(wire.asked, ["memories_find"]);
  assert.equal(hex(result.sha256), sha256(bytes));
  const { original, derivatives, phase } = upload.progress;
  assert.deepEqual([phase, original.state, original.bytesSent], ["done", "done", bytes.length]);
  assert.deepEqual([derivatives.state, derivatives.bytesSent], ["done", derivatives.bytesTotal]);

  const memory = await keepsake.memories.read(result.memoryId);
  assert.equal(memory.type, "image");
  assert.deepEqual(memory.assets.map(({ kind, bytes: length, width }) => [kind, length, width]).sort(), [
    ["display", 100_000, 1440],
    ["original", 300_000, 4000],
    ["placeholder", 700, 24],
    ["thumbnail", 40_000, 400],
  ]);
  const back = await keepsake.download(result.memoryId, "original");
  assert.equal(sha256(new Uint8Array(await back.arrayBuffer())), sha256(bytes));
});

test("the caller's own capsule is asked for once, and again where somebody deleted it", async () => {
  const identity = Ed25519KeyIdentity.generate();
  const wire = new Wire();
  const keepsake = await connect(node, { identity, fetch: wire.fetch });
  const upload = () => keepsake.upload(sourceOf("p.png", pictureLike(20_000))).done;
  const { capsuleId } = await upload();
  await upload();
  assert.deepEqual(wire.sent, ["capsules_create", "uploads_publish", "uploads_publish"]);

  const elsewhere = await connect(node, { identity });
  await elsewhere.capsules.delete(capsuleId);
  const again = await upload();
  assert.notEqual(again.capsuleId, capsuleId);
  assert.equal((await keepsake.memories.page(again.capsuleId)).items[0]?.id, again.memoryId);
});

test("of a large photo what was derived comes along; a large display has a session", async () => {
  const { wire, keepsake, capsuleId } = await counted();
  const photo = () => sourceOf("p.png", pictureLike(4_000_000));
  await keepsake.upload(photo(), { capsuleId, derive: deriveSmall }).done;
  assert.deepEqual([wire.count("uploads_begin"), wire.count("uploads_publish")], [1, 1]);
  const { memoryId } = await keepsake.upload(photo(), { capsuleId, derive: deriveFixed }).done;
  assert.deepEqual([wire.count("uploads_begin"), wire.count("uploads_publish")], [3, 2]);
  assert.equal((await keepsake.memories.read(memoryId)).assets.length, 4);
});

test("a publish whose answer was lost makes one memory", async () => {
  const { wire, keepsake, capsuleId } = await counted();
  wire.fault = (method, when, count) => {
    if (method === "uploads_publish" && when === "after" && count <= 2) {
      throw broken();
    }
  };
  const file = sourceOf("p.png", pictureLike(50_000));
  const { memoryId, alreadyThere } = await keepsake.upload(file, { capsuleId, derive: deriveSmall }).done;
  assert.equal(wire.count("uploads_publish"), 3);
  assert.equal(alreadyThere, false, "it was made by this upload");
  assert.deepEqual(
    (await keepsake.memories.page(capsuleId)).items.map(({ id }) => id),
    [memoryId],
  );
});

test("equal photos that set out before either was there make one memory", async () => {
  const { wire, keepsake, capsuleId } = await counted();
  let go = () => {};
  const both = new Promise<void>((resolve) => {
    go = resolve;
  });
  wire.fault = async (method, when, count) => {
    if (method === "uploads_publish" && when === "before") {
      if (count === 2) {
        go();
      }
      await both;
    }
  };
  const bytes = pictureLike(50_000);
  const twins = ["a.png", "b.png"].map((name) => keepsake.upload(sourceOf(name, bytes), { capsuleId }).done);
  const [a, b] = await Promise.all(twins);
  assert.equal(a?.memoryId, b?.memoryId);
  assert.deepEqual([a?.alreadyThere, b?.alreadyThere].sort(), [false, true]);
  assert.equal((await keepsake.memories.page(capsuleId)).items.length, 1);
});

test("what is there already is not derived again, nor sent", async () => {
  const { wire, keepsake, capsuleId } = await counted();
  const bytes = pictureLike(50_000);
  const first = await keepsake.upload(sourceOf("a.png", bytes), { capsuleId, derive: deriveSmall }).done;
  let derived = 0;
  const derive: typeof deriveSmall = async (...args) => {
    derived += 1;
    return await deriveSmall(...args);
  };
  wire.sent.length = 0;
  const again = await keepsake.upload(sourceOf("b.png", bytes), { capsuleId, derive }).done;
  assert.deepEqual([again.memoryId, again.alreadyThere, derived], [first.memoryId, true, 0]);
  assert.equal(again.assets.length, 4);
  assert.deepEqual(wire.sent, []);
  const another = await keepsake.upload(sourceOf("b.png", bytes), { capsuleId, derive, ifPresent: "again" })
    .done;
  assert.deepEqual([another.alreadyThere, derived], [false, 1]);
});

test("a large file that is there already is given up as soon as that is known", async () => {
  const { wire, keepsake, capsuleId } = await counted();
  const bytes = randomBytes(33 * MiB);
  const first = await keepsake.upload(sourceOf("a.bin", bytes), { capsuleId }).done;
  const sent = wire.puts;
  wire.onQuery = async (method) => {
    while (method === "memories_find" && wire.puts === sent) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  // It does not end before the memory is found.
  wire.fault = async (method, when, count) => {
    while (
      method === "uploads_put_chunk" &&
      when === "before" &&
      count > sent + 3 &&
      !wire.asked.includes("memories_read")
    ) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const again = await keepsake.upload(sourceOf("b.bin", bytes), { capsuleId }).done;
  assert.deepEqual([again.memoryId, again.alreadyThere], [first.memoryId, true]);
  const pending = (await keepsake.sessions.list()).filter(({ state }) => state === "pending");
  assert.deepEqual(pending, []);
});

test("where the publish is too large for a proxy, less comes along", async () => {
  const proxy = await FaultyProxy.before(node, ({ bytes }) => (bytes > MiB ? { status: 413 } : undefined));
  try {
    const { wire, keepsake, capsuleId } = await counted(proxy.url);
    const bytes = pictureLike(1_200_000);
    const { memoryId } = await keepsake.upload(sourceOf("p.png", bytes), { capsuleId, derive: deriveSmall })
      .done;
    assert.deepEqual([wire.count("uploads_publish"), wire.count("uploads_begin")], [2, 1]);
    const back = await keepsake.download(memoryId, "original");
    assert.equal(sha256(new Uint8Array(await back.arrayBuffer())), sha256(bytes));
    assert.deepEqual(
      (await keepsake.sessions.list()).filter(({ state }) => state === "pending"),
      [],
    );
  } finally {
    proxy.close();
  }
});

test("a small file that changes between two reads is not published", async () => {
  const { wire, keepsake, capsuleId } = await counted();
  const bytes = randomBytes(5_000);
  const source = sourceOf("a.bin", bytes);
  let reads = 0;
  const changing = {
    ...source,
    async slice(start: number, end: number) {
      reads += 1;
      // The first tells the type, the second the content.
      bytes[9] = reads > 2 ? 1 : 0;
      return bytes.slice(start, end);
    },
  };
  await assert.rejects(keepsake.upload(changing, { capsuleId }).done, (error: unknown) => {
    return error instanceof KeepsakeError && error.code === "file_changed";
  });
  assert.equal(wire.count("uploads_publish"), 0);
});

test("memories are found by the content of their originals", async () => {
  const { keepsake, capsuleId } = await counted();
  const { memoryId, sha256: hash } = await keepsake.upload(sourceOf("a", randomBytes(99)), { capsuleId })
    .done;
  assert.deepEqual(await keepsake.memories.find(capsuleId, [new Uint8Array(32), hash]), [
    undefined,
    memoryId,
  ]);
});
