// The parts that need no node: retries, cuts, keys, progress, media, waiting, and the tables.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { MEANINGS } from "@keepsake/sdk";
import { Attempts, RETRY_DEFAULT } from "../dist/retry.js";
import { UploadKey } from "../dist/upload/idem.js";
import { clip, mediaOf, memoryTypeOfMime } from "../dist/upload/media.js";
import { Cut, Missing } from "../dist/upload/plan.js";
import { ProgressBoard } from "../dist/upload/progress.js";
import { OpenSource } from "../dist/upload/source.js";
import { Gate, Window } from "../dist/wait.js";
import { hex, randomBytes, sourceOf } from "./world.js";

const here = dirname(fileURLToPath(import.meta.url));
const api = join(here, "..", "..", "..", "..", "crates", "keepsake-api");

test("the committed bindings equal the generator's output", () => {
  const committed = join(here, "..", "generated");
  const made = mkdtempSync(join(tmpdir(), "keepsake-bindings-"));
  try {
    const did = join(api, "keepsake.did");
    const options = [
      "--did-file",
      did,
      "--out-dir",
      made,
      "--actor-disabled",
      "--declarations-flat",
      "--force",
    ];
    execFileSync(process.execPath, [generator(), ...options], { stdio: "pipe" });
    assert.deepEqual(readdirSync(made).sort(), readdirSync(committed).sort());
    for (const name of readdirSync(made)) {
      const same = readFileSync(join(made, name), "utf8") === readFileSync(join(committed, name), "utf8");
      assert.ok(same, `${name} is out of date: run \`npm run generate\` in web/packages/sdk`);
    }
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
});

/** The program of the generator's package. */
function generator(): string {
  const main = createRequire(import.meta.url).resolve("@icp-sdk/bindgen/core");
  const folder = join(main.slice(0, main.lastIndexOf(join("@icp-sdk", "bindgen"))), "@icp-sdk", "bindgen");
  const { bin } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return join(folder, bin["icp-bindgen"]);
}

test("the table of codes is the service's", () => {
  const source = readFileSync(join(api, "src", "codes.rs"), "utf8");
  const table = source.slice(source.indexOf("pub const CODES"), source.indexOf("/// Looks a code up"));
  const rows = [
    ...table.matchAll(
      /(?:invalid|conflict|room|absent|http)\(\s*(?:\d+,\s*)?"([a-z0-9_]+)",\s*"((?:[^"\\]|\\.)*)",?\s*\)/g,
    ),
  ];
  assert.equal(
    rows.length,
    [...table.matchAll(/\b(?:invalid|conflict|room|absent|http|Code)\s*[({]/g)].length,
    "a row was not read",
  );
  assert.deepEqual(MEANINGS, Object.fromEntries(rows.map(([, name, meaning]) => [name, meaning])));
});

test("pauses double up to the bound, with full jitter, and stop after the last attempt", () => {
  const attempts = new Attempts({ ...RETRY_DEFAULT, pauseFirstMs: 100 });
  const pauses = Array.from({ length: 8 }, () => attempts.pauseAfter("passing", 0, 1));
  assert.deepEqual(pauses, [100, 200, 400, 800, 1600, 3200, 6400, undefined]);
  assert.equal(new Attempts(RETRY_DEFAULT).pauseAfter("passing", 0, 0.5), 100);
  assert.equal(new Attempts(RETRY_DEFAULT).pauseAfter("permanent", 0, 1), undefined);
});

test("an absent node is waited for by time and not by number", () => {
  const attempts = new Attempts({ ...RETRY_DEFAULT, unreachableMaxMs: 60_000 });
  for (let second = 0; second < 60; second += 1) {
    const pause = attempts.pauseAfter("unreachable", second * 1000, 1);
    assert.ok(pause !== undefined && pause <= 1000, `second ${second}`);
  }
  assert.equal(attempts.pauseAfter("unreachable", 60_000, 1), undefined);
  const endless = new Attempts({ ...RETRY_DEFAULT, unreachableMaxMs: Number.POSITIVE_INFINITY });
  for (let hour = 0; hour < 100; hour += 1) {
    const pause = endless.pauseAfter("unreachable", hour * 3_600_000, 1);
    assert.ok(pause !== undefined && pause <= RETRY_DEFAULT.pauseMaxMs);
  }
});

test("chunks cover the file without gap or overlap", () => {
  for (const [total, chunk] of [
    [1, 4],
    [8, 4],
    [10, 4],
    [5_000_000_000, 1_800_000],
  ] as const) {
    const cut = new Cut(total, chunk);
    let next = 0;
    for (let index = 0; index < cut.chunks; index += 1) {
      assert.equal(cut.start(index), next);
      assert.ok(cut.end(index) > next && cut.end(index) - next <= chunk);
      next = cut.end(index);
    }
    assert.equal(next, total);
  }
});

test("hidden ranges count as missing", () => {
  const cut = new Cut(95, 10);
  const shown: [number, number][] = [
    [1, 2],
    [4, 5],
  ];
  const hidden = new Missing({ missing: shown, missingTruncated: true }, cut);
  assert.deepEqual([...hidden.indices()], [1, 4, 5, 6, 7, 8, 9]);
  assert.deepEqual([hidden.count, hidden.bytesPresent], [7, 30]);
  const all = new Missing({ missing: [[9, 10]], missingTruncated: false }, cut);
  assert.deepEqual([[...all.indices()], all.bytesPresent], [[9], 90]);
});

test("the same file gives the same keys, and every part changes them", () => {
  const file = { name: "a.jpg", sample: new Uint8Array(32), size: 5, lastModified: 7, chunkBytes: 9 };
  const key = new UploadKey(file);
  assert.equal(key.session("original"), new UploadKey({ ...file }).session("original"));
  const keys = [
    key.session("original"),
    new UploadKey({ ...file, name: "b.jpg" }).session("original"),
    new UploadKey({ ...file, sample: new Uint8Array(32).fill(1) }).session("original"),
    new UploadKey({ ...file, size: 6 }).session("original"),
    new UploadKey({ ...file, lastModified: 8 }).session("original"),
    new UploadKey({ ...file, chunkBytes: 8 }).session("original"),
    key.session("display", new Uint8Array(32)),
    key.session("display", new Uint8Array(32).fill(1)),
    key.session("thumbnail", new Uint8Array(32)),
    key.publish("a"),
    key.publish("b"),
    new UploadKey({ ...file, size: 6 }).publish("a"),
  ];
  assert.equal(new Set(keys).size, keys.length);
  assert.ok(keys.every((text) => text.length <= 256 && !text.includes("jpg")));
});

test("samples tell files apart and read a bounded part of them", async () => {
  const bytes = randomBytes(20 << 20);
  const source = sourceOf("a", bytes);
  const before = hex(await new OpenSource(source).sample());
  assert.equal(source.reads, 1 << 20);
  bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
  assert.notEqual(hex(await new OpenSource(source).sample()), before);
});

test("first bytes win over the name, and a name is not believed where the bytes are none", () => {
  const text = (words: string) => new TextEncoder().encode(words);
  const png = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0]);
  assert.deepEqual(mediaOf(png, "a.jpg", "image/jpeg"), { mimeType: "image/png" });
  const cases = [
    [text("hello"), "a.jpg", "text/plain", "image/jpeg"],
    [text("hé").slice(0, 2), "a.png", "text/plain", "image/png"],
    [text("hello"), "a.heic", "text/plain", "image/heic"],
    [text("%PDF-1.7"), "a.gif", "application/pdf", "image/gif"],
    [text("PK\x03\x04"), "a.webp", "application/zip", "image/webp"],
    [text("\0\0\0\x18ftypheic"), "a.jpg", "image/heif", "image/jpeg"],
    [text("\0\0\0\x18ftypisom"), "a.jpg", "video/mp4", "image/jpeg"],
    [text("\0\x01\x02"), "a.jpg", "application/octet-stream", "image/jpeg"],
    [text("hello"), "a.pdf", "application/pdf", undefined],
    [text("hello"), "noname", "application/octet-stream", undefined],
    [text("\0\x01"), "a.tiff", "image/tiff", undefined],
  ] as const;
  for (const [bytes, name, mimeType, misnamed] of cases) {
    const media = mediaOf(bytes, name, "");
    assert.deepEqual([media.mimeType, media.misnamed], [mimeType, misnamed], name);
  }
  assert.equal(mediaOf(text("x"), "a", "Text/HTML; charset=utf-8").mimeType, "text/html");
  assert.deepEqual(
    ["image/jpeg", "video/mp4", "audio/mpeg", "text/plain", "text/html"].map(memoryTypeOfMime),
    ["image", "video", "audio", "note", "document"],
  );
});

