// Lane B in the real Chromium agrees with the Rust crate: sizes exactly, pictures closely.

import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import type { Page } from "@playwright/test";
import { deriveInPage } from "../src/lane-b.ts";
import { orientedPhotos, photo } from "../src/places.ts";
import { makeImages, type RustDerivative, type RustImage, rustDerivatives } from "../src/rust.ts";
import { expect, test } from "../src/test.ts";

/** Most bytes of each kind, and how far the two sides may lie apart, of 255. */
const BOUNDS: Readonly<Record<string, { bytesMax: number; differenceMax: number }>> = {
  display: { bytesMax: 2 * 1024 * 1024, differenceMax: 30 },
  thumbnail: { bytesMax: 200 * 1024, differenceMax: 30 },
  placeholder: { bytesMax: 10 * 1024, differenceMax: 30 },
};

/** What must agree exactly. Which lossless format it is may differ: each side takes what fits. */
function shapeOf({ kind, mimeType, width, height }: Omit<RustDerivative, "path">) {
  return { kind, isLossless: mimeType !== "image/jpeg", width, height };
}

async function expectAgreement(page: Page, rust: RustImage) {
  const name = basename(rust.file);
  const answer = await deriveInPage(
    page,
    rust.file,
    rust.derivatives.map(({ path }) => path),
  );
  if (answer.kind !== "made") {
    throw new Error(`${name}: ${JSON.stringify(answer)}`);
  }
  const { width, height, orientation, derivatives } = answer;
  if (process.env.KEEPSAKE_SHOW) {
    const shown = derivatives.map(
      (d) => `${d.kind} ${d.width}x${d.height} ${d.bytes} B ${d.difference?.toFixed(2)}`,
    );
    console.log(`${name}: ${shown.join(", ")}`);
  }
  expect({ width, height, orientation }, name).toEqual({
    width: rust.width,
    height: rust.height,
    orientation: rust.orientation,
  });
  expect(derivatives.map(shapeOf), name).toEqual(rust.derivatives.map(shapeOf));
  for (const { kind, bytes, difference, hasExif } of derivatives) {
    const bounds = BOUNDS[kind];
    expect(bytes, `${name} ${kind}`).toBeLessThanOrEqual(bounds?.bytesMax ?? 0);
    expect(difference, `${name} ${kind}`).toBeLessThanOrEqual(bounds?.differenceMax ?? 0);
    expect(hasExif, `${name} ${kind}`).toBe(false);
  }
}

test("images of every format, orientation and shape agree with the Rust side", async ({
  emptyPage,
}, info) => {
  const folder = info.outputPath("images");
  makeImages(folder);
  const files = readdirSync(folder).map((name) => join(folder, name));
  expect(files.length).toBeGreaterThan(40);
  for (const image of rustDerivatives(files, info.outputPath("rust"))) {
    await test.step(basename(image.file), () => expectAgreement(emptyPage, image));
  }
});

test("photos of every orientation agree with the Rust side", async ({ emptyPage }, info) => {
  const others = ["photo_20mp.jpg", "photo_48mp.jpg", "photo_tiny.jpg"].map(photo);
  const files = [...orientedPhotos(), ...others.filter((path) => path !== undefined)];
  test.skip(files.length === 0, "no folder of photos beside the checkout");
  for (const image of rustDerivatives(files, info.outputPath("rust"))) {
    await test.step(basename(image.file), () => expectAgreement(emptyPage, image));
  }
});
