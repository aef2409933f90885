// Owns why no derivatives could be made, as the worker says it. The page's side makes a `KeepsakeError` of it.

import type { Size } from "./geometry.js";

/** What is wrong with an image, in one stable word. */
export type FailureCode =
  | "truncated"
  | "damaged"
  | "side_too_long"
  | "too_many_pixels"
  | "cap_unreachable"
  | "unreadable"
  | "worker_failed";

/** The image cannot be derived; its original can still be kept. */
export class DerivationFailure extends Error {
  readonly code: FailureCode;

  constructor(code: FailureCode, message: string) {
    super(message);
    this.name = "DerivationFailure";
    this.code = code;
  }
}

/** The file ends before the image does. */
export function truncated(format: string): DerivationFailure {
  return new DerivationFailure("truncated", `${format}: the file ends too early: get a complete copy of it`);
}

/** The file breaks the rules of its format. */
export function damaged(format: string, detail: string): DerivationFailure {
  return new DerivationFailure(
    "damaged",
    `${format}: the file is damaged (${detail}): get an intact copy of it`,
  );
}

/** Most pixels in an image. Decoded it holds four bytes for each: 400 MB for a moment, and only one at a time. */
const PIXELS_MAX = 100_000_000;
/** The most that JPEG and GIF can say. */
const SIDE_PX_MAX = 65_535;

/** Checks the size that a header declares, before anything of that size is allocated. */
export function checkSize(format: string, size: Size): void {
  const { width, height } = size;
  if (width === 0 || height === 0) {
    throw damaged(format, `it declares ${width} x ${height} pixels`);
  }
  if (Math.max(width, height) > SIDE_PX_MAX) {
    throw new DerivationFailure(
      "side_too_long",
      `image is ${width} x ${height} pixels, but a side may have at most ${SIDE_PX_MAX}`,
    );
  }
  if (width * height > PIXELS_MAX) {
    throw new DerivationFailure(
      "too_many_pixels",
      `image is ${width} x ${height} pixels, but may have at most ${PIXELS_MAX} in all`,
    );
  }
}
