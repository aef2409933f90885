// Eleven photos dropped on the page: what becomes of them. It owns no state.

import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import type { Page } from "@playwright/test";
import { Onlooker, sha256 } from "../src/onlooker.ts";
import { allUploaded, dropFiles, text, tiles, tilesCount } from "../src/page.ts";
import { largePhoto, tenPhotos } from "../src/photos.ts";
import { expect, test } from "../src/test.ts";

/** Mean difference of two thumbnails of one scene, per channel of 255; a turned one differs by 40 and more. */
const ALIKE_MAX = 12;

test("eleven photos dropped become eleven memories with four assets each, upright", async ({
  newPerson,
  node,
}, info) => {
  const page = await newPerson();
  const photos = await tenPhotos(page, info.outputDir);
  const paths = [...photos, await largePhoto(page, info.outputDir)];
  await dropFiles(page, paths);
  await allUploaded(page, 11);
  await tilesCount(page, 11);

  const onlooker = await Onlooker.of(page, node);
  const memories = await onlooker.memories();
  expect(memories).toHaveLength(11);
  for (const memory of memories) {
    expect(memory.assets.map((asset) => asset.kind).sort()).toEqual([
      "display",
      "original",
      "placeholder",
      "thumbnail",
    ]);
  }
  const thumbnails = new Map<string, number[]>();
  for (const memory of memories) {
    const blob = await onlooker.keepsake.download(memory.id, "thumbnail");
    thumbnails.set(memory.title ?? "", await pixels(page, Buffer.from(await blob.arrayBuffer())));
  }
  for (const scene of ["landscape", "portrait"]) {
    const upright = thumbnails.get(`exif_${scene}_1.jpg`) ?? [];
    expect(upright.length).toBeGreaterThan(0);
    for (const orientation of [3, 5, 6, 8]) {
      const name = `exif_${scene}_${orientation}.jpg`;
      expect(difference(upright, thumbnails.get(name) ?? []), name).toBeLessThan(ALIKE_MAX);
    }
  }
  // The measure itself: a thumbnail on its head is far away.
  const upright = thumbnails.get("exif_landscape_1.jpg") ?? [];
  expect(difference(upright, onItsHead(upright))).toBeGreaterThan(2 * ALIKE_MAX);
});

test("each original is downloaded byte for byte by the page's link", async ({ newPerson }, info) => {
  const page = await newPerson();
  const paths = [...(await tenPhotos(page, info.outputDir)), await largePhoto(page, info.outputDir)];
  await dropFiles(page, paths);
  await allUploaded(page, 11);
  await tilesCount(page, 11);
  const wanted = new Map<string, string>();
  for (const path of paths) wanted.set(basename(path), sha256(await readFile(path)));

  await tiles(page).first().click();
  const dialog = page.getByRole("dialog");
  for (let index = 0; index < 11; index += 1) {
    await expect(dialog).toContainText(text.viewer.position(index + 1, 11));
    const link = dialog.getByRole("link", { name: text.viewer.download });
    await expect(link).toHaveAttribute("href", /token=/);
    const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
    const name = download.suggestedFilename();
    const hash = sha256(await readFile(await download.path()));
    expect(hash, name).toBe(wanted.get(name));
    await expect(dialog.locator(".hash")).toHaveText(hash);
    wanted.delete(name);
    await page.keyboard.press("ArrowRight");
  }
  expect([...wanted.keys()]).toEqual([]);
});

/** The picture in 12 × 12 colours, whatever its shape. */
async function pixels(page: Page, bytes: Buffer): Promise<number[]> {
  return await page.evaluate(async (base64) => {
    const data = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([data]), {
      resizeWidth: 12,
      resizeHeight: 12,
      resizeQuality: "high",
    });
    const canvas = new OffscreenCanvas(12, 12);
    const context = canvas.getContext("2d");
    context?.drawImage(bitmap, 0, 0);
    const rgba = context?.getImageData(0, 0, 12, 12).data ?? [];
    return [...rgba].filter((_, index) => index % 4 !== 3);
  }, bytes.toString("base64"));
}

function difference(a: number[], b: number[]): number {
  return a.reduce((sum, value, index) => sum + Math.abs(value - (b[index] ?? 0)), 0) / a.length;
}

function onItsHead(rgb: number[]): number[] {
  const turned: number[] = [];
  for (let at = rgb.length - 3; at >= 0; at -= 3) turned.push(...rgb.slice(at, at + 3));
  return turned;
}
