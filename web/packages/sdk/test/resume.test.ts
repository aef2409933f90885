// What goes on after a break: a lost reply, an aborted upload, a killed node, a pause, a cancel.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Ed25519KeyIdentity } from "@icp-sdk/core/identity";
import { KeepsakeError, type UploadProgress } from "@keepsake/sdk";
import { RATE_FROM_MS } from "../dist/upload/progress.js";
import { RunningNode } from "./node.js";
import {
  broken,
  connect,
  deriveFixed,
  hex,
  pictureLike,
  randomBytes,
  sha256,
  sourceOf,
  Wire,
} from "./world.js";

const MiB = 1 << 20;
const CHUNK = 1_800_000;
let node: RunningNode;
before(async () => {
  node = await RunningNode.start();
});
after(() => node.remove());

test("an upload that was stopped goes on with what is missing, and hashes the whole file", async () => {
  const identity = Ed25519KeyIdentity.generate();
  const bytes = randomBytes(10 * CHUNK + 5);
  const stop = new AbortController();
  const first = await connect(node, { identity });
  const started = first.upload(sourceOf("a.bin", bytes), {
    concurrency: 2,
    signal: stop.signal,
    onProgress: (progress) => {
      if (progress.original.bytesSent >= 4 * CHUNK) {
        stop.abort();
      }
    },
  });
  await assert.rejects(started.done, (error) => error instanceof KeepsakeError && error.code === "aborted");
  const [session] = (await first.sessions.list()).filter(({ state }) => state === "pending");
  assert.ok(session && session.chunksReceived >= 4 && session.kind === "original");

  // As after a reload: nothing is remembered but the file and the identity.
  const wire = new Wire();
  const again = await connect(node, { identity, fetch: wire.fetch });
  const there = (await again.sessions.status(session.id)).chunksReceived;
  const result = await again.upload(sourceOf("a.bin", bytes)).done;
  assert.equal(wire.count("uploads_put_chunk"), 11 - there);
  assert.equal(hex(result.sha256), sha256(bytes));
  const back = await again.download(result.memoryId, "original");
  assert.equal(sha256(new Uint8Array(await back.arrayBuffer())), sha256(bytes));
});

test("lost requests and lost replies of every message change nothing", async () => {
  const wire = new Wire();
  const met = new Set<string>();
  wire.fault = (method, when, count) => {
    // The first message of each method is lost on its way, the answer of the second on its way back.
    if ((count === 1 && when === "before") || (count === 2 && when === "after")) {
      met.add(`${method} ${when}`);
      throw broken();
    }
  };
  const keepsake = await connect(node, { fetch: wire.fetch });
  const bytes = pictureLike(3 * CHUNK);
  const result = await keepsake.upload(sourceOf("p.png", bytes), { derive: deriveFixed }).done;
  for (const method of ["capsules_create", "uploads_begin", "uploads_put_chunk", "uploads_publish"]) {
    assert.ok(met.has(`${method} before`) && met.has(`${method} after`), `${method}: ${[...met]}`);
  }
  const page = await keepsake.memories.page(result.capsuleId);
  assert.deepEqual(
    page.items.map(({ id, assets }) => [id, assets.length]),
    [[result.memoryId, 4]],
  );
  assert.equal((await keepsake.sessions.list()).filter(({ state }) => state === "pending").length, 0);
});

test("a node that is killed in the middle and started again: the same upload ends well", async () => {
  const own = await RunningNode.start();
  try {
    const wire = new Wire();
    const keepsake = await connect(own, { fetch: wire.fetch });
    const bytes = randomBytes(20 * CHUNK);
    let killed: Promise<void> | undefined;
    let sawOffline = false;
    let retried = 0;
    const upload = keepsake.upload(sourceOf("k.bin", bytes), {
      concurrency: 4,
      onProgress: (progress: UploadProgress) => {
        sawOffline ||= progress.offline;
        retried = Math.max(retried, progress.attempt);
        if (progress.original.bytesSent >= 6 * CHUNK) {
          killed ??= own.kill().then(
            () =>
              new Promise<void>((resolve, reject) => {
                setTimeout(() => own.startAgain().then(resolve, reject), 1500);
              }),
          );
        }
      },
    });
    const result = await upload.done;
    await killed;
    assert.ok(killed && sawOffline && retried > 1, "the node was away in the middle");
    assert.equal(hex(result.sha256), sha256(bytes));
    const back = await keepsake.download(result.memoryId, "original");
    assert.equal(sha256(new Uint8Array(await back.arrayBuffer())), sha256(bytes));
    assert.equal((await keepsake.memories.page(result.capsuleId)).items.length, 1);
    assert.equal(wire.count("uploads_begin"), 1, "it went on in the session that it had");
    assert.equal(upload.progress.offline, false);
  } finally {
    await own.remove();
  }
});

