// Owns scaling down to an exact size with a Catmull-Rom filter, as the Rust crate `keepsake-derivatives` does.
//
// Browsers do not agree on what `imageSmoothingQuality` means: Chromium interpolates between two halvings, which
// blurs thumbnails. So the last step is made here, on at most twice the display's sides. It is done on sRGB values
// with premultiplied alpha, so that transparent pixels do not bleed their colour.

import type { Size } from "./geometry.js";
import { type Pixels, pixelsOf } from "./pixels.js";

/** The pixels, first and last, that make one pixel of the result, and their weights, which sum to one. */
interface Taps {
  readonly first: number;
  readonly weights: Float32Array;
}

/** A smaller copy; `size` is cut to the picture's own. */
export function scaledTo(pixels: Pixels, wanted: Size): Pixels {
  const size = {
    width: Math.min(wanted.width, pixels.width),
    height: Math.min(wanted.height, pixels.height),
  };
  if (size.width === pixels.width && size.height === pixels.height) {
    return pixels;
  }
  const columns = tapsOf(pixels.width, size.width);
  const rows = tapsOf(pixels.height, size.height);
  const rgba = new Uint8ClampedArray(size.width * size.height * 4);
  const row = new Float32Array(pixels.width * 4);
  rows.forEach((taps, y) => {
    mixRows(pixels, taps, row);
    mixColumns(row, columns, rgba.subarray(y * size.width * 4, (y + 1) * size.width * 4));
  });
  if (pixels.hasAlpha) {
    return pixelsOf(size, rgba);
  }
  return { ...size, rgba, hasAlpha: false };
}

/** One row between the rows of the picture, premultiplied when the picture has alpha. */
function mixRows(pixels: Pixels, taps: Taps, row: Float32Array): void {
  const { rgba, hasAlpha } = pixels;
  const length = row.length;
  row.fill(0);
  for (let tap = 0; tap < taps.weights.length; tap += 1) {
    const weight = taps.weights[tap] as number;
    const start = (taps.first + tap) * length;
    if (hasAlpha) {
      for (let at = 0; at < length; at += 4) {
        const alpha = (weight * (rgba[start + at + 3] as number)) / 255;
        row[at] = (row[at] as number) + alpha * (rgba[start + at] as number);
        row[at + 1] = (row[at + 1] as number) + alpha * (rgba[start + at + 1] as number);
        row[at + 2] = (row[at + 2] as number) + alpha * (rgba[start + at + 2] as number);
        row[at + 3] = (row[at + 3] as number) + alpha * 255;
      }
    } else {
      for (let at = 0; at < length; at += 1) {
        row[at] = (row[at] as number) + weight * (rgba[start + at] as number);
      }
    }
  }
}

/** The result's pixels of one row, with straight alpha. Storing them rounds and clamps. */
function mixColumns(row: Float32Array, columns: readonly Taps[], out: Uint8ClampedArray): void {
  let to = 0;
  for (const { first, weights } of columns) {
    let red = 0;
    let green = 0;
    let blue = 0;
    let alpha = 0;
    let from = first * 4;
    for (let tap = 0; tap < weights.length; tap += 1) {
      const weight = weights[tap] as number;
      red += weight * (row[from] as number);
      green += weight * (row[from + 1] as number);
      blue += weight * (row[from + 2] as number);
      alpha += weight * (row[from + 3] as number);
      from += 4;
    }
    // One for an opaque picture. A pixel without weight has no colour.
    const straight = alpha > 0.5 ? 255 / Math.min(alpha, 255) : 0;
    out[to] = red * straight;
    out[to + 1] = green * straight;
    out[to + 2] = blue * straight;
    out[to + 3] = alpha;
    to += 4;
  }
}

/** Half the width of the filter, in pixels of the smaller picture. */
const SUPPORT = 2;

function tapsOf(from: number, to: number): Taps[] {
  const scale = from / to;
  return Array.from({ length: to }, (_, index) => {
    const centre = (index + 0.5) * scale;
    const first = Math.max(Math.floor(centre - SUPPORT * scale), 0);
    const end = Math.min(Math.ceil(centre + SUPPORT * scale), from);
    const weights = Float32Array.from({ length: end - first }, (__, tap) =>
      catmullRom((first + tap + 0.5 - centre) / scale),
    );
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { first, weights: weights.map((weight) => weight / sum) };
  });
}

/** The cubic through the points, with a = −½. */
function catmullRom(distance: number): number {
  const x = Math.abs(distance);
  if (x < 1) {
    return (1.5 * x - 2.5) * x * x + 1;
  }
  return x < SUPPORT ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}
