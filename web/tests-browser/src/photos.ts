// The ten photos of all EXIF orientations, and a large one: those beside the checkout, or drawn here where there
// are none. It owns the drawing; ../src/places.ts knows the folder.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { orientedPhotos, photo } from "./places.ts";

const ORIENTATIONS = [1, 3, 5, 6, 8];
const LARGE = { width: 5472, height: 3648 };

/** Ten paths, `…_{orientation}.jpg`; photos of one scene look alike when they are upright. */
export async function tenPhotos(page: Page, folder: string): Promise<string[]> {
  const found = orientedPhotos();
  if (found.length === 10) return found;
  await mkdir(folder, { recursive: true });
  const paths: string[] = [];
  for (const [scene, width, height] of [
    ["landscape", 900, 600],
    ["portrait", 600, 900],
  ] as const) {
    for (const orientation of ORIENTATIONS) {
      const path = join(folder, `exif_${scene}_${orientation}.jpg`);
      await writeFile(path, withOrientation(await drawn(page, width, height, orientation), orientation));
      paths.push(path);
    }
  }
  return paths;
}

export async function largePhoto(page: Page, folder: string): Promise<string> {
  const found = photo("photo_20mp.jpg");
  if (found !== undefined) return found;
  await mkdir(folder, { recursive: true });
  const path = join(folder, "photo_20mp.jpg");
  await writeFile(path, await drawn(page, LARGE.width, LARGE.height, 1));
  return path;
}

/** Copies of a photo, each of other bytes and length: a comment with its number after the start of the JPEG. */
export async function manyPhotos(source: Uint8Array, count: number, folder: string): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  return await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const path = join(folder, `photo_${String(index).padStart(3, "0")}.jpg`);
      await writeFile(path, withSegment(source, 0xfe, Buffer.from(`photo ${index} `.padEnd(20 + index))));
      return path;
    }),
  );
}

/** A picture that shows which side is up, stored as a camera with that orientation stores it. */
async function drawn(page: Page, width: number, height: number, orientation: number): Promise<Uint8Array> {
  const base64 = await page.evaluate(
    async ([w, h, turn]) => {
      const isTurned = turn >= 5;
      const canvas = new OffscreenCanvas(isTurned ? h : w, isTurned ? w : h);
      const context = canvas.getContext("2d");
      if (context === null) throw new Error("no canvas");
      // From upright to stored: the inverse of what EXIF asks a viewer to do.
      const transforms: Record<number, DOMMatrix2DInit> = {
        1: {},
        3: { a: -1, d: -1, e: w, f: h },
        5: { a: 0, b: 1, c: 1, d: 0 },
        6: { a: 0, b: -1, c: 1, d: 0, f: w },
        8: { a: 0, b: 1, c: -1, d: 0, e: h },
      };
      context.setTransform(transforms[turn]);
      const colours = ["#c03030", "#30a040", "#3050c0", "#d0b030"];
      colours.forEach((colour, index) => {
        context.fillStyle = colour;
        context.fillRect((index % 2) * (w / 2), index < 2 ? 0 : h / 2, w / 2, h / 2);
      });
      const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 });
      const bytes = new Uint8Array(await blob.arrayBuffer());
      let binary = "";
      for (let at = 0; at < bytes.length; at += 8192) {
        binary += String.fromCharCode(...bytes.subarray(at, at + 8192));
      }
      return btoa(binary);
    },
    [width, height, orientation] as const,
  );
  return Buffer.from(base64, "base64");
}

function withOrientation(jpeg: Uint8Array, orientation: number): Uint8Array {
  // EXIF in its shortest form: one directory with the one tag 0x0112.
  const exif = Buffer.alloc(32);
  exif.write("Exif\0\0MM\0*", 0, "latin1");
  exif.writeUInt32BE(8, 10);
  exif.writeUInt16BE(1, 14);
  exif.writeUInt16BE(0x0112, 16);
  exif.writeUInt16BE(3, 18);
  exif.writeUInt32BE(1, 20);
  exif.writeUInt16BE(orientation, 24);
  return withSegment(jpeg, 0xe1, exif);
}

function withSegment(jpeg: Uint8Array, marker: number, content: Uint8Array): Uint8Array {
  const head = Buffer.from([0xff, marker, 0, 0]);
  head.writeUInt16BE(content.length + 2, 2);
  return Buffer.concat([jpeg.subarray(0, 2), head, content, jpeg.subarray(2)]);
}
