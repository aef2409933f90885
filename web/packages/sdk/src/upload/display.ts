// Whether the display is the original itself. Owns the choice, and what a picture is that says nothing beside its pixels.
//
// A small photo made anew at the same size can become longer than it was. Then its own bytes are the display too, where they
// are as a derivative has to be: upright, and without a place, a profile or a text. fixtures/client/display.json has the cases.

import type { DerivedImage } from "../derivatives/types.js";
import type { OpenSource } from "./source.js";

/** What the choice needs of either. */
export interface Picture {
  bytes: number;
  /** Upright, pixels. */
  width: number;
  height: number;
}

/** Whether an original is what its display would be at best, if its bytes are plain. */
export function mayBeDisplay(original: Picture, orientation: number, display: Picture): boolean {
  return (
    original.bytes <= display.bytes &&
    original.width === display.width &&
    original.height === display.height &&
    orientation === 1
  );
}

/** The picture with the original's own bytes as its display, where the made ones are longer and no better. */
export async function withShortestDisplay(
  image: DerivedImage,
  source: OpenSource,
  mimeType: string,
): Promise<DerivedImage> {
  const { width, height, orientation } = image;
  const original = { bytes: source.size, width, height };
  const display = image.derivatives.find(({ kind }) => kind === "display");
  if (!display || !mayBeDisplay(original, orientation, { ...display, bytes: display.bytes.length })) {
    return image;
  }
  const bytes = (await source.read(0, source.size)).slice();
  if (!isPlain(bytes)) {
    return image;
  }
  const derivatives = image.derivatives.map((one) => (one === display ? { ...one, bytes, mimeType } : one));
  return { ...image, derivatives };
}

/**
 * Whether a JPEG or PNG has its pixels alone, in the colours that all have who do not say which: no EXIF, no profile, no text,
 * no other picture, nothing behind it. O(bytes).
 */
export function isPlain(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  try {
    return jpegIsPlain(view) || pngIsPlain(view);
  } catch (error) {
    if (error instanceof RangeError) {
      return false; // It ends too early.
    }
    throw error;
  }
}

function jpegIsPlain(view: DataView): boolean {
  if (view.byteLength < 2 || view.getUint16(0) !== 0xff_d8) {
    return false;
  }
  let at = 2;
  for (;;) {
    while (view.getUint8(at) !== 0xff || isOfScan(view.getUint8(at + 1))) {
      at += 1;
    }
    const kind = view.getUint8(at + 1);
    at += 2;
    if (kind === 0xd9) {
      return at === view.byteLength;
    }
    const length = view.getUint16(at);
    if (length < 2 || at + length > view.byteLength || !segmentIsPlain(kind, length, view, at)) {
      return false;
    }
    at += length;
  }
}

function segmentIsPlain(kind: number, length: number, view: DataView, at: number): boolean {
  // JFIF without a thumbnail; the transformation of colours, as Adobe says it.
  if (kind === 0xe0 || kind === 0xee) {
    return length === (kind === 0xe0 ? 16 : 14);
  }
  if ((kind >= 0xe1 && kind <= 0xef) || kind === 0xfe) {
    return false;
  }
  // DHT, JPG and DAC are among the frame headers' numbers.
  const isFrame = kind >= 0xc0 && kind <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(kind);
  return !isFrame || (length > 7 && [1, 3].includes(view.getUint8(at + 7)));
}

/** What may stand behind 0xff within a scan, or as filling before a marker. */
function isOfScan(byte: number): boolean {
  return byte === 0 || byte === 0xff || (byte >= 0xd0 && byte <= 0xd7);
}

const PNG_PLAIN = ["IHDR", "PLTE", "tRNS", "sRGB", "pHYs", "IDAT", "IEND"];

function pngIsPlain(view: DataView): boolean {
  if (view.byteLength < 8 || view.getBigUint64(0) !== 0x89504e470d0a1a0an) {
    return false;
  }
  let at = 8;
  for (;;) {
    const kind = String.fromCharCode(...[4, 5, 6, 7].map((offset) => view.getUint8(at + offset)));
    at += 12 + view.getUint32(at);
    if (!PNG_PLAIN.includes(kind) || at > view.byteLength) {
      return false;
    }
    if (kind === "IEND") {
      return at === view.byteLength;
    }
  }
}
