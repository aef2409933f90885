// The worker of lane B: one image at a time, bounded memory, an idle main thread, cancelling, older browsers.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pageNow, watchBusyTasks } from "../src/busy.ts";
import { deriveAllInPage, deriveInPage } from "../src/lane-b.ts";
import { heapBytes, rendererBytes, rendererBytesPeak } from "../src/measure.ts";
import { photo } from "../src/places.ts";
import { expect, test } from "../src/test.ts";

const MIB = 1024 * 1024;

/** Made in the page where there is no folder of photos: 48 megapixels of a gradient. */
async function largePhoto(
  page: import("@playwright/test").Page,
): Promise<string | { name: string; mimeType: string; buffer: Buffer }> {
  const path = photo("photo_48mp.jpg");
  if (path) {
    return path;
  }
  const base64 = await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(8040, 6024);
    const context = canvas.getContext("2d");
    if (!context) {
      throw new Error("no canvas");
    }
    const gradient = context.createLinearGradient(0, 0, 8040, 6024);
    gradient.addColorStop(0, "red");
    gradient.addColorStop(1, "blue");
    context.fillStyle = gradient;
    context.fillRect(0, 0, 8040, 6024);
    const reader = new FileReader();
    const read = new Promise((resolve) => {
      reader.onload = resolve;
    });
    reader.readAsDataURL(await canvas.convertToBlob({ type: "image/jpeg" }));
    await read;
    return String(reader.result).split(",")[1] ?? "";
  });
  return { name: "photo.jpg", mimeType: "image/jpeg", buffer: Buffer.from(base64, "base64") };
}

test("48 megapixels keep the page free and the memory bounded", async ({ emptyPage, browser, images }) => {
  const large = await largePhoto(emptyPage);
  await deriveInPage(emptyPage, join(images, "turned_1.png"));
  // Making the photo itself, where that was needed, kept the page busy.
  const begun = await pageNow(emptyPage);
  const busyTasks = await watchBusyTasks(emptyPage);
  const heapBefore = await heapBytes(emptyPage);
  const before = await rendererBytes(browser);
  const [answer, one] = await rendererBytesPeak(browser, () => deriveInPage(emptyPage, large));
  expect(answer).toMatchObject({ kind: "made", width: 8040, height: 6024 });
  const [answers, six] = await rendererBytesPeak(browser, () =>
    deriveAllInPage(emptyPage, [large, large, large, large, large, large] as string[]),
  );
  expect(answers.map(({ kind }) => kind)).toEqual(Array(6).fill("made"));
  const heapAfter = await heapBytes(emptyPage);
  const tasks = await busyTasks(begun);
  const [grownByOne, grownBySix] = [(one - before) / MIB, (six - before) / MIB];
  test.info().annotations.push({ type: "MiB", description: `one ${grownByOne}, six ${grownBySix}` });
  // The picture has four bytes for each pixel (184 MiB), the first halving a quarter of that.
  expect(grownByOne).toBeLessThan(420);
  // One at a time: six wait, but do not add up.
  expect(grownBySix).toBeLessThan(450);
  expect(heapAfter - heapBefore).toBeLessThan(8 * MIB);
  expect(tasks.filter(({ processorMs }) => !(processorMs <= 200))).toEqual([]);
});

test("cancelling drops an image, waiting or under way, and the others go on", async ({
  emptyPage,
  images,
}) => {
  const bytes = readFileSync(join(images, "shape_4001x2999.jpg")).toString("base64");
  const outcomes = await emptyPage.evaluate(async (base64) => {
    const blob = await (await fetch(`data:image/jpeg;base64,${base64}`)).blob();
    const url = "/sdk/derivatives/browser.js";
    const { browserDeriver } = await import(url);
    const derive = browserDeriver();
    const controllers = Array.from({ length: 4 }, () => new AbortController());
    const all = controllers.map(({ signal }) =>
      derive(blob, { signal }).then(
        (image: { width: number }) => image.width,
        (error: { kind: string }) => error.kind,
      ),
    );
    controllers[0]?.abort();
    controllers[2]?.abort();
    const outcomes = await Promise.all(all);
    controllers[1]?.abort();
    const late = derive(blob, { signal: AbortSignal.abort() }).catch((error: { kind: string }) => error.kind);
    return [...outcomes, await late];
  }, bytes);
  expect(outcomes).toEqual(["Aborted", 4001, "Aborted", 4001, "Aborted"]);
});

test("a worker that cannot start costs the previews only", async ({ emptyPage, images }) => {
  await emptyPage.route("**/derivatives/worker.js", (route) => route.abort());
  const answer = await deriveInPage(emptyPage, join(images, "turned_1.png"));
  expect(answer).toMatchObject({ kind: "failed", error: "Derivation", code: "worker_failed" });
  await emptyPage.unroute("**/derivatives/worker.js");
  expect(await deriveInPage(emptyPage, join(images, "turned_1.png"))).toMatchObject({ kind: "made" });
});

test("a browser without OffscreenCanvas has no previews and says why", async ({ page, site, images }) => {
  await page.addInitScript(() => Reflect.deleteProperty(globalThis, "OffscreenCanvas"));
  const warnings: string[] = [];
  page.on("console", (message) => warnings.push(message.text()));
  await page.goto(`${site.url}/pages/empty.html`);
  expect(await deriveInPage(page, join(images, "turned_1.png"))).toEqual({ kind: "no-image" });
  expect(warnings.join()).toContain("no OffscreenCanvas");
});

test("the date that a camera wrote is read", async ({ emptyPage, images }) => {
  const jpeg = readFileSync(join(images, "shape_401x300.jpg"));
  const answer = await deriveInPage(emptyPage, {
    name: "dated.jpg",
    mimeType: "image/jpeg",
    buffer: Buffer.concat([
      jpeg.subarray(0, 2),
      exifSegment(6, "2021:07:30 18:45:12", "+02:00"),
      jpeg.subarray(2),
    ]),
  });
  expect(answer).toMatchObject({
    kind: "made",
    orientation: 6,
    width: 300,
    height: 401,
    takenAt: "2021-07-30T16:45:12.000Z",
  });
});

/** APP1 with an orientation, and a directory with a date and its offset from UTC. */
function exifSegment(orientation: number, date: string, offset: string): Buffer {
  const entry = (tag: number, type: number, count: number, value: number) => {
    const bytes = Buffer.alloc(12);
    bytes.writeUInt16LE(tag, 0);
    bytes.writeUInt16LE(type, 2);
    bytes.writeUInt32LE(count, 4);
    bytes.writeUInt32LE(value, 8);
    return bytes;
  };
  const directory = (entries: Buffer[]) =>
    Buffer.concat([Buffer.from([entries.length, 0]), ...entries, Buffer.alloc(4)]);
  const detailsAt = 8 + 2 + 2 * 12 + 4;
  const textsAt = detailsAt + 2 + 2 * 12 + 4;
  const first = directory([entry(0x0112, 3, 1, orientation), entry(0x8769, 4, 1, detailsAt)]);
  const details = directory([entry(0x9003, 2, 20, textsAt), entry(0x9011, 2, 7, textsAt + 20)]);
  const texts = Buffer.from(`${date}\0${offset}\0`, "latin1");
  const block = Buffer.concat([Buffer.from("Exif\0\0II*\0\x08\0\0\0", "latin1"), first, details, texts]);
  const head = Buffer.from([0xff, 0xe1, 0, 0]);
  head.writeUInt16BE(block.length + 2, 2);
  return Buffer.concat([head, block]);
}
