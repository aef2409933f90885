// Hundreds of photos in one drop: the page stays usable and its memory bounded. It owns no state.

import { readFile } from "node:fs/promises";
import type { Browser, Page } from "@playwright/test";
import { pageNow, watchBusyTasks } from "../src/busy.ts";
import { askForMemory, heapBytes, type RendererMemory, rendererMemory } from "../src/measure.ts";
import { Onlooker } from "../src/onlooker.ts";
import { dropFiles, summary, text, tiles, tilesCount } from "../src/page.ts";
import { manyPhotos, tenPhotos } from "../src/photos.ts";
import { expect, test } from "../src/test.ts";

const PHOTOS = process.env.KEEPSAKE_FULL === undefined ? 200 : 600;
const PATIENCE_MS = PHOTOS * 5_000;
const TASK_MS_MAX = 200;
const HEAP_MAX = 96 * 2 ** 20;
/** Of all renderers, decoded pictures and workers included, bytes. */
const RESIDENT_MAX = 1200 * 2 ** 20;
/**
 * Own memory of the renderers, the lower quartile of the last fifth over that of the second, bytes: garbage comes and
 * goes above what is kept.
 */
const GROWTH_MAX = 96 * 2 ** 20;
/** Own memory once all is done and the browser was asked for what it can do without, over that before the drop, bytes. */
const LEFT_MAX = 64 * 2 ** 20 + PHOTOS * 2 ** 18;
/** Workers without work end after ten seconds; the system gets their memory back when the browser gets round to it. */
const SETTLED_WITHIN_MS = 90_000;
const LOOK_EVERY_MS = 200;
const TILES_MAX = 120;

interface Look extends RendererMemory {
  /** Photos that are uploaded. */
  done: number;
}

test(`${PHOTOS} photos in one drop: responsive, bounded, all published`, async ({
  newPerson,
  node,
  browser,
}, info) => {
  test.setTimeout(PATIENCE_MS + 180_000);
  const page = await newPerson();
  const busyTasks = await watchBusyTasks(page);
  await page.reload();
  const [photo] = await tenPhotos(page, info.outputDir);
  const paths = await manyPhotos(await readFile(photo ?? ""), PHOTOS, info.outputDir);
  await expect(page.locator(".uppy-Dashboard-inner")).toBeVisible();
  const before = await rendererMemory(browser);

  const dropped = await pageNow(page);
  await dropFiles(page, paths);
  const looks = await lookUntilDone(page, browser);
  await tilesCount(page, PHOTOS);
  const tasks = await busyTasks(dropped);
  const { heap, left } = await settled(page, browser, before.own);

  const longest = Math.round(Math.max(0, ...tasks.map((task) => task.processorMs)));
  const resident = Math.max(...looks.map((look) => look.resident));
  const [early, late] = [ownBetween(looks, 0.2, 0.4), ownBetween(looks, 0.8, 1)];
  const mib = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
  const figures = [
    `longest task ${longest} ms of processor time, heap ${mib(heap)}`,
    `renderers at most ${mib(resident)} resident`,
    `own memory ${mib(before.own)} before, ${mib(early)} in the second fifth, ${mib(late)} in the last, ${mib(before.own + left)} after`,
  ].join("; ");
  info.annotations.push({ type: "measured", description: figures });
  console.log(figures);
  expect(tasks.filter((task) => Number.isNaN(task.processorMs))).toEqual([]);
  expect(tasks.filter((task) => task.processorMs > TASK_MS_MAX)).toEqual([]);
  expect(heap).toBeLessThan(HEAP_MAX);
  expect(resident).toBeLessThan(RESIDENT_MAX);
  expect(late - early).toBeLessThan(GROWTH_MAX);
  expect(left).toBeLessThan(LEFT_MAX);

  const onlooker = await Onlooker.of(page, node);
  const memories = await onlooker.memories();
  expect(memories).toHaveLength(PHOTOS);
  expect(memories.filter((memory) => memory.assets.length !== 4)).toEqual([]);

  // The gallery draws what is in view, at its top and at its end.
  expect(await tiles(page).count()).toBeLessThan(TILES_MAX);
  await tiles(page).first().focus();
  await reachEnd(page);
  expect(await tiles(page).count()).toBeLessThan(TILES_MAX);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog")).toContainText(text.viewer.position(PHOTOS, PHOTOS));
});

/** Looks at the renderers' memory until every photo is uploaded. */
async function lookUntilDone(page: Page, browser: Browser): Promise<Look[]> {
  const looks: Look[] = [];
  const end = Date.now() + PATIENCE_MS;
  for (let done = 0; done < PHOTOS; ) {
    expect(Date.now(), `${done} photos are uploaded by now`).toBeLessThan(end);
    await page.waitForTimeout(LOOK_EVERY_MS);
    const said = (await summary(page).textContent()) ?? "";
    done = said === text.upload.allDone(PHOTOS) ? PHOTOS : Number(/^(\d+) of/.exec(said)?.[1] ?? 0);
    looks.push({ done, ...(await rendererMemory(browser)) });
  }
  return looks;
}

/** Lower quartile of the own memory while between these shares of the photos were uploaded. */
function ownBetween(looks: Look[], from: number, to: number): number {
  const those = looks.filter(({ done }) => done >= from * PHOTOS && done <= to * PHOTOS);
  const owns = those.map(({ own }) => own).sort((a, b) => a - b);
  return owns[Math.floor(owns.length / 4)] ?? Number.NaN;
}

/** What is kept once the work is over: the page's heap, and the renderers' own memory over what it was. */
async function settled(
  page: Page,
  browser: Browser,
  before: number,
): Promise<{ heap: number; left: number }> {
  const end = Date.now() + SETTLED_WITHIN_MS;
  for (;;) {
    await askForMemory(browser);
    const heap = await heapBytes(page);
    const left = (await rendererMemory(browser)).own - before;
    if (left < LEFT_MAX || Date.now() > end) return { heap, left };
    await page.waitForTimeout(LOOK_EVERY_MS);
  }
}

/** The list comes page by page: its end is reached when there is no further one. */
async function reachEnd(page: Page): Promise<void> {
  await expect(async () => {
    await page.keyboard.press("End");
    await expect(page.locator(".tile:focus")).toHaveAttribute("data-index", String(PHOTOS - 1), {
      timeout: 500,
    });
  }).toPass();
}
