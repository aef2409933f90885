// The plugin as a user of Uppy meets it: real @uppy/core, real SDK, real node. Each test has its own Uppy.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, before, mock, test } from "node:test";
import { Ed25519KeyIdentity } from "@icp-sdk/core/identity";
import { Keepsake } from "@keepsake/sdk";
import { type KeepsakeBody, KeepsakeUploader } from "@keepsake/uppy";
import { type Meta, Uppy, type UppyFile } from "@uppy/core";
import { NodeProcess } from "./node-process.js";

type File = UppyFile<Meta, KeepsakeBody>;

/** Bytes of several chunks, so that there is a middle to stop in. */
const SEVERAL_CHUNKS = 24_000_000;

/** Bound of all that an upload sends beside its chunks, bytes. */
const SMALL_MESSAGES = 200_000;

let node: NodeProcess;

before(async () => {
  node = await NodeProcess.start();
});
after(async () => {
  await node.remove();
});

async function somebody(
  identity = Ed25519KeyIdentity.generate(),
  fetchThrough: typeof fetch = fetch,
): Promise<Keepsake> {
  const { url: host, canisterId } = node;
  return await Keepsake.connect({ host, canisterId, identity, fetch: fetchThrough });
}

async function uppyOf(keepsake: Keepsake, limit?: number): Promise<Uppy<Meta, KeepsakeBody>> {
  const capsule = await keepsake.capsules.own();
  const uppy = new Uppy<Meta, KeepsakeBody>();
  uppy.use(KeepsakeUploader, { keepsake, capsuleId: capsule.id, limit });
  return uppy;
}

function add(uppy: Uppy<Meta, KeepsakeBody>, name: string, bytes: Uint8Array<ArrayBuffer>): string {
  return uppy.addFile({ name, type: "application/octet-stream", data: new Blob([bytes]) });
}

/** Resolves at the first progress that passes `share` of the file. */
function progressOf(uppy: Uppy<Meta, KeepsakeBody>, fileId: string, share: number): Promise<void> {
  return new Promise((resolve) => {
    const look = (file: File | undefined, progress: { bytesUploaded: number; bytesTotal: number | null }) => {
      if (file?.id !== fileId || progress.bytesUploaded < share * (progress.bytesTotal ?? 0)) return;
      uppy.off("upload-progress", look);
      resolve();
    };
    uppy.on("upload-progress", look);
  });
}

function pendingOf(keepsake: Keepsake) {
  return keepsake.sessions
    .list()
    .then((sessions) => sessions.filter((session) => session.state === "pending"));
}

test("a file becomes a memory whose original has the same bytes", async () => {
  const keepsake = await somebody();
  const uppy = await uppyOf(keepsake);
  const bytes = randomBytes(3_000_000);
  const events: string[] = [];
  uppy.on("upload-start", () => events.push("start"));
  uppy.on("upload-success", () => events.push("success"));
  uppy.on("complete", () => events.push("complete"));
  add(uppy, "random.bin", bytes);

  const result = await uppy.upload();

  assert.deepEqual(events, ["start", "success", "complete"]);
  assert.equal(result?.failed?.length, 0);
  const file = result?.successful?.[0];
  const body = file?.response?.body;
  assert.equal(file?.progress.uploadComplete, true);
  assert.equal(body?.sha256, createHash("sha256").update(bytes).digest("hex"));
  assert.equal(body?.alreadyThere, false);
  assert.match(file?.uploadURL ?? "", /\/asset\/mem_\d+\/original$/);
  const back = await keepsake.download(body?.memoryId ?? "", "original");
  assert.deepEqual(Buffer.from(await back.arrayBuffer()), bytes);
  const memory = await keepsake.memories.read(body?.memoryId ?? "");
  assert.equal(memory.title, "random.bin");
});

test("progress of the original rises to its size, and both lanes are told", async () => {
  const keepsake = await somebody();
  const uppy = await uppyOf(keepsake);
  const sent: number[] = [];
  const phases = new Set<string>();
  uppy.on("upload-progress", (_file, progress) => sent.push(progress.bytesUploaded));
  uppy.on("keepsake-progress", (_file, progress) => phases.add(progress.phase));
  add(uppy, "large.bin", randomBytes(SEVERAL_CHUNKS));

  await uppy.upload();

  assert.deepEqual(
    sent,
    [...sent].sort((a, b) => a - b),
    "progress never falls",
  );
  assert.equal(sent.at(-1), SEVERAL_CHUNKS);
  assert.ok(phases.has("uploading"), [...phases].join());
});

test("a paused file sends nothing more, and goes on where it was", async () => {
  const keepsake = await somebody();
  const uppy = await uppyOf(keepsake);
  const id = add(uppy, "paused.bin", randomBytes(SEVERAL_CHUNKS));
  const halfway = progressOf(uppy, id, 0.2);
  const uploading = uppy.upload();
  await halfway;
  uppy.pauseResume(id);
  await settled(keepsake);
  const [before] = await pendingOf(keepsake);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const [later] = await pendingOf(keepsake);
  assert.ok(before !== undefined && later !== undefined, "the session is kept while paused");
  assert.equal(later.bytesReceived, before.bytesReceived);
  assert.ok(before.bytesReceived < SEVERAL_CHUNKS);

  uppy.pauseResume(id);
  const result = await uploading;
  assert.equal(result?.successful?.length, 1);
});

