// Owns encoding pixels under their cap, by the browser's encoders. Does not own scaling for the box, which came before.
//
// As in the Rust crate, JPEG goes down in quality first, then in size. PNG, which has no quality, goes down in size;
// but browsers pack it loosely, so that lossless WebP, where the browser writes it, comes before that.

import { DerivationFailure } from "./failure.js";
import { BOXES, fitWithin, type Size } from "./geometry.js";
import { canvasOf, type Pixels, release } from "./pixels.js";
import { scaledTo } from "./resample.js";
import type { Derivative, DerivativeKind } from "./types.js";

/** From barely visible loss down to the point where fewer pixels look better. */
const QUALITIES: readonly number[] = [0.85, 0.8, 0.72, 0.64, 0.55, 0.45];
/** Browsers keep colour at full size only at the best quality, and so few pixels cannot afford halved colour. */
const TINY_PX_MAX = 32;
const TINY_QUALITIES: readonly number[] = [1, ...QUALITIES];
/** The least that one step takes off each side, so that steps do not become endless. */
const SHRINK_MAX = 0.9;
/** The most that one step takes off: the guess from the bytes may be wrong. */
const SHRINK_MIN = 0.3;

/** Encodes the pixels, as PNG when they have alpha. */
export async function encode(kind: DerivativeKind, pixels: Pixels): Promise<Derivative> {
  const { bytesMax } = BOXES[kind];
  let shrunk = pixels;
  for (;;) {
    const blob = await smallest(shrunk, bytesMax);
    if (blob.size <= bytesMax) {
      const bytes = new Uint8Array(await blob.arrayBuffer());
      return { kind, bytes, mimeType: blob.type, width: shrunk.width, height: shrunk.height };
    }
    const next = smaller(shrunk, bytesMax / blob.size);
    if (!next) {
      throw new DerivationFailure(
        "cap_unreachable",
        `the ${kind} cannot be made smaller than ${bytesMax} bytes`,
      );
    }
    // An opaque picture stays a JPEG, and one with alpha a PNG.
    shrunk = { ...scaledTo(shrunk, next), hasAlpha: pixels.hasAlpha };
  }
}

/** The first attempt within the cap, or the last one. */
async function smallest(pixels: Pixels, bytesMax: number): Promise<Blob> {
  const { canvas, context } = canvasOf(pixels);
  try {
    context.putImageData(new ImageData(pixels.rgba, pixels.width, pixels.height), 0, 0);
    return await (pixels.hasAlpha ? lossless(canvas, bytesMax) : lossy(canvas, pixels, bytesMax));
  } finally {
    release(canvas);
  }
}

async function lossy(canvas: OffscreenCanvas, pixels: Pixels, bytesMax: number): Promise<Blob> {
  const qualities = Math.min(pixels.width, pixels.height) <= TINY_PX_MAX ? TINY_QUALITIES : QUALITIES;
  let blob = new Blob();
  for (const quality of qualities) {
    blob = await converted(canvas, "image/jpeg", quality);
    if (blob.size <= bytesMax) {
      break;
    }
  }
  return blob;
}

async function lossless(canvas: OffscreenCanvas, bytesMax: number): Promise<Blob> {
  const png = await converted(canvas, "image/png");
  if (png.size <= bytesMax) {
    return png;
  }
  // At this quality WebP is lossless. A browser that does not write it gives a PNG.
  const webp = await canvas.convertToBlob({ type: "image/webp", quality: 1 });
  return webp.size < png.size ? webp : png;
}

async function converted(canvas: OffscreenCanvas, type: string, quality?: number): Promise<Blob> {
  const blob = await canvas.convertToBlob(quality === undefined ? { type } : { type, quality });
  if (blob.type !== type) {
    throw new DerivationFailure("worker_failed", `this browser cannot write ${type}: use a newer one`);
  }
  return blob;
}

/** The next size to try, if any: bytes grow about as the pixels do. */
function smaller(size: Size, ratio: number): Size | undefined {
  const scale = Math.min(Math.max(Math.sqrt(ratio) * 0.97, SHRINK_MIN), SHRINK_MAX);
  const side = (px: number) => Math.max(Math.floor(px * scale), 1);
  const bounds = { width: side(size.width), height: side(size.height) };
  if (bounds.width === size.width && bounds.height === size.height) {
    return undefined;
  }
  return fitWithin(size, bounds);
}
