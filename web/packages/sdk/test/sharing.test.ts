// Who sees what: two identities, tokens, deletion, and the same bytes twice.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Ed25519KeyIdentity } from "@icp-sdk/core/identity";
import { KeepsakeError } from "@keepsake/sdk";
import { RunningNode } from "./node.js";
import { connect, deriveFixed, pictureLike, randomBytes, sha256, sourceOf, Wire } from "./world.js";

let node: RunningNode;
before(async () => {
  node = await RunningNode.start();
});
after(() => node.remove());

const isNotFound = (error: unknown) => error instanceof KeepsakeError && error.kind === "NotFound";

test("two identities cannot see each other's capsules, memories, sessions or bytes", async () => {
  const [one, two] = [await connect(node), await connect(node)];
  const result = await one.upload(sourceOf("a.bin", randomBytes(1000))).done;
  const stop = new AbortController();
  const pending = one.upload(sourceOf("b.bin", randomBytes(9_000_000)), {
    concurrency: 1,
    signal: stop.signal,
    onProgress: ({ original }) => original.bytesSent > 0 && stop.abort(),
  });
  await assert.rejects(pending.done);
  const session = (await one.sessions.list()).find(({ state }) => state === "pending");
  assert.ok(session);

  assert.deepEqual(await two.capsules.list(), []);
  assert.deepEqual(await two.sessions.list(), []);
  await assert.rejects(two.capsules.read(result.capsuleId), isNotFound);
  await assert.rejects(two.memories.page(result.capsuleId), isNotFound);
  await assert.rejects(two.memories.read(result.memoryId), isNotFound);
  await assert.rejects(two.memories.delete(result.memoryId), isNotFound);
  await assert.rejects(two.download(result.memoryId, "original"), isNotFound);
  await assert.rejects(two.token(result.memoryId), isNotFound);
  await assert.rejects(two.sessions.status(session.id), isNotFound);
  assert.equal((await two.tokens([result.memoryId])).size, 0);
  assert.equal((await fetch(two.assetUrl(result.memoryId, "original"))).ok, false);
});

test("usage tells what is used and left, to those who may add", async () => {
  const [owner, guest] = [await connect(node), await connect(node)];
  const { capsuleId } = await owner.upload(sourceOf("a.bin", randomBytes(1000))).done;
  await owner.capsules.grant(capsuleId, guest.principal.toText(), "guest");
  const limits = new Map((await owner.usage(capsuleId)).map((limit) => [limit.code, limit]));
  assert.equal(limits.get("capsule_bytes")?.used, 1000);
  assert.equal(limits.get("members_per_capsule")?.used, 2);
  for (const { code, used, max, left, meaning } of limits.values()) {
    assert.equal(used + left, max, code);
    assert.ok(meaning, code);
  }
  const isUnauthorized = (error: unknown) => error instanceof KeepsakeError && error.kind === "Unauthorized";
  await assert.rejects(guest.usage(capsuleId), isUnauthorized);
  const own = (await guest.usage()).find(({ code }) => code === "sessions_per_caller");
  assert.deepEqual([own?.used, own?.left], [0, 1000]);
});

test("a member sees the capsule until its role is taken away", async () => {
  const [owner, guest] = [await connect(node), await connect(node)];
  const { capsuleId, memoryId } = await owner.upload(sourceOf("a.bin", randomBytes(1000))).done;
  await owner.capsules.grant(capsuleId, guest.principal.toText(), "guest");
  assert.deepEqual(
    (await guest.capsules.list()).map(({ id, role }) => [id, role]),
    [[capsuleId, "guest"]],
  );
  assert.equal((await guest.memories.read(memoryId)).id, memoryId);
  await owner.capsules.revoke(capsuleId, guest.principal);
  assert.deepEqual(await guest.capsules.list(), []);
  await assert.rejects(guest.memories.read(memoryId), isNotFound);
});

