// The way without envelopes before a real node: taken by itself, left where something in between does not let it through,
// with tickets that are renewed and that nobody else sees.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { Ed25519KeyIdentity } from "@icp-sdk/core/identity";
import type { KeepsakeOptions } from "@keepsake/sdk";
import { RunningNode } from "./node.js";
import { type Deed, FaultyProxy, type Met } from "./proxy.js";
import { broken, connect, randomBytes, says, sha256, sourceOf, Wire } from "./world.js";

const CHUNK = 1_800_000;
const RETRY = { pauseFirstMs: 1, pauseMaxMs: 20 };
let node: RunningNode;
before(async () => {
  node = await RunningNode.start();
});
after(() => node.remove());

/** Uploads five chunks and checks what arrived. */
async function upload(options: Partial<KeepsakeOptions> = {}, url = node.url) {
  const host = { url, canisterId: node.canisterId, remove: async () => {} };
  const keepsake = await connect(host, { retry: RETRY, ...options });
  const bytes = randomBytes(5 * CHUNK);
  const { memoryId } = await keepsake.upload(new File([bytes], "a.bin")).done;
  const back = await (await keepsake.download(memoryId, "original")).arrayBuffer();
  assert.equal(sha256(new Uint8Array(back)), sha256(bytes));
  assert.deepEqual(
    (await keepsake.sessions.list()).filter(({ state }) => state === "pending"),
    [],
    "nothing is left behind",
  );
}

async function through(deed: (met: Met) => Deed | undefined, options: Partial<KeepsakeOptions> = {}) {
  const proxy = await FaultyProxy.before(node, deed);
  try {
    await upload(options, proxy.url);
    const chunks = proxy.met.filter(({ isUpdate, bytes }) => isUpdate && bytes > 50_000);
    return { puts: chunks.filter(({ isPut }) => isPut).length, all: chunks.length };
  } finally {
    proxy.close();
  }
}

test("chunks go without envelopes by themselves, and in envelopes where that is asked for", async () => {
  assert.deepEqual(await through(() => undefined), { puts: 5, all: 5 });
  assert.deepEqual(await through(() => undefined, { road: "envelopes" }), { puts: 0, all: 5 });
});

test("sources that are no Blob go the same way", async () => {
  const wire = new Wire();
  const keepsake = await connect(node, { fetch: wire.fetch });
  const source = sourceOf("b.bin", randomBytes(3 * CHUNK));
  await keepsake.upload(source).done;
  assert.equal(wire.puts, 3);
});

for (const status of [404, 405, 501]) {
  test(`a proxy that answers a PUT with ${status} gets envelopes`, async () => {
    const { puts, all } = await through(({ isPut }) => (isPut ? { status, body: "<html>" } : undefined));
    // Two fly at first.
    assert.ok(puts >= 1 && puts <= 2, `${puts}`);
    assert.equal(all - puts, 5);
  });
}

test("a host that answers messages, but never a PUT, gets envelopes", async () => {
  const wire = new Wire();
  let refused = 0;
  const fetchThrough: typeof fetch = async (input, init) => {
    if (init?.method === "PUT") {
      // As browsers do where a page of another origin may not.
      refused += 1;
      throw new TypeError("Failed to fetch");
    }
    return await wire.fetch(input, init);
  };
  await upload({ fetch: fetchThrough });
  assert.ok(refused >= 2 && refused <= 4, `${refused} were refused`);
  assert.equal(wire.count("uploads_put_chunk"), 5);
});

test("once a PUT was answered, a line that breaks is tried again by PUT", async () => {
  const wire = new Wire();
  let breaks = 0;
  wire.fault = (method, when, count) => {
    if (method === "uploads_put_chunk" && when === "after" && count > 1 && breaks < 4) {
      breaks += 1;
      throw broken();
    }
  };
  await upload({ fetch: wire.fetch });
  assert.equal(breaks, 4);
  assert.equal(wire.puts, wire.count("uploads_put_chunk"));
  assert.equal(wire.puts, 5 + 4);
});

