// A computer whose clock is wrong, by libfaketime (https://github.com/wolfcw/libfaketime) where it is installed: everything
// works by the node's clock, on both roads.

import assert from "node:assert/strict";
import { randomBytes as noise } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { RunningNode } from "./node.js";
import { identityOf, send } from "./uploader.js";
import { connect, pictureLike, randomBytes, sha256 } from "./world.js";

const CHUNK = 1_800_000;
const WRONG = ["-1h", "-5m", "+6m", "+2h", "+2d"];

/** Where Debian and others put it. */
function libfaketime(): string | undefined {
  if (process.platform !== "linux") {
    return undefined;
  }
  const places = [
    ...readdirSync("/usr/lib").map((name) => join("/usr/lib", name)),
    "/usr/lib",
    "/usr/local/lib",
    "/usr/lib64",
  ];
  return places
    .map((place) => join(place, "faketime", "libfaketimeMT.so.1"))
    .find((path) => existsSync(path));
}

const library = libfaketime();
let node: RunningNode;
let folder: string;
before(async () => {
  node = await RunningNode.start();
  folder = await mkdtemp(join(tmpdir(), "keepsake-clock-"));
});
after(async () => {
  await node.remove();
  await rm(folder, { recursive: true, force: true });
});

describe("clocks", { concurrency: 2, skip: library ? false : "libfaketime is not installed" }, () => {
  for (const wrong of WRONG) {
    test(`a clock that is wrong by ${wrong} hinders nothing`, async () => {
      const seed = noise(32).toString("hex");
      const keepsake = await connect(node, { identity: identityOf(seed) });
      const contents = [
        randomBytes(2 * CHUNK),
        pictureLike(50_000),
        randomBytes(2 * CHUNK),
        pictureLike(50_000),
      ];
      const files = contents.map((_, at) => join(folder, `${wrong}-${at}.bin`));
      await Promise.all(files.map((path, at) => writeFile(path, contents[at] ?? "")));
      const parts = [
        { road: "auto", files: files.slice(0, 2) },
        { road: "envelopes", files: files.slice(2) },
      ] as const;
      const faked = { LD_PRELOAD: library, FAKETIME: wrong, FAKETIME_DONT_FAKE_MONOTONIC: "1" };
      const { url: host, canisterId } = node;
      const told = await send({ host, canisterId, seed, parts }, faked).told;
      assert.deepEqual(
        told.map((one) => one.sha256),
        contents.map(sha256),
      );
      const { items } = await keepsake.memories.page((await keepsake.capsules.own()).id);
      assert.equal(items.length, contents.length, "nothing ran twice");
      const pending = (await keepsake.sessions.list()).filter(({ state }) => state === "pending");
      assert.deepEqual(pending, []);
      // What is said of the time is the node's.
      for (const { createdAt } of items) {
        assert.ok(Math.abs(createdAt.getTime() - Date.now()) < 120_000, String(createdAt));
      }
    });
  }
});
