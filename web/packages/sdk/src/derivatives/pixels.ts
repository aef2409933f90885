// Owns pictures in memory as rows of RGBA: making one from a file by the browser's decoder, and turning it upright.
// Does not own the step to the exact size (`resample.ts`) or encoding.

import { damaged } from "./failure.js";
import { type Size, turned } from "./geometry.js";

/** Rows of 8-bit sRGB with straight alpha, without gaps. */
export interface Pixels extends Size {
  readonly rgba: Uint8ClampedArray<ArrayBuffer>;
  readonly hasAlpha: boolean;
}

/** Takes the rows as they are and looks whether any pixel is not opaque. */
export function pixelsOf(size: Size, rgba: Uint8ClampedArray<ArrayBuffer>): Pixels {
  let hasAlpha = false;
  for (let at = 3; at < rgba.length && !hasAlpha; at += 4) {
    hasAlpha = rgba[at] !== 255;
  }
  return { width: size.width, height: size.height, rgba, hasAlpha };
}

/** The browser's picture of a file; `undefined` when it cannot decode it. */
export async function decode(blob: Blob): Promise<ImageBitmap | undefined> {
  try {
    return await createImageBitmap(blob, { imageOrientation: "from-image" });
  } catch (error) {
    // The names that the specification gives to a picture that is broken, and to a blob that is not one.
    if (error instanceof DOMException && ["InvalidStateError", "EncodingError"].includes(error.name)) {
      return undefined;
    }
    throw error;
  }
}

/**
 * Reads a bitmap's pixels, halved until less than twice `target` remains on each side. Closes the bitmap.
 *
 * Scaling bilinearly to one half averages two pixels exactly, in every browser and fast; only what remains is small
 * enough to be read and scaled with care.
 */
export function halved(bitmap: ImageBitmap, target: Size): Pixels {
  let image: ImageBitmap | OffscreenCanvas = bitmap;
  let size: Size = { width: bitmap.width, height: bitmap.height };
  try {
    for (;;) {
      const half = {
        width: halfSide(size.width, target.width),
        height: halfSide(size.height, target.height),
      };
      const { canvas, context } = canvasOf(half);
      context.imageSmoothingQuality = "low";
      context.drawImage(image, 0, 0, half.width, half.height);
      release(image);
      image = canvas;
      const isLast = 2 * target.width > half.width && 2 * target.height > half.height;
      size = half;
      if (isLast) {
        return pixelsOf(size, context.getImageData(0, 0, size.width, size.height).data);
      }
    }
  } finally {
    release(image);
  }
}

function halfSide(side: number, target: number): number {
  return side >= 2 * target ? Math.ceil(side / 2) : side;
}

/** Gives the memory back now, not when the garbage is collected. */
export function release(image: ImageBitmap | OffscreenCanvas): void {
  if ("close" in image) {
    image.close();
  } else {
    image.width = 0;
    image.height = 0;
  }
}

/** A canvas that stays in the processor's memory: its pixels are read back. */
export function canvasOf(size: Size): {
  canvas: OffscreenCanvas;
  context: OffscreenCanvasRenderingContext2D;
} {
  const canvas = new OffscreenCanvas(size.width, size.height);
  const context = canvas.getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });
  if (!context) {
    throw damaged("image", `this browser has no canvas of ${size.width} x ${size.height} pixels`);
  }
  return { canvas, context };
}

/** The picture as it is to be shown. See Exif 2.32, 4.6.4 A. */
export function turnUpright(pixels: Pixels, orientation: number): Pixels {
  if (orientation === 1) {
    return pixels;
  }
  const { width, height } = turned(pixels, orientation);
  const [origin, across, down] = strides(orientation, pixels);
  const from = new Uint32Array(pixels.rgba.buffer, pixels.rgba.byteOffset, pixels.width * pixels.height);
  const to = new Uint32Array(width * height);
  let at = 0;
  for (let y = 0; y < height; y += 1) {
    let source = origin + y * down;
    for (let x = 0; x < width; x += 1) {
      to[at] = from[source] ?? 0;
      at += 1;
      source += across;
    }
  }
  return { width, height, rgba: new Uint8ClampedArray(to.buffer), hasAlpha: pixels.hasAlpha };
}

/** Which stored pixel is shown in the top left corner, and how far it is to the next one on the right and below. */
function strides(orientation: number, stored: Size): [number, number, number] {
  const row = stored.width;
  const right = stored.width - 1;
  const bottom = (stored.height - 1) * row;
  switch (orientation) {
    case 2:
      return [right, -1, row];
    case 3:
      return [right + bottom, -1, -row];
    case 4:
      return [bottom, 1, -row];
    case 5:
      return [0, row, 1];
    case 6:
      return [bottom, -row, 1];
    case 7:
      return [right + bottom, -row, -1];
    case 8:
      return [right, row, -1];
    default:
      return [0, 1, row];
  }
}