test("a ticket that does not open is renewed, once for all chunks that wait", async () => {
  const wire = new Wire();
  let refused = 0;
  const deed = ({ isPut }: Met): Deed | undefined => {
    refused += isPut ? 1 : 0;
    return isPut && refused <= 2 ? { status: 401, body: "ticket_expired: mint another" } : undefined;
  };
  const { puts, all } = await through(deed, { fetch: wire.fetch });
  assert.deepEqual([puts, all], [7, 7]);
  const minted = wire.asked.filter((method) => method === "mint_upload_ticket").length;
  assert.ok(minted >= 2 && minted <= 3, `${minted} were minted`);
});

test("where no ticket opens anything, chunks go in envelopes", async () => {
  let asked = 0;
  const deed = ({ isPut }: Met): Deed | undefined => {
    asked += isPut ? 1 : 0;
    return isPut ? { status: 401, body: "ticket_wrong: no ticket of this host" } : undefined;
  };
  await through(deed);
  assert.ok(asked >= 3 && asked <= 6, `${asked} were tried`);
});

test("a limit that fills up in the middle is told, and leaves no session", async () => {
  let asked = 0;
  const proxy = await FaultyProxy.before(node, ({ isPut }) => {
    asked += isPut ? 1 : 0;
    return isPut && asked > 2 ? { status: 507, body: "resource_exhausted: a limit is full" } : undefined;
  });
  try {
    const host = { url: proxy.url, canisterId: node.canisterId, remove: async () => {} };
    const keepsake = await connect(host, { retry: RETRY });
    const upload = keepsake.upload(new File([randomBytes(5 * CHUNK)], "a.bin"));
    await assert.rejects(upload.done, says("ResourceExhausted", "resource_exhausted", /limit is full/));
    assert.deepEqual([upload.progress.original.bytesSent, await keepsake.sessions.list()], [2 * CHUNK, []]);
  } finally {
    proxy.close();
  }
});

test("a session that is gone is begun anew", async () => {
  const identity = Ed25519KeyIdentity.generate();
  const wire = new Wire();
  const keepsake = await connect(node, { identity, fetch: wire.fetch });
  let aborted = false;
  wire.fault = async (method, when, count) => {
    if (method === "uploads_put_chunk" && when === "before" && count === 2 && !aborted) {
      aborted = true;
      const [session] = await keepsake.sessions.list();
      await keepsake.sessions.abort(session?.id ?? 0n);
    }
  };
  const bytes = randomBytes(3 * CHUNK);
  const { sha256: hash } = await keepsake.upload(new File([bytes], "c.bin")).done;
  assert.equal(Buffer.from(hash).toString("hex"), sha256(bytes));
  assert.equal(wire.count("uploads_begin"), 2);
});

test("a ticket stands in no address, and goes to no other host", async () => {
  const elsewhere: { authorization?: string }[] = [];
  const other = createServer((incoming, outgoing) => {
    elsewhere.push({ authorization: incoming.headers.authorization });
    incoming.resume();
    outgoing.writeHead(404).end();
  });
  other.listen(0, "127.0.0.1");
  await new Promise((resolve) => other.once("listening", resolve));
  const { port } = other.address() as AddressInfo;
  const addresses: string[] = [];
  try {
    const headers = { Location: `http://127.0.0.1:${port}/upload/1` };
    await through((met) => {
      addresses.push(met.url);
      return met.isPut ? { status: 307, headers } : undefined;
    });
  } finally {
    other.close();
  }
  assert.ok(elsewhere.length > 0);
  assert.deepEqual(
    elsewhere.filter(({ authorization }) => authorization !== undefined),
    [],
  );
  assert.ok(
    addresses.every((url) => /^\/(api\/v\d\/.*|upload\/\d+)$/.test(url)),
    addresses.join(),
  );
});