test("an address with a token opens the asset in a browser, and only that asset", async () => {
  const keepsake = await connect(node);
  const bytes = pictureLike(100_000);
  const { memoryId } = await keepsake.upload(sourceOf("p.png", bytes), { derive: deriveFixed }).done;
  const token = await keepsake.token(memoryId, { kinds: ["original"], validForSeconds: 60 });
  const original = await fetch(keepsake.assetUrl(memoryId, "original", { token }));
  assert.equal(original.headers.get("content-type"), "image/png");
  assert.equal(sha256(new Uint8Array(await original.arrayBuffer())), sha256(bytes));
  assert.equal((await fetch(keepsake.assetUrl(memoryId, "display", { token }))).status, 403);
  assert.equal((await fetch(keepsake.assetUrl(memoryId, "original"))).status, 401);
  const tokens = await keepsake.tokens([memoryId, "mem_999999"]);
  assert.deepEqual([...tokens.keys()], [memoryId]);
  const placeholder = await fetch(
    keepsake.assetUrl(memoryId, "placeholder", { token: tokens.get(memoryId) ?? "" }),
  );
  assert.equal((await placeholder.arrayBuffer()).byteLength, 700);
});

test("bytes that the capsule has are not sent again, unless asked for", async () => {
  const wire = new Wire();
  const keepsake = await connect(node, { fetch: wire.fetch });
  const bytes = randomBytes(2_000_000);
  const first = await keepsake.upload(sourceOf("a.bin", bytes)).done;
  const sent = wire.count("uploads_put_chunk");
  const same = await keepsake.upload(sourceOf("other name.bin", bytes)).done;
  assert.deepEqual([same.memoryId, same.alreadyThere], [first.memoryId, true]);
  assert.equal(wire.count("uploads_put_chunk"), sent);
  const again = await keepsake.upload(sourceOf("a.bin", bytes), { ifPresent: "again" }).done;
  assert.notEqual(again.memoryId, first.memoryId);
  assert.equal(again.alreadyThere, false);
  await keepsake.memories.delete(first.memoryId);
  await keepsake.memories.delete(again.memoryId);
  const fresh = await keepsake.upload(sourceOf("a.bin", bytes)).done;
  assert.equal(fresh.alreadyThere, false);
});

test("the same file dropped twice at once, and equal files under two names, make one memory", async () => {
  const keepsake = await connect(node);
  const bytes = randomBytes(4_000_000);
  const names = ["a.bin", "a.bin", "b.bin"];
  const results = await Promise.all(names.map((name) => keepsake.upload(sourceOf(name, bytes)).done));
  const ids = new Set(results.map(({ memoryId }) => memoryId));
  assert.equal(ids.size, 1);
  assert.equal(results.filter(({ alreadyThere }) => !alreadyThere).length, 1);
  const [result] = results;
  assert.ok(result);
  assert.equal((await keepsake.memories.page(result.capsuleId)).items.length, 1);
  assert.equal((await keepsake.sessions.list()).filter(({ state }) => state === "pending").length, 0);
});

test("two pages of the same person that upload the same file at once make one memory", async () => {
  const identity = Ed25519KeyIdentity.generate();
  const [one, two] = [await connect(node, { identity }), await connect(node, { identity })];
  const { id } = await one.capsules.own();
  const bytes = randomBytes(9_000_000);
  const [first, second] = await Promise.all([one, two].map((page) => page.upload(sourceOf("a", bytes)).done));
  assert.equal(first?.memoryId, second?.memoryId);
  assert.equal((await one.memories.page(id)).items.length, 1);
  assert.equal((await one.sessions.list()).filter(({ state }) => state === "pending").length, 0);
});

