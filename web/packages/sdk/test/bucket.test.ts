// Originals in the host's bucket: a real node before a real S3 server, with a proxy before either that counts and breaks.

import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import { Ed25519KeyIdentity } from "@icp-sdk/core/identity";
import type { Keepsake, KeepsakeError, UploadOptions } from "@keepsake/sdk";
import { RunningNode } from "./node.js";
import { type Deed, FaultyProxy, type Met } from "./proxy.js";
import { missingS3, RunningS3 } from "./s3-server.js";
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

const FROM = 100_000;
/** In one part. */
const SIZE = 3_000_000;
const skip = missingS3();

let s3: RunningS3;
/** What becomes of a request to the bucket, or to the node; each test says its own. */
let toBucket: (met: Met) => Deed | undefined = () => undefined;
let toNode: (met: Met) => Deed | undefined = () => undefined;
let bucket: FaultyProxy;
let node: RunningNode;
let front: FaultyProxy;
before(async () => {
  if (!skip) {
    s3 = await RunningS3.start();
    bucket = await FaultyProxy.before(s3, (met) => toBucket(met));
    node = await RunningNode.start(s3.options(FROM, bucket.url));
    front = await FaultyProxy.before(node, (met) => toNode(met));
  }
});
after(async () => {
  if (!skip) {
    front.close();
    bucket.close();
    await node.remove();
    await s3.remove();
  }
});

function bucketTest(name: string, run: (t: TestContext) => Promise<void>): void {
  test(name, { skip, timeout: 120_000 }, async (t) => {
    toBucket = () => undefined;
    toNode = () => undefined;
    bucket.met.length = 0;
    front.met.length = 0;
    await run(t);
  });
}

/** Requests that wrote to the bucket. */
const puts = () => bucket.met.filter(({ isPut }) => isPut);
const client = (identity = Ed25519KeyIdentity.generate()) =>
  connect({ url: front.url, canisterId: node.canisterId, remove: async () => {} }, { identity });

async function back(keepsake: Keepsake, memoryId: string): Promise<string> {
  const blob = await keepsake.download(memoryId, "original");
  return sha256(new Uint8Array(await blob.arrayBuffer()));
}

async function pending(keepsake: Keepsake): Promise<number> {
  return (await keepsake.sessions.list()).filter(({ state }) => state === "pending").length;
}

/** Uploads fresh bytes, and says that they came back; the bucket does `deed` at first. */
async function survives(deed: (met: Met) => Deed | undefined, options: UploadOptions = {}): Promise<void> {
  const keepsake = await client();
  const bytes = randomBytes(SIZE);
  toBucket = deed;
  const result = await keepsake.upload(sourceOf("a.bin", bytes), options).done;
  toBucket = () => undefined;
  assert.equal(await back(keepsake, result.memoryId), sha256(bytes));
}

bucketTest(
  "the original goes to the bucket, what was derived to the host, and all of it is one memory",
  async () => {
    const keepsake = await client();
    const bytes = pictureLike(SIZE);
    const result = await keepsake.upload(sourceOf("p.png", bytes), { derive: deriveFixed }).done;
    assert.deepEqual(
      puts().map((met) => met.bytes),
      [SIZE],
    );
    assert.equal(hex(result.sha256), sha256(bytes));
    assert.equal(result.notice, undefined);
    const { assets } = await keepsake.memories.read(result.memoryId);
    assert.deepEqual(
      assets.map(({ kind, bytes: length }) => [kind, kind === "original" ? length : 0]).sort(),
      [
        ["display", 0],
        ["original", SIZE],
        ["placeholder", 0],
        ["thumbnail", 0],
      ],
    );
    const sent = front.met.reduce((sum, met) => sum + met.bytes, 0);
    assert.ok(sent < 2_300_000, `the host was sent ${sent} bytes: the derivatives have 2,040,700`);
    assert.equal(await back(keepsake, result.memoryId), sha256(bytes));
  },
);

bucketTest(
  "an address of an asset leads into the bucket, and what opens it at the host does not go along",
  async () => {
    const keepsake = await client();
    const bytes = pictureLike(SIZE);
    const { memoryId } = await keepsake.upload(sourceOf("p.png", bytes)).done;
    const url = keepsake.assetUrl(memoryId, "original", { token: await keepsake.token(memoryId) });
    const answer = await fetch(url, { redirect: "manual" });
    assert.equal(answer.status, 307);
    const address = new URL(answer.headers.get("location") ?? "");
    assert.equal(address.origin, bucket.url);
    assert.doesNotMatch(address.href, /token=/);
    const body = new Uint8Array(await (await fetch(url)).arrayBuffer());
    assert.equal(sha256(body), sha256(bytes));
  },
);