test("a session that is freed under the upload is begun again", async () => {
  const wire = new Wire();
  const identity = Ed25519KeyIdentity.generate();
  const [keepsake, other] = [
    await connect(node, { identity, fetch: wire.fetch }),
    await connect(node, { identity }),
  ];
  wire.fault = async (method, when, count) => {
    if (method === "uploads_put_chunk" && when === "before" && count === 3) {
      await Promise.all((await other.sessions.list()).map(({ id }) => other.sessions.abort(id)));
    }
  };
  const bytes = randomBytes(6 * CHUNK);
  const seen: number[] = [];
  const upload = keepsake.upload(sourceOf("a.bin", bytes), {
    concurrency: 1,
    onProgress: ({ original }) => seen.push(original.bytesSent),
  });
  const result = await upload.done;
  assert.equal(hex(result.sha256), sha256(bytes));
  assert.equal(wire.count("uploads_begin"), 2);
  assert.deepEqual(
    seen,
    [...seen].sort((a, b) => a - b),
    "bytes sent never fall",
  );
});

test("an upload gives up when nobody answers for as long as it was told", async () => {
  const own = await RunningNode.start();
  try {
    const keepsake = await connect(own);
    await own.kill();
    const upload = keepsake.upload(sourceOf("a.bin", randomBytes(100)), { offlineMaxSeconds: 1 });
    await assert.rejects(upload.done, (error) => {
      return error instanceof KeepsakeError && error.kind === "Network" && error.code === "unreachable";
    });
    assert.equal(upload.state, "failed");
  } finally {
    await own.remove();
  }
});

