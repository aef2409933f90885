// Other ways in than a drop of photos: pasting, dropping a folder, and files that are no pictures. It owns no state.

import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Page, TestInfo } from "@playwright/test";
import { Onlooker, sha256 } from "../src/onlooker.ts";
import { allUploaded, chooseFiles, dropFiles, row, text, tiles, tilesCount } from "../src/page.ts";
import { tenPhotos } from "../src/photos.ts";
import { expect, test } from "../src/test.ts";

test("an image that is pasted is uploaded by both lanes", async ({ newPerson, node }) => {
  const page = await newPerson();
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await expect(page.locator(".uppy-Dashboard-inner")).toBeVisible();
  await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(600, 400);
    const context = canvas.getContext("2d");
    if (context === null) throw new Error("no canvas");
    context.fillStyle = "rebeccapurple";
    context.fillRect(0, 0, 600, 400);
    await navigator.clipboard.write([new ClipboardItem({ "image/png": canvas.convertToBlob() })]);
  });
  await page.locator("#gallery-title").focus();
  await page.keyboard.press("Control+V");
  await allUploaded(page, 1);
  await tilesCount(page, 1);
  const onlooker = await Onlooker.of(page, node);
  const [memory] = await onlooker.memories();
  expect(memory?.type).toBe("image");
  expect(memory?.assets.map(({ kind }) => kind).sort()).toEqual([
    "display",
    "original",
    "placeholder",
    "thumbnail",
  ]);
  expect(memory?.assets.find(({ kind }) => kind === "original")).toMatchObject({ width: 600, height: 400 });
});

/** A folder with a file, and one in each of two folders below. */
async function folderOfThree(page: Page, info: TestInfo): Promise<string> {
  const photos = (await tenPhotos(page, info.outputDir)).slice(0, 3);
  const folder = join(info.outputDir, "Holiday");
  const inner = join(folder, "Day 2", "Beach");
  await mkdir(inner, { recursive: true });
  const places = [join(folder, "first.jpg"), join(folder, "Day 2", "second.jpg"), join(inner, "third.jpg")];
  for (const [index, place] of places.entries()) {
    await writeFile(place, await readFile(photos[index] ?? ""));
  }
  return folder;
}

async function threeUploaded(page: Page): Promise<void> {
  await allUploaded(page, 3);
  await tilesCount(page, 3);
  for (const name of ["first.jpg", "second.jpg", "third.jpg"]) {
    await expect(tiles(page).and(page.getByRole("button", { name }))).toHaveCount(1);
  }
}

test("a folder that is dropped gives its files, those of the folders in it too", async ({
  newPerson,
}, info) => {
  const page = await newPerson();
  await dropFiles(page, [await folderOfThree(page, info)]);
  await threeUploaded(page);
});

test("a folder that is chosen gives its files, those of the folders in it too", async ({
  newPerson,
}, info) => {
  const page = await newPerson();
  const folder = await folderOfThree(page, info);
  const button = page.getByRole("button", { name: text.uppy.dashboard.browseFolders });
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), button.click()]);
  await chooser.setFiles(folder);
  await threeUploaded(page);
});

test("a video is kept by lane A alone, and plays in the viewer", async ({ newPerson, node }, info) => {
  const page = await newPerson();
  await mkdir(info.outputDir, { recursive: true });
  const path = join(info.outputDir, "waves.webm");
  await writeFile(path, await recorded(page));
  await chooseFiles(page, [path]);
  await allUploaded(page, 1);
  await expect(row(page, "waves.webm")).toContainText("without a preview");
  await expect(tiles(page).first()).toContainText(text.gallery.types.video);
  await tiles(page).first().click();
  const video = page.locator("dialog.viewer video");
  await expect
    .poll(() =>
      video.evaluate((element: HTMLVideoElement) => [element.videoWidth, element.videoHeight, element.error]),
    )
    .toEqual([320, 240, null]);
  await video.evaluate((element: HTMLVideoElement) => {
    element.muted = true;
    return element.play();
  });
  await expect
    .poll(() => video.evaluate((element: HTMLVideoElement) => element.currentTime))
    .toBeGreaterThan(0);
  await page.keyboard.press("Escape");
  await onlyOriginal(page, node, path, "video", "video/webm");
});

test("a document is kept by lane A alone; the viewer says so and downloads it", async ({
  newPerson,
  node,
}, info) => {
  const page = await newPerson();
  await mkdir(info.outputDir, { recursive: true });
  const path = join(info.outputDir, "letter.pdf");
  await writeFile(path, Buffer.concat([Buffer.from("%PDF-1.4\n%âãÏÓ\n"), randomBytes(30_000)]));
  await chooseFiles(page, [path]);
  await allUploaded(page, 1);
  await expect(row(page, "letter.pdf")).toContainText("without a preview");
  await expect(tiles(page).first()).toContainText(text.gallery.types.document);
  await tiles(page).first().click();
  const viewer = page.locator("dialog.viewer");
  await expect(viewer.getByText(text.viewer.noPicture)).toBeVisible();
  await expect(viewer.locator(".details")).toContainText("application/pdf");
  const link = viewer.getByRole("link", { name: text.viewer.download });
  await expect(link).toHaveAttribute("href", /token=/);
  const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
  expect(download.suggestedFilename()).toBe("letter.pdf");
  expect(sha256(await readFile(await download.path()))).toBe(sha256(await readFile(path)));
  await page.keyboard.press("Escape");
  await onlyOriginal(page, node, path, "document", "application/pdf");
});

/** The one memory has the original alone, of that type, byte for byte. */
async function onlyOriginal(
  page: Page,
  node: Parameters<typeof Onlooker.of>[1],
  path: string,
  type: string,
  mimeType: string,
): Promise<void> {
  const onlooker = await Onlooker.of(page, node);
  const memories = await onlooker.memories();
  expect(memories.map((memory) => memory.type)).toEqual([type]);
  expect(memories[0]?.assets.map((asset) => [asset.kind, asset.mimeType])).toEqual([["original", mimeType]]);
  expect(await onlooker.originalSha256(memories[0]?.id ?? "")).toBe(sha256(await readFile(path)));
}

/** Half a second of a moving picture, recorded by the browser itself. */
async function recorded(page: Page): Promise<Buffer> {
  const base64 = await page.evaluate(async () => {
    const canvas = document.createElement("canvas");
    canvas.width = 320;
    canvas.height = 240;
    const context = canvas.getContext("2d");
    if (context === null) throw new Error("no canvas");
    const recorder = new MediaRecorder(canvas.captureStream(20), { mimeType: "video/webm" });
    const parts: Blob[] = [];
    recorder.ondataavailable = ({ data }) => parts.push(data);
    const stopped = new Promise((resolve) => {
      recorder.onstop = resolve;
    });
    recorder.start();
    for (let frame = 0; frame < 15; frame += 1) {
      context.fillStyle = `hsl(${frame * 20} 70% 50%)`;
      context.fillRect(0, 0, 320, 240);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    recorder.stop();
    await stopped;
    const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
    let binary = "";
    for (const byte of bytes) binary += String.fromCharCode(byte);
    return btoa(binary);
  });
  return Buffer.from(base64, "base64");
}
