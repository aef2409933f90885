// Files that are no images, or broken ones: a clear answer for each, and the worker goes on.

import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32, deflateSync } from "node:zlib";
import type { Page } from "@playwright/test";
import { deriveAllInPage, deriveInPage } from "../src/lane-b.ts";
import { rustDerivatives } from "../src/rust.ts";
import { expect, test } from "../src/test.ts";

function file(name: string, buffer: Buffer) {
  return { name, mimeType: "", buffer };
}

/** A PNG with alpha whose header promises so many pixels, and whatever is to stand for them. */
function pngOf(width: number, height: number, deflated: Buffer): Buffer {
  const chunk = (kind: string, data: Buffer) => {
    const typed = Buffer.concat([Buffer.from(kind, "latin1"), data]);
    const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    checksum.writeUInt32BE(crc32(typed));
    return Buffer.concat([length, typed, checksum]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 6, 0, 0, 0], 8);
  const signature = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
  const end = chunk("IEND", Buffer.alloc(0));
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", deflated), end]);
}

/** A PNG of nothing but its header. */
function pngHeader(width: number, height: number): Buffer {
  return pngOf(width, height, Buffer.alloc(9));
}

/** The file without its second half. */
function half(bytes: Buffer): Buffer {
  return bytes.subarray(0, Math.floor(bytes.length / 2));
}

/** The file with other bytes from its middle on, its end kept. */
function garbled(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy.fill(0xa5, Math.floor(bytes.length / 2), bytes.length - 64);
  return copy;
}

/** Orders of the frame header's marker and what follows: the size stands five bytes behind it. */
function jpegOfSize(bytes: Buffer, width: number, height: number): Buffer {
  const copy = Buffer.from(bytes);
  const frame = copy.indexOf(Buffer.from([0xff, 0xc0]));
  copy.writeUInt16BE(height, frame + 5);
  copy.writeUInt16BE(width, frame + 7);
  return copy;
}

async function expectWorking(page: Page, images: string) {
  const answer = await deriveInPage(page, join(images, "turned_6.png"));
  expect(answer.kind).toBe("made");
}

