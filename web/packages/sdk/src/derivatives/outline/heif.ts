// Owns the bound on HEIC and AVIF, which some browsers decode: the largest size that the file's head declares.
// Does not walk the boxes, and hides nothing: their orientation is part of the picture (`irot`, `imir`), and every
// browser that decodes them applies it. See ISO/IEC 23008-12, 6.5.3.

import type { ByteWalk } from "../byte-walk.js";
import { checkSize } from "../failure.js";
import type { Outline } from "../outline.js";

/** The properties stand before the picture's data. */
const HEAD_BYTES = 256 * 1024;

export async function outlineHeif(walk: ByteWalk, fileBytes: number): Promise<Outline> {
  const head = await walk.take(Math.min(fileBytes, HEAD_BYTES));
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  for (let at = 0; at + 16 <= head.length; at += 1) {
    // "ispe", a version, then width and height.
    if (view.getUint32(at) === 0x69737065) {
      checkSize("HEIF", { width: view.getUint32(at + 8), height: view.getUint32(at + 12) });
    }
  }
  return { hidden: [] };
}