bucketTest("progress rises within a part, and never falls", async () => {
  const keepsake = await client();
  const sent: number[] = [];
  const bytes = randomBytes(5 * SIZE);
  const onProgress: UploadOptions["onProgress"] = ({ original }) => sent.push(original.bytesSent);
  await keepsake.upload(sourceOf("a.bin", bytes), { onProgress }).done;
  assert.deepEqual(
    sent,
    [...sent].sort((a, b) => a - b),
  );
  assert.ok(new Set(sent).size > 5, `${new Set(sent).size} steps of one part`);
  assert.equal(sent.at(-1), bytes.length);
});

bucketTest("what the capsule has is not sent again, unless it is asked for", async () => {
  const keepsake = await client();
  const file = sourceOf("a.bin", randomBytes(SIZE));
  const first = await keepsake.upload(file).done;
  const second = await keepsake.upload(file).done;
  assert.deepEqual([second.memoryId, second.alreadyThere, puts().length], [first.memoryId, true, 1]);
  const third = await keepsake.upload(file, { ifPresent: "again" }).done;
  assert.notEqual(third.memoryId, first.memoryId);
  assert.equal(puts().length, 2);
  assert.equal(await back(keepsake, third.memoryId), await back(keepsake, first.memoryId));
});

bucketTest("the caller chooses: a short file goes to the host by itself, and where it is told", async () => {
  const keepsake = await client();
  const sent = async (length: number, options: UploadOptions) => {
    const before = puts().length;
    const bytes = randomBytes(length);
    const { memoryId } = await keepsake.upload(sourceOf("a.bin", bytes), options).done;
    assert.equal(await back(keepsake, memoryId), sha256(bytes));
    return puts().length - before;
  };
  assert.equal(await sent(FROM - 1, {}), 0);
  assert.equal(await sent(FROM, {}), 1);
  assert.equal(await sent(FROM - 1, { hosting: "s3" }), 1);
  assert.equal(await sent(SIZE, { hosting: "host" }), 0);
});

test("a host without a bucket says so to whoever asks for one, before anything is sent", async () => {
  const plain = await RunningNode.start();
  try {
    const keepsake = await connect(plain);
    const file = sourceOf("a.bin", randomBytes(1000));
    await assert.rejects(
      keepsake.upload(file, { hosting: "s3" }).done,
      says("NotImplemented", "s3_not_configured", /this one has none: leave the option out/),
    );
    assert.throws(
      () => keepsake.upload(file, { hosting: "S3" as "s3" }),
      says("InvalidArgument", "bad_argument", /hosting is "auto" or "s3" or "host"/),
    );
    assert.equal((await keepsake.upload(file).done).alreadyThere, false);
  } finally {
    await plain.remove();
  }
});

bucketTest("a bucket that has no time, or fails, is asked again", async () => {
  let count = 0;
  const deeds: Deed[] = [
    { status: 503, headers: { "retry-after": "1" }, body: "<Error><Code>SlowDown</Code></Error>" },
    { status: 500 },
    { status: 429 },
    { status: 409, body: "<Error><Code>ConditionalRequestConflict</Code></Error>" },
  ];
  await survives(({ isPut }) => (isPut ? deeds[count++] : undefined));
  assert.equal(puts().length, deeds.length + 1);
  const [first, second] = puts();
  assert.ok((second?.atMs ?? 0) - (first?.atMs ?? 0) >= 1000, "`Retry-After` was not waited for");
});

bucketTest("a part whose answer was lost is there", async () => {
  let lost = 0;
  await survives(({ isPut }) => (isPut && lost++ === 0 ? "lose" : undefined));
  assert.equal(lost, 2);
});

bucketTest("an address that opens nothing any more is asked for anew", async () => {
  let refused = 0;
  const body = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>";
  await survives(({ isPut }) => (isPut && refused++ < 2 ? { status: 403, body } : undefined));
  const grants = front.met.filter(({ url }) => url.endsWith("/grant"));
  assert.deepEqual([refused, grants.length], [3, 3]);
});

bucketTest(
  "a bucket that refuses what the host signs is told by its name, and nothing of the signature",
  async () => {
    const keepsake = await client();
    toBucket = ({ isPut }) =>
      isPut ? { status: 403, body: "<Error><Code>SignatureDoesNotMatch</Code></Error>" } : undefined;
    await assert.rejects(keepsake.upload(sourceOf("a.bin", randomBytes(SIZE))).done, (error) => {
      says("Network", "bucket_refused", /refuses part 1 \(HTTP 403 SignatureDoesNotMatch\)/)(error);
      const { message } = error as KeepsakeError;
      assert.ok(message.includes(`${bucket.url}/photos/keepsake `), message);
      assert.doesNotMatch(JSON.stringify(error) + message + (error as Error).stack, /X-Amz|Bearer/);
      return true;
    });
    assert.equal(puts().length, 3);
  },
);