test("files that are no images have no derivatives", async ({ emptyPage, images }) => {
  const files = [
    file("empty.jpg", Buffer.alloc(0)),
    file("text.jpg", Buffer.from("This is a letter, whatever it is called.\n")),
    file("drawing.svg", Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')),
    file("three.bytes", Buffer.from([0xff, 0xd8])),
    file("film.mp4", Buffer.from("\0\0\0\x18ftypisom\0\0\0\0", "latin1")),
    file("broken.avif", Buffer.from("\0\0\0\x18ftypavif\0\0\0\0avifmif1", "latin1")),
  ];
  const answers = await deriveAllInPage(emptyPage, files);
  expect(answers).toEqual(files.map(() => ({ kind: "no-image" })));
  await expectWorking(emptyPage, images);
});

test("truncated images say so, as on the Rust side", async ({ emptyPage, images, scratch }) => {
  for (const name of [
    "turned_1.jpg",
    "progressive.jpg",
    "restarts.jpg",
    "turned_1.png",
    "turned_1.webp",
    "transparent.gif",
  ]) {
    const bytes = readFileSync(join(images, name));
    for (const cut of [half(bytes), bytes.subarray(0, 20), bytes.subarray(0, bytes.length - 1)]) {
      // A GIF may end with its first frame.
      const isWhole = name.endsWith(".gif") && cut.length === bytes.length - 1;
      const answer = await deriveInPage(emptyPage, file(name, cut));
      const expected = isWhole
        ? { kind: "made" }
        : { kind: "failed", error: "Derivation", code: "truncated" };
      expect(answer, `${name} of ${cut.length} bytes`).toMatchObject(expected);
      const path = join(scratch, name);
      await writeFile(path, cut);
      const [rust] = rustDerivatives([path], join(scratch, "rust"));
      expect(rust?.error ?? "made", `${name} of ${cut.length} bytes`).toContain(
        isWhole ? "made" : "too early",
      );
    }
  }
  await expectWorking(emptyPage, images);
});

test("damaged pixels are an error or a picture, and never the worker's end", async ({
  emptyPage,
  images,
}) => {
  for (const name of ["turned_1.png", "alpha.webp", "progressive.jpg", "turned_1.jpg", "cmyk.jpg"]) {
    const answer = await deriveInPage(emptyPage, file(name, garbled(readFileSync(join(images, name)))));
    if (answer.kind !== "made") {
      expect(answer, name).toMatchObject({ kind: "failed", error: "Derivation", code: "damaged" });
    }
    await expectWorking(emptyPage, images);
  }
});

test("sizes beyond the limits are refused before anything is decoded", async ({ emptyPage, images }) => {
  const jpeg = readFileSync(join(images, "turned_1.jpg"));
  const cases: [string, Buffer, string][] = [
    ["bomb.png", pngHeader(50_000, 50_000), "too_many_pixels"],
    ["long.png", pngHeader(70_000, 1), "side_too_long"],
    ["nothing.png", pngHeader(0, 9), "damaged"],
    ["empty.png", pngHeader(5000, 5000), "damaged"],
    ["bomb.jpg", jpegOfSize(jpeg, 65_535, 65_535), "too_many_pixels"],
    ["flat.jpg", jpegOfSize(jpeg, 100, 0), "damaged"],
  ];
  const answers = await deriveAllInPage(
    emptyPage,
    cases.map(([name, bytes]) => file(name, bytes)),
  );
  for (const [index, [name, , code]] of cases.entries()) {
    expect(answers[index], name).toMatchObject({ kind: "failed", error: "Derivation", code });
  }
  await expectWorking(emptyPage, images);
});

test("a picture that cannot fit its cap gets smaller", async ({ emptyPage }) => {
  // Noise: no encoder shrinks it, and its alpha allows no JPEG.
  const [width, height] = [1920, 1080];
  const rows = Array.from({ length: height }, () => [Buffer.from([0]), randomBytes(width * 4)]);
  const noise = pngOf(width, height, deflateSync(Buffer.concat(rows.flat()), { level: 1 }));
  const answer = await deriveInPage(emptyPage, file("noise.png", noise));
  if (answer.kind !== "made") {
    throw new Error(JSON.stringify(answer));
  }
  const [display, thumbnail] = answer.derivatives;
  expect(display?.bytes).toBeLessThanOrEqual(2 * 1024 * 1024);
  expect(display?.width).toBeLessThan(1920);
  expect(thumbnail?.bytes).toBeLessThanOrEqual(200 * 1024);
});

test("a file that is gone says so", async ({ emptyPage, images, scratch }) => {
  const path = join(scratch, "gone.png");
  await writeFile(path, readFileSync(join(images, "turned_1.png")));
  // By its path, as a person chooses it: Playwright itself would send the bytes of a small file.
  const session = await emptyPage.context().newCDPSession(emptyPage);
  const { root } = await session.send("DOM.getDocument");
  const { nodeId } = await session.send("DOM.querySelector", { nodeId: root.nodeId, selector: "#source" });
  await session.send("DOM.setFileInputFiles", { files: [path], nodeId });
  // From now on the browser knows the file's size and time.
  const size = () => (document.getElementById("source") as HTMLInputElement).files?.[0]?.size;
  expect(await emptyPage.evaluate(size)).toBeGreaterThan(0);
  await rm(path);
  const failure = await emptyPage.evaluate(async () => {
    const url = "/sdk/derivatives/browser.js";
    const { browserDeriver } = await import(url);
    const [file] = (document.getElementById("source") as HTMLInputElement).files ?? [];
    return await browserDeriver()(file, {}).then(
      (image: unknown) => image,
      ({ kind, code }: { kind: string; code: string }) => ({ kind, code }),
    );
  });
  expect(failure).toEqual({ kind: "Derivation", code: "unreadable" });
});
