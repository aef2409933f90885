// What networks and proxies do, by the fault proxy before a real node, on both roads: each upload ends well, or with the
// sentence that names whose fault it is; nothing that is known to be there is sent twice, and nothing is left behind. Most of
// the time is waiting: the cases run side by side.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Ed25519KeyIdentity } from "@icp-sdk/core/identity";
import type { Keepsake, KeepsakeOptions, UploadOptions } from "@keepsake/sdk";
import { type Counts, FaultProxy, type Plan } from "./fault-proxy.js";
import { RunningNode } from "./node.js";
import { FaultyProxy, type Met } from "./proxy.js";
import type { Host } from "./serving.js";
import { connect, deriveSmall, pictureLike, randomBytes, says, sha256, sourceOf } from "./world.js";

const CHUNK = 1_800_000;
const CHUNKS = 3;
const PHOTOS = 6;
/** Looking for it, begin, status, a ticket: the middle of an upload is after these and a chunk. */
const IN_THE_MIDDLE = 5;
/** What a proxy answers for a node that starts again. */
const RESTART_MS = 40_000;
/** More than two chunks that fly get attempts from a node that is only busy. */
const REFUSALS = 20;
/** Connections that came so far go dead, within a chunk. */
const DEAD_BYTES = 2_500_000;

type Road = "auto" | "envelopes";
const ROADS: readonly Road[] = ["auto", "envelopes"];

let node: RunningNode;
before(async () => {
  node = await RunningNode.start();
});
after(() => node.remove());

/** A person with a capsule, who reaches the node by way of the fault proxy; what passes the proxy is counted behind it. */
class Scene {
  readonly proxy: FaultProxy;
  readonly keepsake: Keepsake;
  /** The same person, whose line is sound. */
  readonly soundly: Keepsake;
  readonly capsuleId: string;
  readonly #behind: FaultyProxy;

  private constructor(
    behind: FaultyProxy,
    proxy: FaultProxy,
    keepsake: Keepsake,
    soundly: Keepsake,
    capsuleId: string,
  ) {
    this.#behind = behind;
    this.proxy = proxy;
    this.keepsake = keepsake;
    this.soundly = soundly;
    this.capsuleId = capsuleId;
  }

  static async open(options: Partial<KeepsakeOptions>): Promise<Scene> {
    const behind = await FaultyProxy.before(node, () => undefined);
    const upstream: Host = { url: behind.url, canisterId: node.canisterId, remove: async () => {} };
    const proxy = await FaultProxy.before(upstream);
    const identity = Ed25519KeyIdentity.generate();
    const soundly = await connect(node, { identity });
    const { id } = await soundly.capsules.own();
    return new Scene(behind, proxy, await connect(proxy, { identity, ...options }), soundly, id);
  }

  async close(): Promise<void> {
    await this.proxy.remove();
    this.#behind.close();
  }

  /** What passed the proxy since it was there. */
  get met(): readonly Met[] {
    return this.#behind.met;
  }

  /** Chunks among that. */
  get passed(): number {
    return this.met.filter(isChunk).length;
  }

  async upload(bytes: Uint8Array, options: UploadOptions = {}): Promise<void> {
    const file = sourceOf("a.bin", bytes);
    const { memoryId } = await this.keepsake.upload(file, { capsuleId: this.capsuleId, ...options }).done;
    // By way of the proxy too.
    const back = await (await this.keepsake.download(memoryId, "original")).arrayBuffer();
    assert.equal(sha256(new Uint8Array(back)), sha256(bytes));
  }

  /** So many memories, and no session that waits. */
  async holds(memories: number): Promise<void> {
    const { items } = await this.soundly.memories.page(this.capsuleId);
    assert.equal(items.length, memories, "no twin, and none lost");
    const pending = (await this.soundly.sessions.list()).filter(({ state }) => state === "pending");
    assert.deepEqual(pending, [], "nothing is left behind");
  }
}

/** The head says so: its own chunk, or an envelope around one. */
function isChunk({ isUpdate, bytes }: Met): boolean {
  return isUpdate && bytes > 50_000;
}