test("clipping never splits a character", () => {
  assert.deepEqual([clip("aé", 2), clip("aé", 3), clip("", 0), clip("😀", 3)], ["a", "aé", "", ""]);
});

test("the rate is smoothed, and nothing falls when a session starts over", () => {
  let now = 0;
  const board = new ProgressBoard(
    1000,
    () => {},
    () => now,
  );
  board.restartClock();
  for (let sent = 100; sent <= 500; sent += 100) {
    now += 1000;
    board.moved(100);
    board.lane("original", { bytesSent: sent });
  }
  assert.deepEqual([board.snapshot().bytesPerSecond, board.snapshot().secondsLeft], [100, 5]);
  board.lane("original", { bytesSent: 0 });
  assert.equal(board.snapshot().original.bytesSent, 500);
  const message = {};
  board.retrying(message, 3, true);
  const { attempt, offline, secondsLeft } = board.snapshot();
  assert.deepEqual([attempt, offline, secondsLeft], [4, true, undefined]);
  board.settled(message);
  assert.deepEqual([board.snapshot().attempt, board.snapshot().offline], [1, false]);
});

test("places in a window are given in order, and given back once", async () => {
  const window = new Window(1);
  const order: number[] = [];
  const first = await window.enter();
  const stop = new AbortController();
  const waiting = [1, 2, 3].map(async (number) => {
    const leave = await window.enter(number === 2 ? stop.signal : undefined);
    order.push(number);
    leave();
  });
  stop.abort();
  first();
  first();
  await assert.rejects(waiting[1] as Promise<void>, { kind: "Aborted" });
  await Promise.all([waiting[0], waiting[2]]);
  assert.deepEqual(order, [1, 3]);
});

test("nobody passes a closed gate until it opens or is given up", async () => {
  const gate = new Gate();
  const stop = new AbortController();
  gate.close();
  let passed = false;
  const waiting = gate.passed(new AbortController().signal).then(() => {
    passed = true;
  });
  const givenUp = gate.passed(stop.signal);
  stop.abort();
  await assert.rejects(givenUp, { kind: "Aborted" });
  assert.equal(passed, false);
  gate.open();
  await waiting;
  assert.equal(passed, true);
});
