// A large file: memory stays bounded, from disk and back. KEEPSAKE_FULL=1 takes a larger one.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileSource } from "@keepsake/sdk/node";
import { RunningNode } from "./node.js";
import { connect, hex, randomBytes } from "./world.js";

const MiB = 1 << 20;
const SIZE = (process.env.KEEPSAKE_FULL ? 3000 : 250) * MiB;
/** Eight chunks in flight with their copies, what the collector has not come to yet, and the program itself. */
const RESIDENT_MAX = 400 * MiB;

let node: RunningNode;
const path = join(tmpdir(), `keepsake-large-${process.pid}.bin`);
before(async () => {
  node = await RunningNode.start();
});
after(async () => {
  await node.remove();
  await rm(path, { force: true });
});

test("a large file goes up and comes down in bounded memory", async () => {
  await writeFile(path, randomBytes(8 * MiB));
  await truncate(path, SIZE);
  const keepsake = await connect(node);
  const source = await fileSource(path);
  let residentMax = 0;
  const look = () => {
    residentMax = Math.max(residentMax, process.memoryUsage().rss);
  };
  const result = await keepsake.upload(source, { onProgress: look }).done;
  await source.close();
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const piece of keepsake.downloadPieces(result.memoryId, "original", { onProgress: look })) {
    hash.update(piece);
    bytes += piece.length;
  }
  assert.equal(bytes, SIZE);
  assert.equal(hash.digest("hex"), hex(result.sha256));
  assert.ok(residentMax < RESIDENT_MAX, `${Math.round(residentMax / MiB)} MiB resident`);
  console.log(`# ${SIZE / MiB} MiB, at most ${Math.round(residentMax / MiB)} MiB resident`);
});
