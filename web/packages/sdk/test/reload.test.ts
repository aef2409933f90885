// A publish whose answer never came, and a client that is started anew with the same file: one memory, by a key that follows
// from the file and the request.

import assert from "node:assert/strict";
import { randomBytes as noise } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Cbor } from "@icp-sdk/core/agent";
import { IDL } from "@icp-sdk/core/candid";
import { Ed25519KeyIdentity } from "@icp-sdk/core/identity";
import { KeepsakeError } from "@keepsake/sdk";
import { idlFactory } from "../generated/keepsake.did.js";
import { RunningNode } from "./node.js";
import { FaultyProxy } from "./proxy.js";
import { identityOf, send } from "./uploader.js";
import { broken, connect, deriveSmall, pictureLike, randomBytes, sourceOf, Wire } from "./world.js";

const CHUNK = 1_800_000;
/** By a session of its own, and what comes along in the publish. */
const SIZES = [3 * CHUNK, 40_000];
let node: RunningNode;
let folder: string;
before(async () => {
  node = await RunningNode.start();
  folder = await mkdtemp(join(tmpdir(), "keepsake-reload-"));
});
after(async () => {
  await node.remove();
  await rm(folder, { recursive: true, force: true });
});

const publishArgs =
  idlFactory({ IDL })._fields.find(([name]) => name === "uploads_publish")?.[1].argTypes ?? [];

/** The keys of the publishes that set out. */
class KeyWatch extends Wire {
  readonly keys: string[] = [];

  readonly watched: typeof fetch = async (input, init) => {
    const sent = this.count("uploads_publish");
    const answer = this.fetch(input, init);
    if (this.count("uploads_publish") > sent) {
      const { content } = Cbor.decode<{ content: { arg: Uint8Array } }>(init?.body as Uint8Array);
      const [request] = IDL.decode(publishArgs, content.arg) as unknown as [{ idem: string }];
      this.keys.push(request.idem);
    }
    return await answer;
  };
}

for (const size of SIZES) {
  test(`the key of a publish is the same after a reload, of ${size} bytes`, async () => {
    const identity = Ed25519KeyIdentity.generate();
    const bytes = pictureLike(size);
    const attempt = async (arrives: boolean) => {
      const wire = new KeyWatch();
      const stop = new AbortController();
      wire.fault = (method, when) => {
        if (method === "uploads_publish" && when === "before" && !arrives) {
          stop.abort();
          throw broken();
        }
      };
      const keepsake = await connect(node, { identity, fetch: wire.watched });
      const done = keepsake.upload(sourceOf("p.png", bytes), {
        derive: deriveSmall,
        signal: stop.signal,
      }).done;
      if (arrives) {
        await done;
      } else {
        await assert.rejects(done, (error) => error instanceof KeepsakeError && error.code === "aborted");
      }
      return wire.keys;
    };
    const [first, ...more] = await attempt(false);
    assert.match(first ?? "", /^ks1-publish-[0-9a-f]{64}$/);
    assert.deepEqual([more, await attempt(true)], [[], [first]]);
  });

  test(`a client that died before the answer of its publish came makes no twin, of ${size} bytes`, async () => {
    const seed = noise(32).toString("hex");
    const keepsake = await connect(node, { identity: identityOf(seed) });
    const { id: capsuleId } = await keepsake.capsules.own();
    const file = join(folder, `${size}.bin`);
    await writeFile(file, randomBytes(size));
    let published = () => {};
    const isPublished = new Promise<void>((resolve) => {
      published = resolve;
    });
    let updates = 0;
    // Begun, where it has a session, and published.
    const last = size > CHUNK ? 2 : 1;
    const proxy = await FaultyProxy.before(node, ({ isUpdate, isPut }) => {
      updates += isUpdate && !isPut ? 1 : 0;
      if (updates < last || !isUpdate || isPut) {
        return undefined;
      }
      published();
      return "deaf";
    });
    try {
      const errand = {
        canisterId: node.canisterId,
        seed,
        parts: [{ files: [file] }],
        options: { capsuleId },
      };
      const doomed = send({ host: proxy.url, ...errand });
      await Promise.race([isPublished, doomed.told]);
      const memories = async () => (await keepsake.memories.page(capsuleId)).items;
      while ((await memories()).length === 0) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      doomed.process.kill("SIGKILL");
      await assert.rejects(doomed.told, /SIGKILL/);
      const [told] = await send({ host: node.url, ...errand }).told;
      assert.deepEqual(
        (await memories()).map(({ id }) => id),
        [told?.memoryId],
      );
      assert.equal(told?.alreadyThere, true);
    } finally {
      proxy.close();
    }
  });

  test(`who asks for another memory of the same bytes gets one each time, of ${size} bytes`, async () => {
    const keepsake = await connect(node);
    const file = sourceOf("a.bin", randomBytes(size));
    const ids = new Set<string>();
    for (let count = 0; count < 3; count += 1) {
      ids.add((await keepsake.upload(file, { ifPresent: "again" }).done).memoryId);
    }
    assert.equal(ids.size, 3);
  });
}