test("pause all stops every file, resume all finishes them", async () => {
  const keepsake = await somebody();
  const uppy = await uppyOf(keepsake);
  const ids = ["a.bin", "b.bin", "c.bin", "d.bin"].map((name) => add(uppy, name, randomBytes(8_000_000)));
  const begun = progressOf(uppy, ids[0] ?? "", 0.2);
  const uploading = uppy.upload();
  await begun;
  uppy.pauseAll();
  await settled(keepsake);
  const before = await received(keepsake);
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.equal(await received(keepsake), before);

  uppy.resumeAll();
  const result = await uploading;
  assert.equal(result?.successful?.length, 4);
});

test("no more files than the limit upload at once", async () => {
  const keepsake = await somebody();
  const uppy = await uppyOf(keepsake, 2);
  const running = new Set<string>();
  let most = 0;
  uppy.on("keepsake-progress", (file, progress) => {
    if (progress.phase === "done") running.delete(file.id);
    else running.add(file.id);
    most = Math.max(most, running.size);
  });
  uppy.on("upload-success", (file) => running.delete(file?.id ?? ""));
  for (const name of ["a.bin", "b.bin", "c.bin", "d.bin", "e.bin"]) add(uppy, name, randomBytes(4_000_000));
  const result = await uppy.upload();
  assert.equal(result?.successful?.length, 5);
  assert.equal(most, 2);
});

test("a limit without an end, or none, asks for no endless number of turns", async () => {
  const keepsake = await somebody();
  for (const limit of [undefined, 0, Number.POSITIVE_INFINITY]) {
    const uppy = await uppyOf(keepsake, limit);
    add(uppy, "one.bin", randomBytes(1_000));
    let turns = 0;
    const queue = globalThis.queueMicrotask;
    const later = mock.method(globalThis, "queueMicrotask", (work: () => void) => {
      turns += 1;
      // An endless loop of them would leave no time for a timeout of this test.
      if (turns > 10_000) throw new Error("endless turns");
      queue(work);
    });
    try {
      const result = await uppy.upload();
      assert.equal(result?.successful?.length, 1, `limit ${limit}`);
    } finally {
      later.mock.restore();
    }
    uppy.destroy();
  }
});

test("a removed file frees its session, the others go on", async () => {
  const keepsake = await somebody();
  const uppy = await uppyOf(keepsake);
  const unwanted = add(uppy, "unwanted.bin", randomBytes(SEVERAL_CHUNKS));
  add(uppy, "wanted.bin", randomBytes(2_000_000));
  const begun = progressOf(uppy, unwanted, 0.1);
  const uploading = uppy.upload();
  await begun;
  uppy.removeFile(unwanted);
  const result = await uploading;
  assert.deepEqual(
    result?.successful?.map((file) => file.name),
    ["wanted.bin"],
  );
  await eventually(async () => (await pendingOf(keepsake)).length === 0);
});

test("cancel all ends everything and frees the sessions; Uppy can be used again", async () => {
  const keepsake = await somebody();
  const uppy = await uppyOf(keepsake);
  const id = add(uppy, "first.bin", randomBytes(SEVERAL_CHUNKS));
  const begun = progressOf(uppy, id, 0.1);
  const uploading = uppy.upload();
  await begun;
  uppy.cancelAll();
  await uploading;
  await eventually(async () => (await pendingOf(keepsake)).length === 0);
  assert.equal(uppy.getFiles().length, 0);

  add(uppy, "second.bin", randomBytes(1_000));
  const result = await uppy.upload();
  assert.equal(result?.successful?.length, 1);
});

test("a refusal is an upload error, and retry succeeds once the reason is gone", async () => {
  const owner = await somebody();
  const guest = await somebody();
  const capsule = await owner.capsules.own();
  await owner.capsules.grant(capsule.id, guest.principal, "guest");
  const uppy = new Uppy<Meta, KeepsakeBody>();
  uppy.use(KeepsakeUploader, { keepsake: guest, capsuleId: capsule.id });
  const errors: string[] = [];
  uppy.on("upload-error", (file, error) => errors.push(`${file?.name}: ${error.name}`));
  add(uppy, "refused.bin", randomBytes(100_000));
  const refused = await uppy.upload();
  assert.equal(refused?.failed?.length, 1);
  assert.deepEqual(errors, ["refused.bin: KeepsakeError"]);
  assert.match(uppy.getFiles()[0]?.error ?? "", /role/);

  await owner.capsules.grant(capsule.id, guest.principal, "member");
  const result = await uppy.retryAll();
  assert.equal(result?.successful?.length, 1);
  assert.deepEqual(errors.length, 1, "nothing of the failed attempt answers the retry");
});