test("a paused upload sends nothing until it goes on", async () => {
  const wire = new Wire();
  const keepsake = await connect(node, { fetch: wire.fetch });
  const bytes = randomBytes(8 * CHUNK);
  let paused = false;
  const upload = keepsake.upload(sourceOf("a.bin", bytes), {
    concurrency: 2,
    onProgress: (progress) => {
      if (!paused && progress.original.bytesSent >= 2 * CHUNK) {
        paused = true;
        upload.pause();
      }
    },
  });
  while (upload.state !== "paused") {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  // What was in flight arrives; then nothing more.
  let before = -1;
  while (before !== upload.progress.original.bytesSent || wire.count("uploads_put_chunk") > 4) {
    before = upload.progress.original.bytesSent;
    await new Promise((resolve) => setTimeout(resolve, 400));
  }
  assert.ok(before < bytes.length);
  assert.equal(upload.progress.phase, "paused");
  upload.resume();
  const result = await upload.done;
  assert.equal(hex(result.sha256), sha256(bytes));
  assert.equal(wire.count("uploads_put_chunk"), 8);
});

test("a canceled upload frees its sessions, those of both lanes", async () => {
  const keepsake = await connect(node);
  const upload = keepsake.upload(sourceOf("p.png", pictureLike(12 * CHUNK)), {
    derive: deriveFixed,
    concurrency: 2,
  });
  while (upload.progress.original.bytesSent < 3 * CHUNK) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.ok((await keepsake.sessions.list()).length >= 2);
  await upload.cancel();
  await assert.rejects(upload.done, (error) => error instanceof KeepsakeError && error.code === "canceled");
  assert.equal(upload.state, "canceled");
  assert.deepEqual(await keepsake.sessions.list(), []);
  assert.equal((await keepsake.capsules.own()).bytesInFlight, 0);
});

test("a paused upload can be canceled, and one that is done cannot", async () => {
  const keepsake = await connect(node);
  const upload = keepsake.upload(sourceOf("a.bin", randomBytes(CHUNK)));
  upload.pause();
  await upload.cancel();
  assert.equal(upload.state, "canceled");
  const done = keepsake.upload(sourceOf("b.bin", randomBytes(100)));
  const { memoryId } = await done.done;
  await done.cancel();
  assert.equal(done.state, "done");
  assert.equal((await keepsake.memories.read(memoryId)).id, memoryId);
});

test("a begin whose answer was lost is freed by cancel too", async () => {
  const wire = new Wire();
  const keepsake = await connect(node, { fetch: wire.fetch });
  await keepsake.capsules.own();
  wire.fault = (method, when) => {
    if (method === "uploads_begin" && when === "after") {
      throw broken();
    }
  };
  const upload = keepsake.upload(sourceOf("a.bin", randomBytes(2 * CHUNK)));
  while (wire.count("uploads_begin") < 2) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.equal((await keepsake.sessions.list()).length, 1);
  await upload.cancel();
  assert.deepEqual(await keepsake.sessions.list(), []);
});

test("a signal that has fired already stops before anything is sent", async () => {
  const wire = new Wire();
  const keepsake = await connect(node, { fetch: wire.fetch });
  const upload = keepsake.upload(sourceOf("a.bin", randomBytes(100)), { signal: AbortSignal.abort() });
  await assert.rejects(upload.done, { kind: "Aborted" });
  assert.deepEqual(wire.sent, []);
});

test("rate and time left are told while sending", async () => {
  const wire = new Wire();
  wire.fault = async (method, when, count) => {
    if (method === "uploads_put_chunk" && when === "before" && count === 4) {
      // A rate is not told before so many of them.
      await new Promise((resolve) => setTimeout(resolve, RATE_FROM_MS + 100));
    }
  };
  const keepsake = await connect(node, { fetch: wire.fetch });
  let told = false;
  const upload = keepsake.upload(sourceOf("a.bin", randomBytes(12 * MiB)), {
    concurrency: 1,
    onProgress: ({ phase, bytesPerSecond, secondsLeft }) => {
      told ||= phase === "uploading" && bytesPerSecond > 0 && (secondsLeft ?? 0) > 0;
    },
  });
  await upload.done;
  assert.ok(told);
});

test("sessions that somebody ended before the publish are begun anew", async () => {
  const wire = new Wire();
  const identity = Ed25519KeyIdentity.generate();
  const keepsake = await connect(node, { identity, fetch: wire.fetch });
  const other = await connect(node, { identity });
  wire.fault = async (method, when, count) => {
    if (method === "uploads_publish" && when === "before" && count === 1) {
      await Promise.all((await other.sessions.list()).map(({ id }) => other.sessions.abort(id)));
    }
  };
  const bytes = randomBytes(2 * CHUNK);
  const result = await keepsake.upload(sourceOf("a.bin", bytes)).done;
  assert.equal(hex(result.sha256), sha256(bytes));
  assert.deepEqual([wire.count("uploads_begin"), wire.count("uploads_publish")], [2, 2]);
});

test("files that look the same and are not arrive both when two clients send them at once", async () => {
  const identity = Ed25519KeyIdentity.generate();
  const clients = [await connect(node, { identity }), await connect(node, { identity })];
  // Equal in name, size, time and samples, as images of disks are.
  const uploads = clients.map((keepsake, number) => {
    const bytes = new Uint8Array(12 * CHUNK).fill(1);
    bytes[100_000] = 2 + number;
    return keepsake.upload(sourceOf("volume.img", bytes)).done;
  });
  const [first, second] = await Promise.all(uploads);
  assert.notEqual(first?.memoryId, second?.memoryId);
  assert.notDeepEqual(first?.sha256, second?.sha256);
  const pending = (await clients[0]?.sessions.list())?.filter(({ state }) => state === "pending");
  assert.deepEqual(pending, []);
});