async function scene(options: Partial<KeepsakeOptions>, run: (scene: Scene) => Promise<void>): Promise<void> {
  const opened = await Scene.open(options);
  try {
    await run(opened);
  } finally {
    await opened.close();
  }
}

/** An upload of five chunks by each road, beside which this goes wrong. */
function byEachRoad(
  name: string,
  plan: (road: Road) => Plan,
  check: (counts: Counts, passed: number, sawOffline: boolean) => void,
  retry: KeepsakeOptions["retry"] = {},
): void {
  for (const road of ROADS) {
    test(`${name} (${road})`, async () => {
      await scene({ road, retry }, async (opened) => {
        await opened.proxy.set(plan(road));
        let sawOffline = false;
        await opened.upload(randomBytes(CHUNKS * CHUNK), {
          onProgress: ({ offline }) => {
            sawOffline ||= offline;
          },
        });
        const counts = await opened.proxy.counts();
        check(counts, opened.passed, sawOffline);
        assert.equal(counts.puts > 0, road === "auto", "by the road that was meant");
        await opened.holds(1);
      });
    });
  }
}

// The deadline is against hanging.
describe("faults", { concurrency: true, timeout: 300_000 }, () => {
  const attemptsMax = 4;
  byEachRoad(
    "a proxy that answers 502 for 40 s is waited for, and nothing is sent twice",
    () => ({ answer: { status: 502, after: IN_THE_MIDDLE, for_ms: RESTART_MS } }),
    ({ answered }, passed, sawOffline) => {
      assert.ok(answered > 2 * attemptsMax, `more often than a node that is only busy: ${answered}`);
      assert.ok(sawOffline, "and the person is told meanwhile");
      assert.equal(passed, CHUNKS);
    },
    { attemptsMax },
  );

  for (const status of [503, 504]) {
    byEachRoad(
      `a proxy that answers ${status} is waited for, from the middle of an upload`,
      () => ({ answer: { status, after: IN_THE_MIDDLE, times: REFUSALS } }),
      ({ answered }, passed) => assert.deepEqual([answered, passed], [REFUSALS, CHUNKS]),
    );
  }

  test("a proxy whose node is not yet there is waited for by the first message too", async () => {
    const proxy = await FaultProxy.before(node, { answer: { status: 503, times: 2, retry_after: 0 } });
    try {
      const keepsake = await connect(proxy);
      await keepsake.upload(sourceOf("a.bin", randomBytes(1000))).done;
      assert.equal((await proxy.counts()).answered, 2);
    } finally {
      await proxy.remove();
    }
  });

  test("a proxy whose node stays away is named as such, and the same upload goes on when it is back", async () => {
    await scene({}, async (opened) => {
      const bytes = randomBytes(CHUNKS * CHUNK);
      await opened.proxy.set({ answer: { status: 502, after: IN_THE_MIDDLE } });
      await assert.rejects(
        opened.upload(bytes, { offlineMaxSeconds: 1 }),
        says(
          "Network",
          "unreachable",
          /http\S+ answers, and the node behind it is away .*\(HTTP 502: 502 Bad Gateway\)/,
        ),
      );
      await opened.proxy.set({});
      await opened.upload(bytes);
      assert.equal(opened.passed, CHUNKS);
      await opened.holds(1);
    });
  });

  for (const road of ROADS) {
    test(`a host that says when to come again is left alone until then (${road})`, async () => {
      await scene({ road }, async (opened) => {
        const method = road === "auto" ? "PUT" : "POST";
        await opened.proxy.set({ answer: { status: 429, retry_after: 3, times: 1, after: 1, method } });
        let refusedMs: number | undefined;
        await opened.upload(randomBytes(2 * CHUNK), {
          concurrency: 1,
          onProgress: ({ attempt }) => {
            refusedMs ??= attempt > 1 ? performance.now() : undefined;
          },
        });
        const next = opened.met.find(({ atMs }) => atMs > (refusedMs ?? Number.NaN));
        assert.ok(next && next.atMs - (refusedMs ?? 0) >= 2_990, "nothing is sent before");
        assert.deepEqual([(await opened.proxy.counts()).answered, opened.passed], [1, 2]);
        await opened.holds(1);
      });
    });
  }

  test("a host that stays busy is said to be busy", async () => {
    await scene({ retry: { pauseMaxMs: 20 } }, async ({ proxy, keepsake, capsuleId }) => {
      await proxy.set({ answer: { status: 429, method: "POST" } });
      const upload = keepsake.upload(sourceOf("a.bin", randomBytes(1000)), { capsuleId });
      await assert.rejects(upload.done, says("Network", "busy", /busy \(HTTP 429: 429 Too Many Requests\)/));
    });
  });

  byEachRoad(
    "a line that stands still for 5 s in the middle is waited for",
    () => ({ stall: { after_bytes: CHUNK + 500_000, ms: 5_000 } }),
    (_, passed) => assert.equal(passed, CHUNKS, "on the same connections"),
  );

  // As when a network is left. By default after 20 s without a byte, or as long as was said.
  for (const [road, stallMs] of [
    ["auto", undefined],
    ["envelopes", 3_000],
  ] as const) {
    test(`a connection that goes dead is given up for another after ${stallMs ?? 20_000} ms (${road})`, async () => {
      await scene({ road, retry: stallMs === undefined ? {} : { stallMs } }, async (opened) => {
        // How fast the line is tells how long a chunk may lie in buffers.
        await opened.upload(randomBytes(CHUNK));
        const before = opened.passed;
        await opened.proxy.set({ dead: { connections: 1, after_bytes: DEAD_BYTES } });
        const fromMs = performance.now();
        await opened.upload(randomBytes(CHUNKS * CHUNK));
        const ms = performance.now() - fromMs;
        assert.ok(ms >= (stallMs ?? 20_000), `after ${ms} ms`);
        assert.equal((await opened.proxy.counts()).dead, 1);
        const passed = opened.passed - before;
        assert.ok(passed >= CHUNKS && passed <= CHUNKS + 2, `${passed} chunks, of ${CHUNKS}`);
        await opened.holds(2);
      });
    });
  }

  for (const road of ROADS) {
    for (const [what, plan] of [
      ["of which 20 % do not come back", { lose_replies: 0.2 }],
      ["of which 10 % are cut off and 10 % never arrive", { cut_replies: 0.1, lose_requests: 0.1 }],
    ] as const) {
      test(`replies ${what} cost repetitions, and make no twin (${road})`, async () => {
        await scene({ road }, async (opened) => {
          await opened.proxy.set({ ...plan, seed: 11 });
          const photos = Array.from({ length: PHOTOS }, (_, number) =>
            opened.upload(pictureLike(20_000 + number), { derive: deriveSmall }),
          );
          await Promise.all([...photos, opened.upload(randomBytes(2 * CHUNKS * CHUNK))]);
          const { lost, cut } = await opened.proxy.counts();
          assert.ok(lost + cut > 2, `${lost} lost, ${cut} cut`);
          // A photo's publish with what it carries counts too.
          assert.ok(
            opened.passed <= 2 * CHUNKS + PHOTOS + lost + cut,
            `${opened.passed} chunks passed, ${lost + cut} failed`,
          );
          await opened.holds(PHOTOS + 1);
        });
      });
    }

    test(`a proxy with a limit of 1 MiB gets smaller chunks, and what was begun is given up (${road})`, async () => {
      await scene({ road }, async (opened) => {
        await opened.proxy.set({ body_max: 1 << 20 });
        await opened.upload(randomBytes(CHUNKS * CHUNK));
        assert.equal(opened.passed, 2 * CHUNKS);
        await opened.holds(1);
      });
    });

    test(`a proxy that lets no chunk through is named, with what to set, and nothing is left (${road})`, async () => {
      await scene({ road }, async (opened) => {
        await opened.proxy.set({ body_max: 60_000 });
        const upload = opened.keepsake.upload(sourceOf("a.bin", randomBytes(2 * CHUNK)), {
          capsuleId: opened.capsuleId,
        });
        await assert.rejects(
          upload.done,
          says("Network", "body_too_large", /a proxy before http.*client_max_body_size, to 2 MB or more/),
        );
        await opened.holds(0);
        // What is small enough gets through all the same.
        await opened.upload(randomBytes(3_000));
        await opened.holds(1);
      });
    });
  }
});
