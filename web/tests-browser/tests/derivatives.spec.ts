// Lane B in the real Chromium agrees with the Rust crate: sizes exactly, pictures closely.

import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import type { Page } from "@playwright/test";
import { deriveInPage } from "../src/lane-b.ts";
import { orientedPhotos, photo } from "../src/places.ts";
import { type RustDerivative, type RustImage, rustDerivatives } from "../src/rust.ts";
import { expect, test } from "../src/test.ts";

/** Most bytes of each kind, and how far the two sides may lie apart, of 255. Measured: 1.3, 1.7 and 5.2 at most. */
const BOUNDS: Readonly<Record<string, { bytesMax: number; differenceMax: number }>> = {
  display: { bytesMax: 2 * 1024 * 1024, differenceMax: 2 },
  thumbnail: { bytesMax: 200 * 1024, differenceMax: 2.5 },
  // So few pixels show the loss of each side's own JPEG encoder.
  placeholder: { bytesMax: 10 * 1024, differenceMax: 6.5 },
};
/** Up to this side the Rust encoder's halved colour is most of the difference (21 where two pixels stand side by side). */
const TINY_PX_MAX = 32;

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
  for (const { kind, width, height, bytes, difference, hasExif } of derivatives) {
    const bounds = BOUNDS[kind];
    const isTiny = kind !== "placeholder" && Math.min(width, height) <= TINY_PX_MAX;
    expect(bytes, `${name} ${kind}`).toBeLessThanOrEqual(bounds?.bytesMax ?? 0);
    expect(difference, `${name} ${kind}`).toBeLessThanOrEqual(isTiny ? 24 : (bounds?.differenceMax ?? 0));
    expect(hasExif, `${name} ${kind}`).toBe(false);
  }
}

test("images of every format, orientation and shape agree with the Rust side", async ({
  emptyPage,
  images,
  scratch,
}) => {
  const files = readdirSync(images).map((name) => join(images, name));
  expect(files.length).toBeGreaterThan(40);
  for (const image of rustDerivatives(files, join(scratch, "rust"))) {
    await test.step(basename(image.file), () => expectAgreement(emptyPage, image));
  }
});

test("photos of every orientation agree with the Rust side", async ({ emptyPage, scratch }) => {
  const others = ["photo_20mp.jpg", "photo_48mp.jpg", "photo_tiny.jpg"].map(photo);
  const files = [...orientedPhotos(), ...others.filter((path) => path !== undefined)];
  test.skip(files.length === 0, "no folder of photos beside the checkout");
  for (const image of rustDerivatives(files, join(scratch, "rust"))) {
    await test.step(basename(image.file), () => expectAgreement(emptyPage, image));
  }
});
