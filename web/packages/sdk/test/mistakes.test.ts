// Ordinary mistakes of a caller, and a sign-in that ended: each is named for what it is, and never blamed on the host.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { DelegationChain, DelegationIdentity, Ed25519KeyIdentity } from "@icp-sdk/core/identity";
import {
  Keepsake,
  type KeepsakeOptions,
  type MemoryChanges,
  type Uploadable,
  type UploadOptions,
} from "@keepsake/sdk";
import { fileIdentity } from "@keepsake/sdk/node";
import { RunningNode } from "./node.js";
import {
  connect,
  deriveFixed,
  hex,
  pictureLike,
  randomBytes,
  says,
  sha256,
  sourceOf,
  Wire,
} from "./world.js";

let node: RunningNode;
before(async () => {
  node = await RunningNode.start();
});
after(() => node.remove());

test("bytes at hand are taken: a Buffer, an array, an ArrayBuffer", async () => {
  const keepsake = await connect(node);
  const buffer = Buffer.from(randomBytes(100_000));
  // A view of a larger buffer, as Node's small ones are.
  const view = new Uint8Array(randomBytes(5000).buffer, 1000, 3000);
  for (const bytes of [buffer, view, randomBytes(70).buffer]) {
    const { memoryId, sha256: stored } = await keepsake.upload(bytes).done;
    const plain = bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : bytes;
    assert.equal(hex(stored), sha256(plain));
    assert.equal((await keepsake.download(memoryId, "original")).size, plain.length);
  }
});

test("what is no file is refused by name", async () => {
  const keepsake = await connect(node);
  const upload = (given: unknown) => () => keepsake.upload(given as Uploadable);
  const refused = (text: RegExp) => says("InvalidArgument", "bad_argument", text);
  assert.throws(upload("/home/me/photo.jpg"), refused(/await fileSource\(path\)/));
  assert.throws(upload(new URL("file:///photo.jpg")), refused(/await fileSource\(path\)/));
  assert.throws(upload(new Blob(["x"]).stream()), refused(/a stream has no size/));
  assert.throws(upload(undefined), refused(/undefined is no file/));
  assert.throws(upload(null), refused(/null is no file/));
  assert.throws(upload({ path: "photo.jpg" }), refused(/object is no file/));
});

