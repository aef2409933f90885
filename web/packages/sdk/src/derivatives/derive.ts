// Owns the way from a file to its three derivatives, inside the worker.
//
//     sniff ─ check headers ─ decode (browser) ─ halve ─ scale ─ turn upright ─┐
//         display ≤ 1920×1080 ◄────────────────────────────────────────────────┘
//            └─ scale ─ thumbnail ≤ 400×300 ─ scale ─ placeholder ≤ 32×18
//
// Does not own the worker's messages.

import { encode } from "./encode.js";
import { checkSize, damaged } from "./failure.js";
import { type Format, formatOf, PREFIX_BYTES } from "./format.js";
import { BOXES, fitWithin, type Size, turned } from "./geometry.js";
import { type CheckedImage, checkImage } from "./outline.js";
import { decode, halved, type Pixels, turnUpright } from "./pixels.js";
import { scaledTo } from "./resample.js";
import type { DerivedImage } from "./types.js";

/** Makes the derivatives of one file; `undefined` when it is no image that can be decoded here. */
export async function derive(source: Blob): Promise<DerivedImage | undefined> {
  const prefix = new Uint8Array(await source.slice(0, PREFIX_BYTES).arrayBuffer());
  const format = formatOf(prefix);
  if (!format) {
    return undefined;
  }
  const image = await checkImage(source, format);
  const bitmap = await decode(image.blob);
  if (!bitmap) {
    // Every browser knows the others, so that the file must be at fault.
    if (format !== "HEIF") {
      throw damaged(format, "the browser cannot decode it");
    }
    return undefined;
  }
  return await derivedFrom(bitmap, image, format);
}

async function derivedFrom(bitmap: ImageBitmap, image: CheckedImage, format: Format): Promise<DerivedImage> {
  const stored = checkedSize(bitmap, image, format);
  const { orientation, takenAt } = image.facts;
  const shown = turned(stored, orientation);
  const target = turned(fitWithin(shown, BOXES.display), orientation);
  const display = turnUpright(scaledTo(halved(bitmap, target), target), orientation);
  const thumbnail = scaledTo(display, fitWithin(shown, BOXES.thumbnail));
  const placeholder = scaledTo(thumbnail, fitWithin(shown, BOXES.placeholder));
  return {
    ...shown,
    orientation,
    derivatives: await encodedAll(display, thumbnail, placeholder),
    ...(takenAt && { takenAt }),
  };
}

async function encodedAll(display: Pixels, thumbnail: Pixels, placeholder: Pixels) {
  return [
    await encode("display", display),
    await encode("thumbnail", thumbnail),
    await encode("placeholder", placeholder),
  ];
}

/** The decoder's size must be the header's: derivatives were planned, and limits checked, by that one. */
function checkedSize(bitmap: ImageBitmap, image: CheckedImage, format: Format): Size {
  const size = { width: bitmap.width, height: bitmap.height };
  const { stored } = image;
  try {
    checkSize(format, size);
    if (stored && (stored.width !== size.width || stored.height !== size.height)) {
      throw damaged(format, "its headers contradict each other");
    }
  } catch (error) {
    bitmap.close();
    throw error;
  }
  return size;
}
