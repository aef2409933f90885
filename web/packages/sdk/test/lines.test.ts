// Lines that stall and proxies that interfere, before a real node: each upload ends well, or with the sentence that helps.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { KeepsakeError, type RetryPolicy } from "@keepsake/sdk";
import { RunningNode } from "./node.js";
import { type Deed, FaultyProxy, type Met } from "./proxy.js";
import { connect, randomBytes, sha256, sourceOf } from "./world.js";

const CHUNK = 1_800_000;
const RETRY: Partial<RetryPolicy> = { pauseFirstMs: 1, pauseMaxMs: 20 };
let node: RunningNode;
before(async () => {
  node = await RunningNode.start();
});
after(() => node.remove());

const isChunk = ({ isUpdate, bytes }: Met) => isUpdate && bytes > 50_000;

/** Uploads `chunks` chunks through a proxy, checks what arrived, and says what the proxy met. */
async function uploadThrough(
  deed: (met: Met) => Deed | undefined,
  bytes = 5 * CHUNK,
  more: Partial<RetryPolicy> = {},
) {
  const proxy = await FaultyProxy.before(node, deed);
  try {
    const host = { ...node, url: proxy.url, canisterId: node.canisterId, remove: async () => {} };
    const keepsake = await connect(host, { retry: { ...RETRY, ...more } });
    const file = sourceOf("a.bin", randomBytes(bytes));
    const { memoryId } = await keepsake.upload(file).done;
    const back = await (await keepsake.download(memoryId, "original")).arrayBuffer();
    assert.equal(sha256(new Uint8Array(back)), sha256(await file.slice(0, file.size)));
    assert.deepEqual(
      (await keepsake.sessions.list()).filter(({ state }) => state === "pending"),
      [],
      "nothing is left behind",
    );
    return proxy.met;
  } finally {
    proxy.close();
  }
}

function count<T>(list: T[], is: (item: T) => boolean): number {
  return list.filter(is).length;
}

test("a proxy with a limit of 1 MiB gets smaller chunks, from the start the next time", async () => {
  const refuse = ({ bytes }: Met) => (bytes > 1 << 20 ? { status: 413, body: "<html>" } : undefined);
  const met = await uploadThrough(refuse);
  const refused = count(met, ({ bytes }) => bytes > 1 << 20);
  assert.ok(refused >= 1 && refused <= 4, `${refused} were refused`);
  assert.equal(
    count(met, (one) => isChunk(one) && one.bytes <= 1 << 20),
    10,
  );
});

test("a proxy that lets nothing through is named, with what to set", async () => {
  const refuse = ({ bytes }: Met) => (bytes > 20_000 ? { status: 413 } : undefined);
  await assert.rejects(uploadThrough(refuse), (error: unknown) => {
    assert.ok(error instanceof KeepsakeError);
    assert.deepEqual([error.kind, error.code], ["Network", "body_too_large"]);
    assert.match(error.message, /proxy before http.*client_max_body_size, to 2 MB or more/);
    return true;
  });
});

test("connections that fall silent, before or after the body, are given up for others", async () => {
  let [silent, passed] = [0, 0];
  const deed = (one: Met) => {
    passed += isChunk(one) ? 1 : 0;
    // The first two tell how fast the line is.
    if (!isChunk(one) || passed <= 2 || silent >= 2) {
      return undefined;
    }
    silent += 1;
    return silent % 2 === 0 ? "silence" : "deaf";
  };
  const met = await uploadThrough(deed, 5 * CHUNK, { stallMs: 1500 });
  assert.equal(silent, 2);
  // A busy machine may stall too.
  assert.ok(count(met, isChunk) >= 5 + 2);
});

test("a proxy whose node restarts is waited for, whatever it answers meanwhile", async () => {
  const statuses = [502, 503, 504];
  let answered = 0;
  await uploadThrough((one) => {
    if (!one.isUpdate || one.count < 6 || answered >= 40) {
      return undefined;
    }
    answered += 1;
    return { status: statuses[answered % 3] ?? 502, body: "<html><title>Bad Gateway</title></html>" };
  });
  assert.equal(answered, 40);
});

test("a host that says when to come again is left alone until then", async () => {
  const at: number[] = [];
  await uploadThrough((one) => {
    if (!isChunk(one) || at.length > 1) {
      return undefined;
    }
    at.push(performance.now());
    return at.length === 1 ? { status: 429, headers: { "Retry-After": "1" } } : undefined;
  }, CHUNK);
  const [refused = 0, again = 0] = at;
  assert.ok(again - refused >= 999, `after ${again - refused} ms`);
});

test("a host that would not wait for the bodies is sent them again", async () => {
  let timedOut = 0;
  const met = await uploadThrough((one) => {
    timedOut += isChunk(one) && timedOut < 6 ? 1 : 0;
    return isChunk(one) && timedOut < 6 ? { status: 408 } : undefined;
  });
  assert.equal(count(met, isChunk), 5 + 5);
});
