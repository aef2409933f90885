// Owns what is read from a file before it is decoded: its size, its EXIF block, whether it is complete; and hiding
// that block from the browser. Each format has its module. Does not own pixels.
//
// Browsers differ in which formats they turn by EXIF, and in whether they turn before or after they resize. So they
// get to see no EXIF at all: the picture comes as it is stored, and `turnUpright` turns it, the same everywhere.

import { ByteWalk, EndOfFile } from "./byte-walk.js";
import { type ExifFacts, exifFacts } from "./exif.js";
import { checkSize, truncated } from "./failure.js";
import type { Format } from "./format.js";
import type { Size } from "./geometry.js";
import { outlineGif } from "./outline/gif.js";
import { outlineHeif } from "./outline/heif.js";
import { outlineJpeg } from "./outline/jpeg.js";
import { outlinePng } from "./outline/png.js";
import { outlineWebp } from "./outline/webp.js";

/** A part of the file that the browser's decoder does not get to see. */
export interface HiddenPart {
  readonly start: number;
  readonly end: number;
  /** What it sees there; nothing when left out. */
  readonly instead?: Uint8Array<ArrayBuffer>;
}

/** What a format's module finds. */
export interface Outline {
  /** As the header declares it; `undefined` where only the decoder can tell. */
  readonly stored?: Size;
  /** The first EXIF block. */
  readonly exif?: Uint8Array;
  readonly hidden: readonly HiddenPart[];
}

/** An image that can go to the browser's decoder. */
export interface CheckedImage {
  /** Decodes to the picture as it is stored, not turned. */
  readonly blob: Blob;
  readonly stored?: Size;
  readonly facts: ExifFacts;
}

const OUTLINES: Readonly<Record<Format, (walk: ByteWalk, fileBytes: number) => Promise<Outline>>> = {
  JPEG: outlineJpeg,
  PNG: outlinePng,
  WebP: outlineWebp,
  GIF: outlineGif,
  HEIF: outlineHeif,
};

/** Walks over the file; rejects with a `DerivationFailure` when it is not whole, or too large. */
export async function checkImage(source: Blob, format: Format): Promise<CheckedImage> {
  const outline = await outlineOf(source, format);
  if (outline.stored) {
    checkSize(format, outline.stored);
  }
  const facts = outline.exif ? exifFacts(outline.exif) : { orientation: 1 };
  const blob = withoutParts(source, outline.hidden);
  return { blob, facts, ...(outline.stored && { stored: outline.stored }) };
}

async function outlineOf(source: Blob, format: Format): Promise<Outline> {
  try {
    return await OUTLINES[format](new ByteWalk(source), source.size);
  } catch (error) {
    throw error instanceof EndOfFile ? truncated(format) : error;
  }
}

/** The parts stand in the order of the file. Nothing is copied: blobs refer to the file. */
function withoutParts(source: Blob, hidden: readonly HiddenPart[]): Blob {
  const pieces: BlobPart[] = [];
  let at = 0;
  for (const part of hidden) {
    pieces.push(source.slice(at, part.start));
    if (part.instead) {
      pieces.push(part.instead);
    }
    at = part.end;
  }
  pieces.push(source.slice(at));
  return new Blob(pieces, { type: source.type });
}
