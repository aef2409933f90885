// Wrong inputs and hostile circumstances: a clear error each, and nothing half-done.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { IC_ROOT_KEY } from "@icp-sdk/core/agent";
import { Keepsake, KeepsakeError } from "@keepsake/sdk";
import { RunningNode } from "./node.js";
import { connect, randomBytes, says, sha256, sourceOf, Wire } from "./world.js";

const CHUNK = 1_800_000;
let node: RunningNode;
before(async () => {
  node = await RunningNode.start();
});
after(() => node.remove());

test("an empty file is refused before anything is sent", async () => {
  const wire = new Wire();
  const keepsake = await connect(node, { fetch: wire.fetch });
  const upload = keepsake.upload(new File([], "a.txt"));
  await assert.rejects(upload.done, says("InvalidArgument", "file_empty", /"a.txt" is empty/));
  assert.deepEqual(wire.sent, []);
});

test("a file above the limits is refused with the limit", async () => {
  const keepsake = await connect(node);
  const source = { ...sourceOf("huge.mov", new Uint8Array(1)), size: 2 ** 52 };
  await assert.rejects(
    keepsake.upload(source).done,
    says("InvalidArgument", "file_too_large", /takes up to \d+/),
  );
});

test("a host that is no web address, and a canister id that is none", async () => {
  const { url: host, canisterId } = node;
  const bad = Keepsake.connect({ host: "127.0.0.1:4943", canisterId });
  await assert.rejects(bad, says("InvalidArgument", "bad_host", /write http:\/\/HOST:PORT/));
  const wrong = Keepsake.connect({ host, canisterId: "nonsense" });
  await assert.rejects(wrong, says("InvalidArgument", "bad_canister_id", /no canister id/));
});

test("a root key that was kept is the only one that answers are checked against", async () => {
  const { rootKey } = await connect(node);
  assert.equal(rootKey.length, 133);
  const again = await connect(node, { rootKey });
  assert.deepEqual(await again.capsules.list(), []);
  const other = Uint8Array.from(Buffer.from(IC_ROOT_KEY, "hex"));
  await assert.rejects(connect(node, { rootKey: other }), says("Integrity", "not_authentic", /do not trust/));
});

test("a host that nobody listens on", async () => {
  const connecting = Keepsake.connect({
    host: "http://127.0.0.1:1",
    canisterId: node.canisterId,
    retry: { unreachableMaxMs: 300 },
  });
  await assert.rejects(connecting, says("Network", "unreachable", /check that the node runs/));
});

test("a host that is some other server", async () => {
  const server = createServer((_, response) => response.end("<html>hello</html>")).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  try {
    const host = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const connecting = Keepsake.connect({ host, canisterId: node.canisterId });
    await assert.rejects(connecting, says("Network", "not_a_node", /address of a Keepsake node/));
  } finally {
    server.close();
  }
});

test("a canister that this host does not have", async () => {
  const connecting = Keepsake.connect({ host: node.url, canisterId: "ryjl3-tyaaa-aaaaa-aaaba-cai" });
  await assert.rejects(connecting, says("NotFound", "wrong_canister", /check the canister id/));
});

test("a capsule that the caller has no role in, and one where it only reads", async () => {
  const [owner, other] = [await connect(node), await connect(node)];
  const { id } = await owner.capsules.own();
  const upload = () =>
    other.upload(sourceOf("a", randomBytes(10)), { capsuleId: id, ifPresent: "again" }).done;
  await assert.rejects(upload(), says("NotFound", "not_found", /no role in it/));
  await owner.capsules.grant(id, other.principal, "guest");
  await assert.rejects(upload(), says("Unauthorized", "unauthorized", /role of a member/));
});

