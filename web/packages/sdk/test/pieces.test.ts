// The parts that need no node: retries, cuts, keys, progress, waiting, and the tables. Rules that other clients share
// are in rules.test.ts.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { KeepsakeError, MEANINGS } from "@keepsake/sdk";
import { Attempts, RETRY_DEFAULT } from "../dist/retry.js";
import { UploadKey } from "../dist/upload/idem.js";
import { clip } from "../dist/upload/media.js";
import { Cut } from "../dist/upload/plan.js";
import { present } from "../dist/upload/present.js";
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
  const unescaped = (text: string | undefined) => text?.replaceAll('\\"', '"');
  assert.deepEqual(MEANINGS, Object.fromEntries(rows.map(([, name, meaning]) => [name, unescaped(meaning)])));
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

test("the same file gives the same keys, and every part changes them", () => {
  const file = { name: "a.jpg", sample: new Uint8Array(32), size: 5, lastModified: 7 };
  const key = new UploadKey(file, 9);
  assert.equal(key.session("original"), new UploadKey({ ...file }, 9).session("original"));
  assert.equal(key.session("original"), new UploadKey(file, 8).cutInto(9).session("original"));
  const keys = [
    key.session("original"),
    new UploadKey({ ...file, name: "b.jpg" }, 9).session("original"),
    new UploadKey({ ...file, sample: new Uint8Array(32).fill(1) }, 9).session("original"),
    new UploadKey({ ...file, size: 6 }, 9).session("original"),
    new UploadKey({ ...file, lastModified: 8 }, 9).session("original"),
    new UploadKey(file, 8).session("original"),
    key.session("display", new Uint8Array(32)),
    key.session("display", new Uint8Array(32).fill(1)),
    key.session("thumbnail", new Uint8Array(32)),
    key.publish("a"),
    key.publish("b"),
    new UploadKey({ ...file, size: 6 }, 9).publish("a"),
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

test("a service that goes through older memories is asked again, and not for ever", async () => {
  const pending = new KeepsakeError("Conflict", "contents_pending", { code: "contents_pending" });
  const ask = async (pendingFor: number, unreachableMaxMs: number) => {
    let asked = 0;
    const call = async () => {
      asked += 1;
      if (asked <= pendingFor) {
        throw pending;
      }
      return [[]];
    };
    const found = present({ call: call as never }, (send) => send({}), "capsule_1", new Uint8Array(32), {
      unreachableMaxMs,
    });
    return { outcome: await found.catch((error: unknown) => error), asked };
  };
  assert.deepEqual(await ask(1, Number.POSITIVE_INFINITY), { outcome: undefined, asked: 2 });
  const { outcome, asked } = await ask(Number.POSITIVE_INFINITY, 0);
  assert.ok(outcome instanceof KeepsakeError && outcome.code === "contents_pending");
  assert.equal(asked, 1);
});
