// Owns sizes in pixels and how one fits into a box, rounded as the Rust crate `keepsake-derivatives` rounds.
// Does not own pixels.

import type { DerivativeKind } from "./types.js";

/** Width and height in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** The box and the cap of one kind of derivative. */
export interface Box extends Size {
  readonly bytesMax: number;
}

/** As design.md sets them. */
export const BOXES: Readonly<Record<DerivativeKind, Box>> = {
  display: { width: 1920, height: 1080, bytesMax: 2 * 1024 * 1024 },
  thumbnail: { width: 400, height: 300, bytesMax: 200 * 1024 },
  placeholder: { width: 32, height: 18, bytesMax: 10 * 1024 },
};

/**
 * The largest size with the same aspect that fits into `bounds`: never larger than `size`, each side rounded to
 * the nearest pixel and at least one.
 */
export function fitWithin(size: Size, bounds: Size): Size {
  const { width, height } = size;
  if (width <= bounds.width && height <= bounds.height) {
    return { width, height };
  }
  if (width * bounds.height >= height * bounds.width) {
    return { width: bounds.width, height: divideRounded(height * bounds.width, width, bounds.height) };
  }
  return { width: divideRounded(width * bounds.height, height, bounds.width), height: bounds.height };
}

/** Half a pixel goes up. */
function divideRounded(numerator: number, denominator: number, max: number): number {
  const rounded = Math.floor((numerator + Math.floor(denominator / 2)) / denominator);
  return Math.min(Math.max(rounded, 1), max);
}

/** Whether an EXIF orientation makes width and height change places. */
export function transposes(orientation: number): boolean {
  return orientation >= 5;
}

/** The size before and after turning: it is its own inverse. */
export function turned(size: Size, orientation: number): Size {
  return transposes(orientation) ? { width: size.height, height: size.width } : size;
}