test("the node killed in the middle and started again: the upload ends well", async () => {
  const keepsake = await somebody();
  const uppy = await uppyOf(keepsake);
  const id = add(uppy, "survives.bin", randomBytes(SEVERAL_CHUNKS));
  const halfway = progressOf(uppy, id, 0.3);
  const uploading = uppy.upload();
  await halfway;
  await node.kill();
  await node.startAgain();
  const result = await uploading;
  assert.equal(result?.successful?.length, 1);
});

test("a file restored after a reload sends only what is missing", async () => {
  const identity = Ed25519KeyIdentity.generate();
  const keepsake = await somebody(identity);
  const bytes = randomBytes(SEVERAL_CHUNKS);
  const first = await uppyOf(keepsake);
  const id = add(first, "restored.bin", bytes);
  const halfway = progressOf(first, id, 0.3);
  void first.upload();
  await halfway;
  // What a reload leaves: the plugin's work stops without a word to the service.
  const { files, currentUploads } = first.getState();
  const plugin = first.getPlugin("Keepsake");
  assert.ok(plugin !== undefined);
  first.removePlugin(plugin);
  await settled(keepsake);
  const [session] = await pendingOf(keepsake);
  assert.ok(session !== undefined && session.bytesReceived > 0);

  let bytesSent = 0;
  const counting: typeof fetch = (input, init) => {
    if (init?.body instanceof Uint8Array) bytesSent += init.body.length;
    return fetch(input, init);
  };
  const second = await uppyOf(await somebody(identity, counting));
  let started = 0;
  second.on("upload-start", (begun) => {
    started += begun.length;
  });
  // As Golden Retriever does it.
  const restored = Object.entries(files).map(([key, file]) => [key, { ...file, isRestored: true }]);
  second.setState({ files: Object.fromEntries(restored), currentUploads });
  const [uploadId] = Object.keys(currentUploads);
  const result = await second.restore(uploadId ?? "");

  assert.equal(result?.successful?.length, 1);
  assert.equal(started, 0, "a restored file does not start anew");
  const missing = SEVERAL_CHUNKS - session.bytesReceived;
  assert.ok(bytesSent >= missing, `${bytesSent} bytes were seen, ${missing} were missing`);
  assert.ok(bytesSent < missing + SMALL_MESSAGES, `${bytesSent} bytes were sent for ${missing} missing ones`);
});

test("the same bytes again name the memory that is there", async () => {
  const keepsake = await somebody();
  const bytes = randomBytes(2_500_000);
  const first = await uppyOf(keepsake);
  add(first, "once.bin", bytes);
  const once = (await first.upload())?.successful?.[0]?.response?.body;
  const second = await uppyOf(keepsake);
  add(second, "twice.bin", bytes);
  const twice = (await second.upload())?.successful?.[0]?.response?.body;
  assert.equal(twice?.alreadyThere, true);
  assert.equal(twice?.memoryId, once?.memoryId);
});

test("a file from a remote source is refused with what to do", async () => {
  const keepsake = await somebody();
  const uppy = await uppyOf(keepsake);
  const remote = { companionUrl: "", requestClientId: "x", url: "" };
  const file = { name: "cloud.jpg", isRemote: true, data: { size: 10 }, remote };
  uppy.addFile(file as Parameters<typeof uppy.addFile>[0]);
  const result = await uppy.upload();
  assert.match(result?.failed?.[0]?.error ?? "", /download it first/);
});

async function received(keepsake: Keepsake): Promise<number> {
  return (await pendingOf(keepsake)).reduce((sum, session) => sum + session.bytesReceived, 0);
}

/** Chunks that were on their way at a pause still arrive; waits until no more do. */
async function settled(keepsake: Keepsake): Promise<void> {
  let before = -1;
  await eventually(async () => {
    const now = await received(keepsake);
    const isSame = now === before;
    before = now;
    return isSame;
  });
}

async function eventually(isSo: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assert.fail("it did not come true in 20 seconds");
}

test("where the sign-in has ended the rest of the files waits, and goes on after the next one", async () => {
  let isOver = false;
  const keepsake = await somebody(Ed25519KeyIdentity.generate(), async (input, init) =>
    isOver
      ? new Response("Invalid delegation expiry: Specified sender delegation has expired", { status: 400 })
      : await fetch(input, init),
  );
  const uppy = await uppyOf(keepsake, 2);
  const ids = [1, 2, 3, 4, 5].map((number) => add(uppy, `${number}.bin`, randomBytes(1000)));
  isOver = true;
  const failed: string[] = [];
  const signedOut = new Promise<void>((resolve) => {
    uppy.on("upload-error", (file, error) => {
      assert.equal((error as { kind?: string }).kind, "SignedOut");
      failed.push(file?.name ?? "");
      if (failed.length === 2) resolve();
    });
  });
  const whole = uppy.upload();
  await signedOut;
  isOver = false;
  // Those that waited were not even tried.
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.deepEqual(failed.sort(), ["1.bin", "2.bin"]);
  await Promise.all([uppy.retryAll(), whole]);
  for (const id of ids) {
    assert.ok(uppy.getFile(id)?.progress.uploadComplete, id);
  }
});