test("many uploads at once end as one memory each, in pages newest first", async () => {
  const keepsake = await connect(node);
  const files = Array.from({ length: 30 }, (_, index) =>
    sourceOf(`${index}.bin`, randomBytes(5_000 + index)),
  );
  const results = await Promise.all(files.map((file) => keepsake.upload(file).done));
  const { id } = await keepsake.capsules.own();
  const listed: string[] = [];
  let pages = 0;
  for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
    const page = await keepsake.memories.page(id, { cursor, limit: 7 });
    listed.push(...page.items.map((item) => item.id));
    cursor = page.nextCursor;
    pages += 1;
  }
  assert.equal(pages, 5);
  assert.deepEqual([...listed].sort(), results.map(({ memoryId }) => memoryId).sort());
  const all: string[] = [];
  for await (const header of keepsake.memories.all(id, { limit: 11 })) {
    all.push(header.id);
  }
  assert.deepEqual(all, listed);
});

test("changes stay, deletions free the bytes, and a lost answer to a deletion is no error", async () => {
  const wire = new Wire();
  const keepsake = await connect(node, { fetch: wire.fetch });
  const { memoryId, capsuleId } = await keepsake.upload(sourceOf("a.bin", randomBytes(100_000))).done;
  const when = new Date("2020-01-02T03:04:05Z");
  const changed = await keepsake.memories.update(memoryId, {
    title: "T",
    tags: ["a", "b"],
    notes: "N",
    dateOfMemory: when,
  });
  assert.deepEqual(
    [changed.title, changed.tags, changed.notes, changed.dateOfMemory],
    ["T", ["a", "b"], "N", when],
  );
  assert.ok((await keepsake.capsules.read(capsuleId)).bytesUsed >= 100_000);
  wire.fault = (method, at, count) => {
    if (method === "memories_delete" && at === "after" && count === 1) {
      throw new TypeError("fetch failed");
    }
  };
  await keepsake.memories.delete(memoryId);
  assert.equal(wire.count("memories_delete"), 2);
  await assert.rejects(keepsake.memories.delete(memoryId), isNotFound);
  assert.equal((await keepsake.capsules.read(capsuleId)).bytesUsed, 0);
});

test("deleting many and all", async () => {
  const keepsake = await connect(node);
  const made = await Promise.all(
    Array.from({ length: 5 }, (_, index) => keepsake.upload(sourceOf(`${index}`, randomBytes(64))).done),
  );
  const ids = made.map(({ memoryId }) => memoryId);
  const { id } = await keepsake.capsules.own();
  const bulk = await keepsake.memories.deleteMany(id, ids.slice(0, 2));
  assert.equal(bulk.deleted, 2);
  assert.equal(await keepsake.memories.deleteAll(id), 3);
  assert.deepEqual((await keepsake.memories.page(id)).items, []);
});

test("a capsule about somebody else", async () => {
  const keepsake = await connect(node);
  const about = await keepsake.capsules.createAbout("Grandma");
  assert.equal(about.subject, "Grandma");
  const own = await keepsake.capsules.own();
  const { capsuleId } = await keepsake.upload(sourceOf("a", randomBytes(10)), { capsuleId: about.id }).done;
  assert.equal(capsuleId, about.id);
  assert.deepEqual((await keepsake.capsules.list()).map(({ id }) => id).sort(), [about.id, own.id].sort());
  await keepsake.capsules.delete(about.id);
  assert.deepEqual(
    (await keepsake.capsules.list()).map(({ id }) => id),
    [own.id],
  );
});

test("the anonymous principal sees only what is open to everybody", async () => {
  const owner = await connect(node);
  const { capsuleId, memoryId } = await owner.upload(sourceOf("a.bin", randomBytes(100))).done;
  const nobody = await connect(node, { identity: undefined });
  await assert.rejects(nobody.memories.read(memoryId), isNotFound);
  await assert.rejects(nobody.upload(sourceOf("b", randomBytes(10))).done, { kind: "Unauthorized" });
  await owner.capsules.grant(capsuleId, nobody.principal, "guest");
  assert.equal((await nobody.memories.read(memoryId)).id, memoryId);
});