bucketTest("a ticket that does not open is had anew", async () => {
  let refused = 0;
  toNode = ({ url }) => {
    const isRefused = /^\/s3\/\d+\/(grant|finish)$/.test(url) && refused < 2;
    refused += isRefused ? 1 : 0;
    return isRefused ? { status: 401, body: "ticket_expired: mint another ticket and go on" } : undefined;
  };
  const wire = new Wire();
  const at = { url: front.url, canisterId: node.canisterId, remove: async () => {} };
  const keepsake = await connect(at, { fetch: wire.fetch });
  const bytes = randomBytes(SIZE);
  const { memoryId } = await keepsake.upload(sourceOf("a.bin", bytes)).done;
  assert.equal(await back(keepsake, memoryId), sha256(bytes));
  // Those that are minted within one second may be equal.
  const minted = wire.asked.filter((method) => method === "mint_upload_ticket").length;
  assert.deepEqual([refused, minted], [2, 3]);
});

bucketTest("the host's bucket being away is waited for, and refusing it is told", async () => {
  let away = 0;
  toNode = ({ url }) => {
    const isAway = url.endsWith("/finish") && away++ < 2;
    return isAway
      ? { status: 503, headers: { "retry-after": "0" }, body: "bucket_away: refused" }
      : undefined;
  };
  await survives(() => undefined);
  assert.equal(away, 3);
  toNode = ({ url }) =>
    url.endsWith("/grant") ? { status: 502, body: "bucket_refused: these keys may not write" } : undefined;
  const keepsake = await client();
  await assert.rejects(
    keepsake.upload(sourceOf("b.bin", randomBytes(SIZE))).done,
    says("Network", "bucket_refused", /these keys may not write/),
  );
});

bucketTest("parts that the bucket lost are sent again", async () => {
  let lost = 0;
  toNode = ({ url }) =>
    url.endsWith("/finish") && lost++ === 0 ? { status: 409, body: "object_missing" } : undefined;
  await survives(() => undefined);
  assert.equal(lost, 2);
});

bucketTest("a session that is gone is begun anew, once", async () => {
  let gone = 0;
  toNode = ({ url }) =>
    url.endsWith("/parts") && gone++ === 0 ? { status: 404, body: "not_found" } : undefined;
  await survives(() => undefined);
  assert.equal(gone, 2);
});

bucketTest("a file that changes between its hash and its way is not published", async () => {
  const keepsake = await client();
  const bytes = randomBytes(SIZE);
  const source = sourceOf("a.bin", bytes);
  toNode = ({ url }) => {
    bytes[SIZE - 1] = (bytes[SIZE - 1] ?? 0) ^ (url.endsWith("/grant") ? 1 : 0);
    return undefined;
  };
  await assert.rejects(keepsake.upload(source).done, says("Integrity", "file_changed", /changed during/));
  assert.equal(await pending(keepsake), 0);
});

bucketTest(
  "a cancelled upload leaves no session, and one that is paused at first sends nothing",
  async () => {
    const keepsake = await client();
    const upload = keepsake.upload(sourceOf("a.bin", randomBytes(SIZE)));
    upload.pause();
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(puts().length, 0);
    toBucket = ({ isPut }) => (isPut ? "silence" : undefined);
    upload.resume();
    while (puts().length === 0) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.equal(await pending(keepsake), 1);
    await upload.cancel();
    await assert.rejects(upload.done, says("Aborted", "canceled", /canceled/));
    assert.equal(await pending(keepsake), 0);
  },
);

test("where clients cannot reach the bucket, the original goes to the host, and that is told", {
  skip,
  timeout: 120_000,
}, async () => {
  // Nobody listens there.
  const nowhere = "http://127.0.0.1:1";
  const far = await RunningNode.start(s3.options(FROM, nowhere));
  try {
    const keepsake = await connect(far);
    const bytes = randomBytes(SIZE);
    const told = new Set<string | undefined>();
    const onProgress: UploadOptions["onProgress"] = ({ notice }) => told.add(notice?.code);
    const result = await keepsake.upload(sourceOf("a.bin", bytes), { onProgress }).done;
    assert.equal(await back(keepsake, result.memoryId), sha256(bytes));
    assert.deepEqual([...told], [undefined, "bucket_unreachable"]);
    assert.match(
      result.notice?.message ?? "",
      /^"a.bin" goes to the host itself: the bucket http:\/\/127.0.0.1:1\/photos\/keepsake cannot be reached/,
    );
    assert.equal(await pending(keepsake), 0);
    // It is not tried again.
    const again = await keepsake.upload(sourceOf("b.bin", randomBytes(SIZE))).done;
    assert.equal(again.notice, undefined);

    const asked = await connect(far);
    const options = { hosting: "s3", offlineMaxSeconds: 2 } as const;
    await assert.rejects(
      asked.upload(sourceOf("c.bin", randomBytes(SIZE)), options).done,
      says("Network", "bucket_unreachable", /cannot be reached from here/),
    );
  } finally {
    await far.remove();
  }
});