test("connect without arguments, or with nothing in them", async () => {
  const connectTo = (options?: unknown) => Keepsake.connect(options as KeepsakeOptions);
  await assert.rejects(connectTo(), says("InvalidArgument", "bad_argument", /takes \{ host, canisterId/));
  await assert.rejects(connectTo(null), says("InvalidArgument", "bad_argument", /takes \{ host, canisterId/));
  await assert.rejects(connectTo({}), says("InvalidArgument", "bad_host", /is no web address/));
});

test("options of another kind are refused by name, before anything is sent", async () => {
  const wire = new Wire();
  const keepsake = await connect(node, { fetch: wire.fetch });
  const file = sourceOf("a.bin", new Uint8Array([1]));
  const wrong: [unknown, RegExp][] = [
    [null, /options as an object, not null/],
    [{ signal: {} }, /signal is an AbortSignal/],
    [{ dateOfMemory: "2020-01-01" }, /dateOfMemory is a Date, not "2020-01-01"/],
    [{ ifPresent: "banana" }, /ifPresent is "reuse" or "again", not "banana"/],
    [{ onProgress: 5 }, /onProgress is a function, not 5/],
    [{ derive: 5 }, /derive is a function or false/],
    [{ concurrency: Number.NaN }, /concurrency is a number, not NaN/],
    [{ tags: "holiday" }, /tags is an array of strings/],
    [{ capsuleId: 1 }, /capsuleId is a string/],
  ];
  for (const [options, reason] of wrong) {
    const upload = () => keepsake.upload(file, options as UploadOptions);
    assert.throws(upload, says("InvalidArgument", "bad_argument", reason));
  }
  for (const size of [Number.NaN, -1, 1.5]) {
    assert.throws(
      () => keepsake.upload({ ...file, size }),
      says("InvalidArgument", "bad_argument", /no file/),
    );
  }
  const description = "é".repeat(keepsake.config.text_long_bytes_max);
  const long = says("InvalidArgument", "text_too_long", /takes up to/);
  assert.throws(() => keepsake.upload(file, { description }), long);
  const update = (changes?: unknown) => keepsake.memories.update("mem_1", changes as MemoryChanges);
  await assert.rejects(update(), says("InvalidArgument", "bad_argument", /options as an object/));
  await assert.rejects(update({ dateOfMemory: "x" }), says("InvalidArgument", "bad_argument", /is a Date/));
  const tokens = keepsake.tokens("mem_20" as unknown as string[]);
  await assert.rejects(tokens, says("InvalidArgument", "bad_argument", /array of ids, not "mem_20"/));
  const assetUrl = keepsake.assetUrl as (memory?: string) => string;
  assert.throws(() => assetUrl.call(keepsake), says("InvalidArgument", "bad_argument", /is a string/));
  assert.deepEqual(wire.sent, []);

  const wrongConnects: [unknown, RegExp][] = [
    [{ identity: Promise.resolve() }, /not a promise/],
    [{ identity: {} }, /identity that signs/],
    [{ rootKey: "abc" }, /rootKey is a Uint8Array/],
    [{ road: "banana" }, /road is "auto" or "envelopes"/],
  ];
  for (const [options, reason] of wrongConnects) {
    const connecting = connect(node, options as Partial<KeepsakeOptions>);
    await assert.rejects(connecting, says("InvalidArgument", "bad_argument", reason));
  }
});

test("a person who is no principal", async () => {
  const keepsake = await connect(node);
  const { id } = await keepsake.capsules.own();
  const granting = keepsake.capsules.grant(id, "mum@example.com", "guest");
  await assert.rejects(
    granting,
    says("InvalidArgument", "bad_argument", /"mum@example.com" is no principal/),
  );
});

test("a value that the encoder refuses, deep in a record, is told by its name", async () => {
  const keepsake = await connect(node);
  const changes = { tags: ["a", 7 as unknown as string] };
  const updating = keepsake.memories.update("mem_1", changes);
  await assert.rejects(updating, says("InvalidArgument", "bad_argument", /tags.*Invalid text argument: 7/));
  const upload = keepsake.upload(sourceOf("a", randomBytes(10)), { tags: [7 as unknown as string] });
  await assert.rejects(upload.done, says("InvalidArgument", "bad_argument", /tags.*check the type/));
});

test("a date that the wire cannot say never costs an upload, and is told", async () => {
  const keepsake = await connect(node);
  const dates = [new Date("1958-06-01"), new Date("2600-01-01"), new Date(Number.NaN), new Date(-1)];
  for (const dateOfMemory of dates) {
    const upload = keepsake.upload(sourceOf("a.bin", randomBytes(100)), { dateOfMemory });
    const { memoryId, dateLeftOut } = await upload.done;
    assert.equal(dateLeftOut, dateOfMemory);
    assert.equal((await keepsake.memories.read(memoryId)).dateOfMemory, undefined);
  }
  const taken = new Date("1958-06-01");
  const derive: typeof deriveFixed = async (...args) =>
    ({ ...(await deriveFixed(...args)), takenAt: taken }) as never;
  const scan = await keepsake.upload(sourceOf("scan.png", pictureLike(1000)), { derive }).done;
  assert.equal(scan.dateLeftOut, taken);
  const kept = new Date("1970-01-01T00:00:00.001Z");
  const early = await keepsake.upload(sourceOf("b.bin", randomBytes(100)), { dateOfMemory: kept }).done;
  assert.equal(early.dateLeftOut, undefined);
  assert.deepEqual((await keepsake.memories.read(early.memoryId)).dateOfMemory, kept);
});

test("a file whose own time is no time", async () => {
  const keepsake = await connect(node);
  for (const lastModified of [-1e12, Number.NaN, Number.POSITIVE_INFINITY, 1e15 + 0.5]) {
    const source = { ...sourceOf("a.bin", randomBytes(100)), lastModified };
    const { memoryId } = await keepsake.upload(source).done;
    assert.ok(memoryId);
  }
});

test("a date that is asked for is refused where it cannot be kept", async () => {
  const wire = new Wire();
  const keepsake = await connect(node, { fetch: wire.fetch });
  for (const dateOfMemory of [new Date("1958-06-01"), new Date(Number.NaN)]) {
    const updating = keepsake.memories.update("mem_1", { dateOfMemory });
    await assert.rejects(updating, says("InvalidArgument", "date_out_of_range", /from 1970 to 2554/));
  }
  assert.deepEqual(wire.sent, []);
});

test("a sign-in that ended has a kind of its own, and what was sent of a file stays", async () => {
  const [person, session] = [Ed25519KeyIdentity.generate(), Ed25519KeyIdentity.generate()];
  const delegated = async (until: Date) => {
    const chain = await DelegationChain.create(person, session.getPublicKey(), until);
    return await connect(node, { identity: DelegationIdentity.fromDelegation(session, chain) });
  };
  const signedIn = await delegated(new Date(Date.now() + 3_600_000));
  const file = sourceOf("a.bin", randomBytes(9_000_000));
  const stop = new AbortController();
  const first = signedIn.upload(file, {
    concurrency: 1,
    signal: stop.signal,
    onProgress: ({ original }) => original.bytesSent >= 3_600_000 && stop.abort(),
  });
  await assert.rejects(first.done, says("Aborted", "aborted", /start it again/));

  const ended = delegated(new Date(Date.now() - 3_600_000));
  await assert.rejects(ended, says("SignedOut", "delegation_expired", /sign in again/));
  const again = await delegated(new Date(Date.now() + 3_600_000));
  let sent = 0;
  const { sha256: stored } = await again.upload(file, {
    onProgress: ({ original }) => {
      sent ||= original.bytesSent;
    },
  }).done;
  assert.ok(sent >= 3_600_000, `goes on from byte ${sent}`);
  assert.equal(hex(stored), sha256(await file.slice(0, file.size)));
});

test("a key file is made once, and one that is none is refused by name", async () => {
  const folder = await mkdtemp(join(tmpdir(), "keepsake-key-"));
  try {
    const path = join(folder, "key.json");
    const made = await Promise.all([1, 2, 3].map(() => fileIdentity(path)));
    const again = await fileIdentity(path);
    for (const identity of made) {
      assert.equal(identity.getPrincipal().toText(), again.getPrincipal().toText());
    }
    await writeFile(path, "{}");
    await assert.rejects(fileIdentity(path), says("InvalidArgument", "key_unreadable", /holds no key/));
    const nowhere = fileIdentity(join(folder, "no", "key.json"));
    await assert.rejects(nowhere, says("InvalidArgument", "key_unreadable", /check the path/));
  } finally {
    await rm(folder, { recursive: true });
  }
});
