// Owns the walk over a WebP container (RIFF chunks): the canvas, that no bitstream is larger, and EXIF.
// Does not read pixels. See RFC 9649.
//
//     RIFF size WEBP ─┬─ "VP8 " lossy bitstream
//                     ├─ "VP8L" lossless bitstream
//                     └─ "VP8X" canvas ─ ICCP? ─ ANIM? ─ ANMF* | ALPH? VP8/VP8L ─ EXIF? ─ XMP?

import type { ByteWalk } from "../byte-walk.js";
import { EXIF_BYTES_MAX } from "../exif.js";
import { checkSize, damaged, truncated } from "../failure.js";
import type { Size } from "../geometry.js";
import type { HiddenPart, Outline } from "../outline.js";

const RIFF_HEADER_BYTES = 12;
const CHUNK_HEADER_BYTES = 8;
/** Bytes of a chunk's start that tell its size in pixels. */
const START_BYTES = 10;
/** An animation of ten minutes at 60 frames a second has 36,000 chunks. */
const CHUNKS_MAX = 65_536;
/** A chunk that no decoder knows and so passes over; leaving the bytes out would make the sizes wrong. */
const UNKNOWN_KIND = new TextEncoder().encode("JUNK");

interface Found {
  stored?: Size;
  exif?: Uint8Array;
  readonly hidden: HiddenPart[];
}

export async function outlineWebp(walk: ByteWalk, fileBytes: number): Promise<Outline> {
  walk.seek(4);
  const riffEnd = littleEndian(await walk.take(4), 0, 4) + 8;
  if (riffEnd > fileBytes) {
    throw truncated("WebP");
  }
  const found: Found = { hidden: [] };
  let at = RIFF_HEADER_BYTES;
  for (let chunks = 0; at + CHUNK_HEADER_BYTES <= riffEnd; chunks += 1) {
    if (chunks === CHUNKS_MAX) {
      throw damaged("WebP", "more chunks than any encoder writes");
    }
    walk.seek(at);
    const header = await walk.take(CHUNK_HEADER_BYTES);
    const kind = String.fromCharCode(...header.subarray(0, 4));
    const bytes = littleEndian(header, 4, 4);
    const end = at + CHUNK_HEADER_BYTES + bytes;
    if (end > riffEnd) {
      throw truncated("WebP");
    }
    await readChunk(walk, kind, bytes, at, found);
    at = end + (bytes % 2);
  }
  if (!found.stored) {
    throw damaged("WebP", "it has no image");
  }
  return found;
}

async function readChunk(
  walk: ByteWalk,
  kind: string,
  bytes: number,
  at: number,
  found: Found,
): Promise<void> {
  if (kind === "EXIF") {
    found.exif ??= (await walk.take(Math.min(bytes, EXIF_BYTES_MAX))).slice();
    found.hidden.push({ start: at, end: at + 4, instead: UNKNOWN_KIND });
    return;
  }
  const sizeOf = SIZES[kind];
  if (!sizeOf) {
    return;
  }
  const size = sizeOf(await walk.take(START_BYTES));
  checkSize("WebP", size);
  found.stored ??= size;
  if (size.width > found.stored.width || size.height > found.stored.height) {
    throw damaged("WebP", "a picture is larger than the canvas");
  }
}

const SIZES: Readonly<Record<string, (start: Uint8Array) => Size>> = {
  VP8X: (start) => ({ width: littleEndian(start, 4, 3) + 1, height: littleEndian(start, 7, 3) + 1 }),
  "VP8 ": (start) => ({
    width: littleEndian(start, 6, 2) & 0x3fff,
    height: littleEndian(start, 8, 2) & 0x3fff,
  }),
  VP8L: (start) => {
    const bits = littleEndian(start, 1, 4);
    return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
  },
};

function littleEndian(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let index = count - 1; index >= 0; index -= 1) {
    value = value * 256 + (bytes[at + index] ?? 0);
  }
  return value;
}
