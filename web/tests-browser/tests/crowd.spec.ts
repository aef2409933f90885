// Two hundred photos in one drop: the page stays usable and its memory bounded. It owns no state.

import { readFile } from "node:fs/promises";
import { watchBusyTasks } from "../src/busy.ts";
import { heapBytes, rendererBytesPeak } from "../src/measure.ts";
import { Onlooker } from "../src/onlooker.ts";
import { allUploaded, dropFiles, text, tiles, tilesCount } from "../src/page.ts";
import { manyPhotos, tenPhotos } from "../src/photos.ts";
import { expect, test } from "../src/test.ts";

const PHOTOS = 200;
const TASK_MS_MAX = 200;
const HEAP_MAX = 96 * 2 ** 20;
/** Of all renderers, decoded pictures and workers included, bytes. */
const RESIDENT_MAX = 1536 * 2 ** 20;
const TILES_MAX = 120;

test("two hundred photos in one drop: responsive, bounded, all published", async ({
  newPerson,
  node,
  browser,
}, info) => {
  test.setTimeout(600_000);
  const page = await newPerson();
  const busyTasks = await watchBusyTasks(page);
  await page.reload();
  const [photo] = await tenPhotos(page, info.outputDir);
  const paths = await manyPhotos(await readFile(photo ?? ""), PHOTOS, info.outputDir);

  const [, resident] = await rendererBytesPeak(browser, async () => {
    await dropFiles(page, paths);
    await allUploaded(page, PHOTOS, 500_000);
  });
  await tilesCount(page, PHOTOS);
  const heap = await heapBytes(page);
  const tasks = await busyTasks();
  const longest = Math.round(Math.max(0, ...tasks.map((task) => task.processorMs)));
  const figures = `longest task ${longest} ms of processor time, heap ${heap >> 20} MiB, renderers ${resident >> 20} MiB at most`;
  info.annotations.push({ type: "measured", description: figures });
  console.log(figures);
  expect(tasks.filter((task) => Number.isNaN(task.processorMs))).toEqual([]);
  expect(longest).toBeLessThanOrEqual(TASK_MS_MAX);
  expect(heap).toBeLessThan(HEAP_MAX);
  expect(resident).toBeLessThan(RESIDENT_MAX);

  const onlooker = await Onlooker.of(page, node);
  const memories = await onlooker.memories();
  expect(memories).toHaveLength(PHOTOS);
  expect(memories.filter((memory) => memory.assets.length !== 4)).toEqual([]);

  // The gallery draws what is in view, at its top and at its end.
  expect(await tiles(page).count()).toBeLessThan(TILES_MAX);
  await tiles(page).first().focus();
  await page.keyboard.press("End");
  await expect(page.locator(".tile:focus")).toHaveAttribute("data-index", String(PHOTOS - 1));
  expect(await tiles(page).count()).toBeLessThan(TILES_MAX);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog")).toContainText(text.viewer.position(PHOTOS, PHOTOS));
});
