// Owns the walk over a PNG's chunks: size, EXIF (which may stand behind the picture), and that the end is there.
// Does not inflate anything. See PNG 3, section 5.

import type { ByteWalk } from "../byte-walk.js";
import { EXIF_BYTES_MAX } from "../exif.js";
import { damaged } from "../failure.js";
import type { HiddenPart, Outline } from "../outline.js";

const SIGNATURE_BYTES = 8;
const CHECKSUM_BYTES = 4;
/** Writers cut the image into chunks of 8 KiB or more; this many chunks of that size are 8 GiB. */
const CHUNKS_MAX = 1 << 20;

export async function outlinePng(walk: ByteWalk): Promise<Outline> {
  walk.seek(SIGNATURE_BYTES);
  const header = await chunkHeader(walk);
  if (header.kind !== "IHDR" || header.bytes !== 13) {
    throw damaged("PNG", "it does not begin with its header");
  }
  const sides = await walk.take(13);
  const view = new DataView(sides.buffer, sides.byteOffset, sides.length);
  const stored = { width: view.getUint32(0), height: view.getUint32(4) };
  walk.skip(CHECKSUM_BYTES);
  let exif: Uint8Array | undefined;
  const hidden: HiddenPart[] = [];
  for (let chunks = 0; chunks < CHUNKS_MAX; chunks += 1) {
    const start = walk.at;
    const { kind, bytes } = await chunkHeader(walk);
    const end = walk.at + bytes + CHECKSUM_BYTES;
    if (kind === "IEND") {
      await walk.take(CHECKSUM_BYTES);
      return { stored, hidden, ...(exif && { exif }) };
    }
    if (kind === "eXIf") {
      exif ??= (await walk.take(Math.min(bytes, EXIF_BYTES_MAX))).slice();
      hidden.push({ start, end });
    }
    walk.seek(end);
  }
  throw damaged("PNG", "more chunks than any encoder writes");
}

async function chunkHeader(walk: ByteWalk): Promise<{ kind: string; bytes: number }> {
  const header = await walk.take(8);
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  return { bytes: view.getUint32(0), kind: String.fromCharCode(...header.subarray(4)) };
}
