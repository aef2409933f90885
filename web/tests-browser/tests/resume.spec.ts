// Uploads that are interrupted: the node killed, the page reloaded. It owns no state.

import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import type { Page } from "@playwright/test";
import { CHUNK_BYTES, countChunks, holdChunks } from "../src/chunks.ts";
import { Onlooker, sha256 } from "../src/onlooker.ts";
import {
  allUploaded,
  beginAsNew,
  chooseFiles,
  dropFiles,
  row,
  text,
  tilesCount,
  uploadedShare,
} from "../src/page.ts";
import { expect, test } from "../src/test.ts";

const LARGE_BYTES = 54_000_000;
const CHUNKS = Math.ceil(LARGE_BYTES / CHUNK_BYTES);
/** More than the browser keeps for a reload. */
const TOO_LARGE_TO_KEEP = 270_000_000;
/** Of its chunks, where 0.4 had arrived: on a busy machine one may be given up as stalled, and be sent again. */
const SENT_AFTER_MAX = 0.8;

async function largeFile(folder: string, length = LARGE_BYTES): Promise<{ path: string; hash: string }> {
  const bytes = randomBytes(length);
  await mkdir(folder, { recursive: true });
  const path = `${folder}/large.bin`;
  await writeFile(path, bytes);
  return { path, hash: sha256(bytes) };
}

/** Leaves the app at `address`, and deletes the files that it keeps for a reload: while it is open, it would hold them. */
async function forgetFiles(page: Page, address: string): Promise<void> {
  await page.goto(`${new URL(address).origin}/health`);
  await page.evaluate(async () => {
    for (const { name } of await indexedDB.databases()) {
      if (name?.startsWith("uppy")) indexedDB.deleteDatabase(name);
    }
  });
}

/** Chooses a file of `bytes`, and brings it to `share` of its way; no further before the result is called. */
async function partOf(page: Page, path: string, bytes: number, share: number): Promise<() => Promise<void>> {
  const release = await holdChunks(page, Math.ceil((bytes / CHUNK_BYTES) * share) + 1);
  await chooseFiles(page, [path]);
  await uploadedShare(page, "large.bin", share);
  return release;
}

test("the node killed in the middle of 54 MB and started again: it ends well without a reload", async ({
  newPerson,
  node,
}, info) => {
  const page = await newPerson();
  const { path, hash } = await largeFile(info.outputDir);
  const release = await partOf(page, path, LARGE_BYTES, 0.3);
  await node.kill();
  await release();
  await expect(row(page, "large.bin")).toContainText(text.upload.offline);
  await expect(page.getByText(text.notices.unreachable)).toBeVisible();
  await node.startAgain();
  await allUploaded(page, 1);
  await expect(page.getByText(text.notices.unreachable)).toBeHidden();

  const onlooker = await Onlooker.of(page, node);
  const [memory] = await onlooker.memories();
  expect(await onlooker.originalSha256(memory?.id ?? "")).toBe(hash);
});

test("a reload in the middle: it goes on by itself and sends only the missing chunks", async ({
  newPerson,
  node,
}, info) => {
  const page = await newPerson();
  const { path, hash } = await largeFile(info.outputDir);
  const release = await partOf(page, path, LARGE_BYTES, 0.4);
  page.on("dialog", (dialog) => void dialog.accept());
  await page.reload();
  const chunksAfter = countChunks(page);
  await release();
  await allUploaded(page, 1);
  await tilesCount(page, 1);
  expect(chunksAfter()).toBeGreaterThan(0);
  expect(chunksAfter()).toBeLessThanOrEqual(CHUNKS * SENT_AFTER_MAX);

  const onlooker = await Onlooker.of(page, node);
  const [memory] = await onlooker.memories();
  expect(await onlooker.originalSha256(memory?.id ?? "")).toBe(hash);
});

