// Owns the walk over a JPEG's segments: size, EXIF, and that the end marker is there. Does not read tables or pixels.
// See T.81, annex B.

import type { ByteWalk } from "../byte-walk.js";
import { EXIF_BYTES_MAX } from "../exif.js";
import { checkSize, damaged } from "../failure.js";
import type { Size } from "../geometry.js";
import type { HiddenPart, Outline } from "../outline.js";

const SOI = 0xd8;
const EOI = 0xd9;
const SOS = 0xda;
const APP1 = 0xe1;
/** DHT, JPG and DAC are among the frame headers' numbers. */
const NO_FRAMES = [0xc4, 0xc8, 0xcc];
/** A profile has at most 255 segments, a video's metadata a few hundred. */
const SEGMENTS_MAX = 16_384;
/** The finest progressive scripts have below a hundred. Each scan costs the decoder a pass over the picture. */
const SCANS_MAX = 128;

interface Found {
  stored?: Size;
  exif?: Uint8Array;
  readonly hidden: HiddenPart[];
}

export async function outlineJpeg(walk: ByteWalk): Promise<Outline> {
  const found: Found = { hidden: [] };
  let scans = 0;
  let marker = await nextMarker(walk);
  for (let segments = 0; segments < SEGMENTS_MAX; segments += 1) {
    if (marker === EOI) {
      if (!found.stored) {
        throw damaged("JPEG", "it has no frame header");
      }
      return found;
    }
    if (marker === SOS) {
      scans += 1;
      if (scans > SCANS_MAX) {
        throw damaged("JPEG", "more scans than any encoder writes");
      }
      walk.skip(await payloadBytes(walk));
      marker = await nextMarker(walk);
      continue;
    }
    if (marker !== SOI && marker !== 0x01) {
      await readSegment(walk, marker, found);
    }
    marker = await nextMarker(walk);
  }
  throw damaged("JPEG", "more segments than any encoder writes");
}

async function readSegment(walk: ByteWalk, marker: number, found: Found): Promise<void> {
  const start = walk.at - 2;
  const bytes = await payloadBytes(walk);
  const end = walk.at + bytes;
  if (marker >= 0xc0 && marker <= 0xcf && !NO_FRAMES.includes(marker)) {
    if (found.stored) {
      throw damaged("JPEG", "two frame headers");
    }
    const [, h1 = 0, h0 = 0, w1 = 0, w0 = 0] = await walk.take(5);
    found.stored = { width: w1 * 256 + w0, height: h1 * 256 + h0 };
    checkSize("JPEG", found.stored);
  } else if (marker === APP1) {
    const payload = await walk.take(Math.min(end - walk.at, EXIF_BYTES_MAX));
    if (!found.exif && String.fromCharCode(...payload.subarray(0, 6)) === "Exif\0\0") {
      found.exif = payload.slice();
    }
    found.hidden.push({ start, end });
  }
  walk.seek(end);
}

/** Passes fill bytes and the data of a scan, too: restart markers and stuffed zeros belong to it. */
function nextMarker(walk: ByteWalk): Promise<number> {
  return walk.takePair(0xff, (byte) => byte !== 0 && byte !== 0xff && !isRestart(byte));
}

function isRestart(marker: number): boolean {
  return marker >= 0xd0 && marker <= 0xd7;
}

async function payloadBytes(walk: ByteWalk): Promise<number> {
  const [high = 0, low = 0] = await walk.take(2);
  const length = high * 256 + low;
  if (length < 2) {
    throw damaged("JPEG", "a segment is shorter than its length field");
  }
  return length - 2;
}
