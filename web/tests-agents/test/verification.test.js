// The agents really check: an answer that was tampered with on the way is refused.
// Without this, the exam would pass with checks that are off.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { AGENTS, connect, ok } from "../src/agents.js";
import { startNode } from "../src/node.js";

/** A `fetch` that changes one byte of what `text` becomes in the answers of `endpoint`. */
function tampering(endpoint, text) {
  const counted = { answers: 0 };
  counted.fetch = async (url, init) => {
    const answer = await fetch(url, init);
    if (!String(url).endsWith(`/${endpoint}`)) {
      return answer;
    }
    const body = Buffer.from(await answer.arrayBuffer());
    const at = body.indexOf(text);
    if (at >= 0) {
      counted.answers += 1;
      body[at] ^= 1;
    }
    return new Response(body, { status: answer.status, headers: answer.headers });
  };
  return counted;
}

describe("verification", () => {
  let node;
  before(async () => {
    node = await startNode();
  });
  after(() => node?.stop());

  for (const flavour of AGENTS) {
    const quick = { retryTimes: 0 };

    test(`${flavour.name} accepts the same answers untouched`, async () => {
      const untouched = tampering("query", "nothing of the kind");
      const { service } = await connect(flavour, node, { ...quick, fetch: untouched.fetch });
      const capsule = ok(await service.capsules_create([]));
      assert.equal((await service.capsules_list())[0].id, capsule.id);
    });

    test(`${flavour.name} refuses a changed query answer`, async () => {
      const tampered = tampering("query", "capsule_");
      const { service } = await connect(flavour, node, { ...quick, fetch: tampered.fetch });
      ok(await service.capsules_create([]));
      await assert.rejects(service.capsules_list(), /signature/i);
      assert.ok(tampered.answers > 0, "nothing was changed");
    });

    test(`${flavour.name} refuses a changed update answer`, async () => {
      const tampered = tampering("call", "capsule_");
      const { service } = await connect(flavour, node, { ...quick, fetch: tampered.fetch });
      await assert.rejects(service.capsules_create([]), /certificate|signature/i);
      assert.ok(tampered.answers > 0, "nothing was changed");
    });

    test(`${flavour.name} refuses another network's root key`, async () => {
      const elsewhere = await startNode();
      try {
        const { agent: other } = await connect(flavour, elsewhere);
        const rootKey = other.rootKey;
        const { service } = await connect(flavour, node, { ...quick, shouldFetchRootKey: false, rootKey });
        await assert.rejects(service.capsules_create([]), /certificate|signature/i);
      } finally {
        await elsewhere.stop();
      }
    });
  }
});
