// Owns the walk over a GIF to the end of its first frame: the canvas, and that the frame is there.
// Does not decode it. See GIF89a.

import type { ByteWalk } from "../byte-walk.js";
import { checkSize, damaged } from "../failure.js";
import type { Outline } from "../outline.js";

const SIGNATURE_BYTES = 6;
const EXTENSION = 0x21;
const IMAGE = 0x2c;
/** Blocks before the first frame: more are no picture. */
const BLOCKS_MAX = 4096;

export async function outlineGif(walk: ByteWalk): Promise<Outline> {
  walk.seek(SIGNATURE_BYTES);
  const screen = await walk.take(7);
  const stored = { width: side(screen, 0), height: side(screen, 2) };
  checkSize("GIF", stored);
  walk.skip(tableBytes(screen[4] ?? 0));
  for (let blocks = 0; blocks < BLOCKS_MAX; blocks += 1) {
    const [kind] = await walk.take(1);
    if (kind === EXTENSION) {
      walk.skip(1);
      await skipSubBlocks(walk);
    } else if (kind === IMAGE) {
      const frame = await walk.take(9);
      checkSize("GIF", { width: side(frame, 4), height: side(frame, 6) });
      walk.skip(tableBytes(frame[8] ?? 0) + 1);
      await skipSubBlocks(walk);
      return { stored, hidden: [] };
    } else {
      break;
    }
  }
  throw damaged("GIF", "it has no frame");
}

async function skipSubBlocks(walk: ByteWalk): Promise<void> {
  for (;;) {
    const [bytes = 0] = await walk.take(1);
    if (bytes === 0) {
      return;
    }
    walk.skip(bytes);
  }
}

/** A table of colours has 3 bytes for each of 2 to 256. */
function tableBytes(flags: number): number {
  return flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0;
}

function side(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) + (bytes[at + 1] ?? 0) * 256;
}
