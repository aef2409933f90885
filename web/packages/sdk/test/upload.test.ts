// One upload after the other against a real node and against the canister's real module: what is stored, in what order, and what is said on the way.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Ed25519KeyIdentity } from "@icp-sdk/core/identity";
import type { UploadProgress } from "@keepsake/sdk";
import { Connection } from "../dist/connection.js";
import { pieces } from "../dist/download.js";
import { HOSTS } from "./hosts.js";
import type { Host } from "./serving.js";
import { connect, deriveFixed, hex, pictureLike, randomBytes, sha256, sourceOf, Wire } from "./world.js";

const MiB = 1 << 20;

for (const { name, skip, start } of HOSTS) {
  describe(name, { skip }, () => {
    let host: Host;
    before(async () => {
      host = await start();
    });
    after(() => host?.remove());

    test("a file goes in and comes back, byte for byte", async () => {
      const keepsake = await connect(host);
      const bytes = randomBytes(5 * MiB + 7);
      const result = await keepsake.upload(new File([bytes], "a.bin"), { tags: ["x"], title: "A" }).done;
      assert.equal(hex(result.sha256), sha256(bytes));
      assert.equal(result.alreadyThere, false);
      const memory = await keepsake.memories.read(result.memoryId);
      assert.equal(memory.title, "A");
      for (const time of [memory.createdAt, memory.updatedAt, memory.uploadedAt]) {
        assert.ok(Math.abs(time.getTime() - Date.now()) < 3_600_000, `the service's clock: ${time}`);
      }
      assert.deepEqual(memory.tags, ["x"]);
      assert.deepEqual(
        memory.assets.map((asset) => [asset.kind, asset.bytes, asset.name]),
        [["original", bytes.length, "a.bin"]],
      );
      const back = await keepsake.download(result.memoryId, "original");
      assert.equal(sha256(new Uint8Array(await back.arrayBuffer())), sha256(bytes));
      assert.equal((await keepsake.sessions.list()).filter(({ state }) => state === "pending").length, 0);
    });

    test("both lanes make one memory with four assets", async () => {
      const keepsake = await connect(host);
      const bytes = pictureLike(4 * MiB);
      const progress: UploadProgress[] = [];
      const upload = keepsake.upload(sourceOf("p.png", bytes), {
        derive: deriveFixed,
        onProgress: (now) => progress.push(now),
      });
      const result = await upload.done;
      const memory = await keepsake.memories.read(result.memoryId);
      const kinds = memory.assets
        .map((asset) => [asset.kind, asset.storage, asset.width, asset.height])
        .sort();
      assert.deepEqual(kinds, [
        ["display", "blob", 1440, 1080],
        ["original", "blob", 4000, 3000],
        ["placeholder", "inline", 24, 18],
        ["thumbnail", "blob", 400, 300],
      ]);
      assert.equal(memory.type, "image");
      assert.equal(memory.assets.find(({ kind }) => kind === "original")?.orientation, 6);
      assert.deepEqual(memory.dateOfMemory, new Date("2024-05-06T07:08:09Z"));
      assert.equal(progress.at(-1)?.phase, "done");
      assert.equal(progress.at(-1)?.derivatives.state, "done");
      assert.equal(progress.at(-1)?.derivatives.bytesSent, progress.at(-1)?.derivatives.bytesTotal);
    });

    test("several chunks are in flight at once, and no more than asked for", async () => {
      const wire = new Wire();
      // Two fly at first, four once those arrived. These wait for each other: with fewer in flight this would never end.
      let go = () => {};
      const four = new Promise<void>((resolve) => {
        go = resolve;
      });
      wire.fault = async (method, when, count) => {
        if (method === "uploads_put_chunk" && when === "before" && count > 2 && count <= 6) {
          if (count === 6) {
            go();
          }
          await four;
        }
      };
      const keepsake = await connect(host, { fetch: wire.fetch });
      await keepsake.upload(new Blob([randomBytes(20 * MiB)]), { concurrency: 4 }).done;
      assert.equal(wire.count("uploads_put_chunk"), 12);
      assert.equal(wire.widest, 4);
    });

    test("bytes sent never fall and end at the total", async () => {
      const keepsake = await connect(host);
      const seen: number[] = [];
      const bytes = randomBytes(9 * MiB);
      const upload = keepsake.upload(new Blob([bytes]), {
        onProgress: (progress) => seen.push(progress.original.bytesSent),
      });
      await upload.done;
      assert.deepEqual(
        seen,
        [...seen].sort((a, b) => a - b),
      );
      assert.equal(seen.at(-1), bytes.length);
      assert.equal(upload.progress.phase, "done");
    });

    test("bytes that are not those that were stored are not handed out as whole", async () => {
      const identity = Ed25519KeyIdentity.generate();
      const keepsake = await connect(host, { identity });
      const { memoryId } = await keepsake.upload(new Blob([randomBytes(2 * MiB)])).done;
      const [asset] = (await keepsake.memories.read(memoryId)).assets;
      assert.ok(asset);
      const connection = new Connection({ host: host.url, canisterId: host.canisterId, identity });
      await connection.ready(connection.policy);
      const read = async (sha256: Uint8Array | undefined) => {
        let bytes = 0;
        const place = { memoryId, asset: { ...asset, sha256 }, assetHost: host.url };
        for await (const piece of pieces(connection, keepsake.config, place)) {
          bytes += piece.length;
        }
        return bytes;
      };
      assert.equal(await read(asset.sha256), 2 * MiB);
      await assert.rejects(read(new Uint8Array(32)), { kind: "Integrity", code: "bytes_differ" });
    });
  });
}
