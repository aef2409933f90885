// Wrong things that a person does: each gets a clear message, and nothing is lost. It owns no state.

import { createHash, randomBytes } from "node:crypto";
import { mkdir, open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestInfo } from "@playwright/test";
import { CHUNK_BYTES, holdChunks } from "../src/chunks.ts";
import { heapBytes, rendererBytesPeak } from "../src/measure.ts";
import { Onlooker } from "../src/onlooker.ts";
import {
  allUploaded,
  chooseFiles,
  dropFiles,
  row,
  text,
  tiles,
  tilesCount,
  uploadedShare,
} from "../src/page.ts";
import { tenPhotos } from "../src/photos.ts";
import { expect, test } from "../src/test.ts";

const HUGE_BYTES = 3_000_000_000;
/** What the page's heap may grow by while it reads a huge file, bytes: some chunks, not the file. */
const HEAP_GROWTH_MAX = 64 * 2 ** 20;
/** Of all renderers while it is sent, bytes. */
const HUGE_RESIDENT_MAX = 1024 * 2 ** 20;

async function written(info: TestInfo, name: string, bytes: Uint8Array | string): Promise<string> {
  await mkdir(info.outputDir, { recursive: true });
  const path = join(info.outputDir, name);
  await writeFile(path, bytes);
  return path;
}

test("an empty file is explained, and what was dropped with it is uploaded", async ({ newPerson }, info) => {
  const page = await newPerson();
  const [photo] = await tenPhotos(page, info.outputDir);
  await dropFiles(page, [await written(info, "nothing.jpg", ""), photo ?? ""]);
  await expect(page.getByText(`nothing.jpg: ${text.uppy.core.inferiorSize}`)).toBeVisible();
  await allUploaded(page, 1);
  await tilesCount(page, 1);
});

test("a text named .jpg is kept as what it is, and the row says so", async ({ newPerson, node }, info) => {
  const page = await newPerson();
  await dropFiles(page, [await written(info, "letter.jpg", "Dear Anna,\nthis is no photo.\n".repeat(50))]);
  await allUploaded(page, 1);
  await expect(row(page, "letter.jpg")).toContainText("without a preview");
  await expect(tiles(page).first()).toContainText("letter.jpg");
  const onlooker = await Onlooker.of(page, node);
  const [memory] = await onlooker.memories();
  expect(memory?.type).not.toBe("image");
  expect(memory?.assets.map((asset) => asset.kind)).toEqual(["original"]);
});

test("a damaged photo is kept, and the row says why it has no preview", async ({ newPerson }, info) => {
  const page = await newPerson();
  const noise = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16]), randomBytes(40_000)]);
  await dropFiles(page, [await written(info, "damaged.jpg", noise)]);
  await allUploaded(page, 1);
  await expect(row(page, "damaged.jpg")).toContainText("without a preview");
  await tilesCount(page, 1);
});

/** 3 GB of zeros, which take no room on this disk. */
async function hugeFile(info: TestInfo): Promise<string> {
  const path = await written(info, "huge.bin", "");
  const file = await open(path, "w");
  await file.truncate(HUGE_BYTES);
  await file.close();
  return path;
}

test("a file of 3 GB is read piece by piece, and can be stopped", async ({ newPerson }, info) => {
  const page = await newPerson();
  const path = await hugeFile(info);
  await expect(page.locator(".uppy-Dashboard-inner")).toBeVisible();
  const before = await heapBytes(page);
  await holdChunks(page, Math.ceil((HUGE_BYTES / CHUNK_BYTES) * 0.05));
  await chooseFiles(page, [path]);
  await uploadedShare(page, "huge.bin", 0.03);
  expect((await heapBytes(page)) - before).toBeLessThan(HEAP_GROWTH_MAX);
  await expect(row(page, "huge.bin")).toContainText("left");
  await page.getByRole("button", { name: text.upload.cancel("huge.bin") }).click();
  await expect(row(page, "huge.bin")).toBeHidden();
  await page.getByRole("button", { name: text.header.uploads }).click();
  await expect(page.getByRole("dialog").getByText(text.sessions.none)).toBeVisible();
});

test("a file of 3 GB goes up whole, and the page stays small", async ({ newPerson, browser }, info) => {
  test.skip(process.env.KEEPSAKE_FULL === undefined, "KEEPSAKE_FULL=1 sends 3 GB, which takes minutes");
  test.setTimeout(1_800_000);
  const page = await newPerson();
  const path = await hugeFile(info);
  const begun = Date.now();
  const [, resident] = await rendererBytesPeak(browser, async () => {
    await chooseFiles(page, [path]);
    await allUploaded(page, 1, 1_700_000);
  });
  const heap = await heapBytes(page);
  console.log(
    `3 GB in ${Math.round((Date.now() - begun) / 1000)} s, heap ${heap >> 20} MiB, renderers ${resident >> 20} MiB at most`,
  );
  expect(heap).toBeLessThan(HEAP_GROWTH_MAX);
  expect(resident).toBeLessThan(HUGE_RESIDENT_MAX);
  await tiles(page).first().click();
  await expect(page.locator(".details")).toContainText("3 GB");
  await expect(page.locator(".details .hash")).toHaveText(sha256OfZeros(HUGE_BYTES));
});

test("offline: the page says so, waits, and goes on by itself", async ({ newPerson }, info) => {
  const page = await newPerson();
  const release = await holdChunks(page, 10);
  await chooseFiles(page, [await written(info, "large.bin", randomBytes(54_000_000))]);
  await uploadedShare(page, "large.bin", 0.1);
  await page.context().setOffline(true);
  await release();
  await expect(page.getByText(text.notices.offline)).toBeVisible();
  await expect(row(page, "large.bin")).toContainText(text.upload.offline);
  await page.context().setOffline(false);
  await allUploaded(page, 1);
  await expect(page.getByText(text.notices.offline)).toBeHidden();
});

test("the same photo twice is one memory, and the second row says that it is there", async ({
  newPerson,
}, info) => {
  const page = await newPerson();
  const [photo] = await tenPhotos(page, info.outputDir);
  await dropFiles(page, [photo ?? ""]);
  await allUploaded(page, 1);
  await page.getByRole("button", { name: text.upload.clear }).click();
  await dropFiles(page, [photo ?? ""]);
  await expect(page.getByText(text.upload.alreadyThere)).toBeVisible();
  await tilesCount(page, 1);
});

test("closing the tab while uploading asks first, and nothing is asked when all is done", async ({
  newPerson,
}, info) => {
  const page = await newPerson();
  let asked = 0;
  page.on("dialog", (dialog) => {
    asked += 1;
    void dialog.dismiss();
  });
  const release = await holdChunks(page, 10);
  await chooseFiles(page, [await written(info, "large.bin", randomBytes(54_000_000))]);
  await uploadedShare(page, "large.bin", 0.1);
  // A browser asks only on behalf of a page that somebody has used.
  await page.getByRole("heading", { level: 1 }).click();
  await page.close({ runBeforeUnload: true });
  await expect.poll(() => asked).toBe(1);
  await release();
  await allUploaded(page, 1);
  await page.close({ runBeforeUnload: true });
  await expect.poll(() => page.isClosed()).toBe(true);
  expect(asked).toBe(1);
});

function sha256OfZeros(length: number): string {
  const hash = createHash("sha256");
  const piece = Buffer.alloc(1_000_000);
  for (let at = 0; at < length; at += piece.length) hash.update(piece.subarray(0, length - at));
  return hash.digest("hex");
}
