// Originals that go from the page straight into the host's bucket, and are shown from there, over a real S3 server's CORS.

import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { RunningS3 } from "../../packages/sdk/test/s3-server.ts";
import { FROM_BYTES, holdParts, nodeBefore, noS3, PART_BYTES, test, watchParts } from "../src/bucket.ts";
import { countChunks } from "../src/chunks.ts";
import { Onlooker, sha256 } from "../src/onlooker.ts";
import { allUploaded, beginAsNew, chooseFiles, dropFiles, text, tiles, tilesCount } from "../src/page.ts";
import { largePhoto } from "../src/photos.ts";
import { expect } from "../src/test.ts";

const PARTS = 7;
/** The last part is shorter. */
const LARGE_BYTES = (PARTS - 1) * PART_BYTES + 5_000_000;

test.skip(noS3 !== false, noS3 || "");

async function fileOf(folder: string, name: string, bytes: Uint8Array): Promise<string> {
  await mkdir(folder, { recursive: true });
  await writeFile(`${folder}/${name}`, bytes);
  return `${folder}/${name}`;
}

/** Two frames of one pixel, and a comment that makes it long: a picture that moves is shown by its original. */
function movingPicture(): Uint8Array {
  const head = Buffer.from("R0lGODlhAQABAIAAAAAAAP///w==", "base64");
  const frame = Buffer.from("IfkEAQAAAAAsAAAAAAEAAQAAAgFEAA==", "base64");
  const line = Buffer.concat([Buffer.from([200]), Buffer.alloc(200, "a moving picture ")]);
  const comment = [Buffer.from([0x21, 0xfe]), ...Array(600).fill(line), Buffer.from([0])];
  return Buffer.concat([head, ...comment, frame, frame, Buffer.from([0x3b])]);
}

test("a photo goes into the bucket, what is derived of it to the node, and its original comes from there", async ({
  newPerson,
  node,
  s3,
}, info) => {
  const page = await newPerson();
  const parts = watchParts(page, s3);
  const chunks = countChunks(page);
  const shown: string[] = [];
  page.on("response", (response) => {
    if (response.url().startsWith(`${s3.url}/`) && response.request().method() === "GET") {
      shown.push(`${response.status()} ${response.headers()["content-type"]}`);
    }
  });
  const photo = await largePhoto(page, info.outputDir);
  const moving = await fileOf(info.outputDir, "moving.gif", movingPicture());
  await dropFiles(page, [photo, moving]);
  await allUploaded(page, 2);
  await tilesCount(page, 2);
  expect(parts.sent).toEqual([0, 0]);
  expect(chunks()).toBe(0);

  const onlooker = await Onlooker.of(page, node);
  const memories = await onlooker.memories();
  for (const [name, path] of [
    ["photo_20mp.jpg", photo],
    ["moving.gif", moving],
  ]) {
    const memory = memories.find(({ title }) => title === name);
    expect(memory?.assets.map(({ kind }) => kind)).toHaveLength(4);
    expect(await onlooker.originalSha256(memory?.id ?? "")).toBe(sha256(await readFile(path ?? "")));
  }

  expect(shown).toEqual([]);
  await tiles(page)
    .filter({ hasText: "moving.gif" })
    .or(page.getByRole("button", { name: /moving\.gif/ }))
    .first()
    .click();
  const picture = page.getByRole("dialog").getByRole("img", { name: "moving.gif" });
  await expect.poll(() => picture.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBe(1);
  expect(shown).toContain("200 image/gif");
});

test("an original in the bucket is downloaded by the page's link, byte for byte", async ({
  newPerson,
  s3,
}, info) => {
  const page = await newPerson();
  const photo = await largePhoto(page, info.outputDir);
  const document = await fileOf(info.outputDir, "some.bin", randomBytes(2 * FROM_BYTES));
  for (const path of [photo, document]) {
    const parts = watchParts(page, s3);
    await dropFiles(page, [path]);
    await expect.poll(() => parts.taken.length).toBe(1);
  }
  await tilesCount(page, 2);
  const wanted = new Set([sha256(await readFile(photo)), sha256(await readFile(document))]);
  await tiles(page).first().click();
  const dialog = page.getByRole("dialog");
  for (let index = 0; index < 2; index += 1) {
    await expect(dialog).toContainText(text.viewer.position(index + 1, 2));
    const link = dialog.getByRole("link", { name: text.viewer.download });
    await expect(link).toHaveAttribute("href", /token=/);
    const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
    expect(wanted.delete(sha256(await readFile(await download.path())))).toBe(true);
    await page.keyboard.press("ArrowRight");
  }
});

test("a reload in the middle of a file in parts: it goes on by itself, and sends the missing parts only", async ({
  newPerson,
  node,
  s3,
}, info) => {
  const page = await newPerson();
  const bytes = randomBytes(LARGE_BYTES);
  const path = await fileOf(info.outputDir, "large.bin", bytes);
  const before = watchParts(page, s3);
  const release = await holdParts(page, s3, 3);
  await chooseFiles(page, [path]);
  await expect.poll(() => before.taken.length, { timeout: 60_000 }).toBe(3);
  page.on("dialog", (dialog) => void dialog.accept());
  await page.reload();
  const after = watchParts(page, s3);
  await release();
  await allUploaded(page, 1);
  await tilesCount(page, 1);
  expect([...after.sent].sort()).toEqual([4, 5, 6, 7]);

  const onlooker = await Onlooker.of(page, node);
  const [memory] = await onlooker.memories();
  expect(await onlooker.originalSha256(memory?.id ?? "")).toBe(sha256(bytes));
});

test("a bucket that lets pages of this origin not write: the original goes to the node, and that is said", async ({
  browser,
}, info) => {
  const strict = await RunningS3.start(["https://elsewhere.example"]);
  const node = await nodeBefore(strict);
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    await page.goto(node.url);
    await beginAsNew(page);
    const chunks = countChunks(page);
    const bytes = randomBytes(3_000_000);
    await chooseFiles(page, [await fileOf(info.outputDir, "some.bin", bytes)]);
    await expect(page.getByText(text.notices.aroundBucket)).toBeVisible();
    await allUploaded(page, 1);
    expect(chunks()).toBe(2);
    const onlooker = await Onlooker.of(page, node);
    const [memory] = await onlooker.memories();
    expect(await onlooker.originalSha256(memory?.id ?? "")).toBe(sha256(bytes));
  } finally {
    await context.close();
    await node.remove();
    await strict.remove();
  }
});