test("a role that is taken away or lowered ends the upload with a clear error, and leaves no session", async () => {
  for (const lowered of [false, true]) {
    const wire = new Wire();
    const [owner, other] = [await connect(node), await connect(node, { fetch: wire.fetch })];
    const { id } = await owner.capsules.own();
    await owner.capsules.grant(id, other.principal, "member");
    wire.fault = async (method, when, count) => {
      if (method === "uploads_put_chunk" && when === "before" && count === 3) {
        const { principal } = other;
        await (lowered ? owner.capsules.grant(id, principal, "guest") : owner.capsules.revoke(id, principal));
      }
    };
    const upload = other.upload(sourceOf("a", randomBytes(8 * CHUNK)), { capsuleId: id, concurrency: 1 });
    await assert.rejects(upload.done, (error: unknown) => {
      assert.ok(
        error instanceof KeepsakeError && ["NotFound", "Unauthorized"].includes(error.kind),
        String(error),
      );
      assert.match(error.message, /role/);
      return true;
    });
    assert.equal((await owner.memories.page(id)).items.length, 0);
    const pending = (await other.sessions.list()).filter(({ state }) => state === "pending");
    assert.deepEqual(pending, []);
  }
});

test("a file that changes while it is uploaded is not published, and its sessions are freed", async () => {
  const keepsake = await connect(node);
  const bytes = randomBytes(4 * CHUNK);
  const source = sourceOf("a.bin", bytes);
  let changed = false;
  const upload = keepsake.upload(source, {
    concurrency: 1,
    onProgress: ({ original }) => {
      if (!changed && original.bytesSent >= CHUNK) {
        changed = true;
        bytes.fill(7);
      }
    },
  });
  await assert.rejects(upload.done, says("Integrity", "file_changed", /nothing was published/));
  assert.equal(upload.state, "failed");
  assert.deepEqual(await keepsake.sessions.list(), []);
  const { id } = await keepsake.capsules.own();
  assert.equal((await keepsake.memories.page(id)).items.length, 0);
});

test("a source that is shorter than it said", async () => {
  const keepsake = await connect(node);
  const source = { ...sourceOf("a.bin", randomBytes(CHUNK)), size: 2 * CHUNK };
  await assert.rejects(keepsake.upload(source).done, says("Integrity", "file_changed", /changed/));
});

test("what an earlier upload left under the same key, with other bytes, is replaced", async () => {
  const keepsake = await connect(node);
  const bytes = randomBytes(5 * CHUNK);
  // The middle of the first chunk is no part of the samples that tell files apart.
  const other = bytes.slice();
  other[500_000] = (other[500_000] ?? 0) ^ 1;
  const stop = new AbortController();
  const first = keepsake.upload(sourceOf("a.bin", other), {
    concurrency: 1,
    signal: stop.signal,
    onProgress: ({ original }) => original.bytesSent >= 2 * CHUNK && stop.abort(),
  });
  await assert.rejects(first.done);
  const [pending] = await keepsake.sessions.list();
  const result = await keepsake.upload(sourceOf("a.bin", bytes)).done;
  const back = await keepsake.download(result.memoryId, "original");
  assert.equal(sha256(new Uint8Array(await back.arrayBuffer())), sha256(bytes));
  assert.ok(pending && (await keepsake.sessions.list()).every(({ id }) => id !== pending.id));
});

test("a full quota says so and leaves no session", async () => {
  const own = await RunningNode.start(["--heap-bytes-max", String(8 * CHUNK)]);
  try {
    const keepsake = await connect(own);
    const upload = keepsake.upload(sourceOf("a.bin", randomBytes(12 * CHUNK)));
    await assert.rejects(upload.done, says("ResourceExhausted", "resource_exhausted", /delete something/));
    assert.deepEqual(await keepsake.sessions.list(), []);
  } finally {
    await own.remove();
  }
});

test("arguments of the wrong type are told as such", async () => {
  const keepsake = await connect(node);
  const reading = keepsake.memories.read(7 as unknown as string);
  await assert.rejects(reading, says("InvalidArgument", "bad_argument", /check the type/));
});

test("a refusal carries the code of the service's table and what it means", async () => {
  const keepsake = await connect(node);
  const { id } = await keepsake.capsules.own();
  const page = keepsake.memories.page(id, { cursor: "nonsense" });
  await assert.rejects(page, says("InvalidArgument", "cursor_malformed", /pass next_cursor back/));
});