test("an unfinished upload of another browser session goes on when its file is chosen again", async ({
  newPerson,
}, info) => {
  const page = await newPerson();
  const { path } = await largeFile(info.outputDir);
  const release = await partOf(page, path, LARGE_BYTES, 0.4);
  page.on("dialog", (dialog) => void dialog.accept());
  // What Golden Retriever keeps is gone, as after a day, or for a file too large to be kept.
  const address = page.url();
  await forgetFiles(page, address);
  await release();
  const chunksAfter = countChunks(page);
  await page.goto(address);
  await page.getByRole("button", { name: text.header.uploads }).click();
  const dialog = page.getByRole("dialog");
  const resume = dialog.getByRole("button", { name: text.sessions.resumeNamed("large.bin") });
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), resume.click()]);
  await chooser.setFiles(path);
  await allUploaded(page, 1);
  expect(chunksAfter()).toBeLessThanOrEqual(CHUNKS * SENT_AFTER_MAX);
});

test("a tab closed in the middle: the next one names the file, which goes on when it is dropped again", async ({
  newPerson,
  node,
}, info) => {
  test.setTimeout(480_000);
  const closed = await newPerson();
  const { path, hash } = await largeFile(info.outputDir, TOO_LARGE_TO_KEEP);
  await partOf(closed, path, TOO_LARGE_TO_KEEP, 0.2);
  const page = await closed.context().newPage();
  await closed.close();
  await page.goto(node.url);
  await beginAsNew(page);
  await expect(row(page, "large.bin")).toContainText(text.upload.missing);
  const chunksAfter = countChunks(page);
  await dropFiles(page, [path]);
  await allUploaded(page, 1, 300_000);
  const chunks = Math.ceil(TOO_LARGE_TO_KEEP / CHUNK_BYTES);
  expect(chunksAfter()).toBeLessThanOrEqual(chunks * 0.9);
  const onlooker = await Onlooker.of(page, node);
  const [memory] = await onlooker.memories();
  expect(await onlooker.originalSha256(memory?.id ?? "")).toBe(hash);
});

test("an unfinished upload of a tab that is gone is ended in the list, and its room is free", async ({
  newPerson,
}, info) => {
  const closed = await newPerson();
  const { path } = await largeFile(info.outputDir);
  await partOf(closed, path, LARGE_BYTES, 0.1);
  const page = await closed.context().newPage();
  const address = closed.url();
  await closed.close();
  // Without what Golden Retriever keeps, or it would go on.
  await forgetFiles(page, address);
  await page.goto(address);
  await expect(page.getByRole("button", { name: `${text.header.uploads} (` })).toBeVisible();
  await page.getByRole("button", { name: text.header.uploads }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: text.sessions.abortNamed("large.bin") }).click();
  await expect(dialog.getByText(text.notices.aborted)).toBeVisible();
  await expect(dialog.getByText(text.sessions.none)).toBeVisible();
});

test("an unfinished upload can be ended, and its room is free", async ({ newPerson }, info) => {
  const page = await newPerson();
  const { path } = await largeFile(info.outputDir);
  await partOf(page, path, LARGE_BYTES, 0.2);
  await page.getByRole("button", { name: text.upload.pause("large.bin") }).click();
  await expect(row(page, "large.bin")).toContainText(text.upload.phases.paused);
  await page.getByRole("button", { name: text.header.uploads }).click();
  await expect(page.getByRole("dialog").getByText(text.sessions.runningHere)).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("button", { name: `${text.header.uploads} (1)` })).toBeVisible();
  await page.getByRole("button", { name: text.upload.cancel("large.bin") }).click();
  await expect(row(page, "large.bin")).toBeHidden();
  await expect(page.getByRole("button", { name: text.header.uploads, exact: true })).toBeVisible();
  await page.getByRole("button", { name: text.header.uploads }).click();
  await expect(page.getByRole("dialog").getByText(text.sessions.none)).toBeVisible();
});
