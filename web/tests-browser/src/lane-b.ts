// Lane B in a page without the app: files go in by an input, as a person would choose them.
// Owns the road into the page and the comparison of pictures there. Owns no bound.

import type { Page } from "@playwright/test";

/** A derivative, and how far it is from the one of the other side. */
export interface Compared {
  readonly kind: string;
  readonly mimeType: string;
  readonly width: number;
  readonly height: number;
  readonly bytes: number;
  /** Mean difference of all channels, 0 to 255; `undefined` when nothing was compared, or the sizes differ. */
  readonly difference?: number;
  /** Whether the bytes hold a block of EXIF. */
  readonly hasExif: boolean;
}

/** What the page's deriver answered for one file. */
export type Answer =
  | {
      readonly kind: "made";
      readonly width: number;
      readonly height: number;
      readonly orientation: number;
      readonly takenAt?: string;
      readonly derivatives: Compared[];
    }
  | { readonly kind: "no-image" }
  | { readonly kind: "failed"; readonly error: string; readonly code: string; readonly message: string };

type Input = string | { name: string; mimeType: string; buffer: Buffer };

/** Derives one file, and compares with the derivatives of the other side, if given, in the same order. */
export async function deriveInPage(
  page: Page,
  file: Input,
  reference: readonly string[] = [],
): Promise<Answer> {
  const [answer] = await deriveAllInPage(page, [file], reference);
  if (!answer) {
    throw new Error("the page answered nothing");
  }
  return answer;
}

/** Derives files, all asked for at once. */
export async function deriveAllInPage(
  page: Page,
  files: readonly Input[],
  reference: readonly string[] = [],
): Promise<Answer[]> {
  // Playwright takes either paths or bytes.
  await page.locator("#source").setInputFiles(files as string[]);
  await page.locator("#reference").setInputFiles([...reference]);
  return await page.evaluate(answers);
}

/** Runs in the page, so that it refers to nothing outside. */
async function answers(): Promise<Answer[]> {
  type Deriver = import("../../packages/sdk/dist/index.d.ts").Deriver;
  const files = (id: string) => [...((document.getElementById(id) as HTMLInputElement).files ?? [])];
  const pixels = async (blob: Blob) => {
    const bitmap = await createImageBitmap(blob, { premultiplyAlpha: "none" });
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
    if (!context) {
      throw new Error("no canvas");
    }
    context.drawImage(bitmap, 0, 0);
    return context.getImageData(0, 0, bitmap.width, bitmap.height);
  };
  const difference = async (ours: Blob, theirs: Blob | undefined) => {
    if (!theirs) {
      return undefined;
    }
    const [a, b] = [await pixels(ours), await pixels(theirs)];
    if (a.width !== b.width || a.height !== b.height) {
      return undefined;
    }
    // Colours as they are seen: weighted with their alpha.
    const seen = (data: Uint8ClampedArray, at: number) =>
      at % 4 === 3 ? (data[at] ?? 0) : ((data[at] ?? 0) * (data[at - (at % 4) + 3] ?? 0)) / 255;
    let sum = 0;
    let channels = 0;
    const isOpaque = ours.type === "image/jpeg";
    for (let at = 0; at < a.data.length; at += 1) {
      if (!(isOpaque && at % 4 === 3)) {
        sum += Math.abs(seen(a.data, at) - seen(b.data, at));
        channels += 1;
      }
    }
    return sum / channels;
  };
  const shared = globalThis as unknown as { keepsakeDeriver?: Deriver };
  if (!shared.keepsakeDeriver) {
    const url = "/sdk/derivatives/browser.js";
    shared.keepsakeDeriver = ((await import(url)) as { browserDeriver(): Deriver }).browserDeriver();
  }
  const derive = shared.keepsakeDeriver;
  const references = files("reference");
  return await Promise.all(
    files("source").map(async (file): Promise<Answer> => {
      try {
        const image = await derive(file, {});
        if (!image) {
          return { kind: "no-image" };
        }
        const derivatives: Compared[] = [];
        for (const [index, { kind, bytes, mimeType, width, height }] of image.derivatives.entries()) {
          const text = new TextDecoder("latin1").decode(bytes);
          derivatives.push({
            kind,
            mimeType,
            width,
            height,
            bytes: bytes.length,
            hasExif: text.includes("Exif\0\0") || text.includes("eXIf"),
            difference: await difference(new Blob([bytes], { type: mimeType }), references[index]),
          });
        }
        const { width, height, orientation, takenAt } = image;
        return { kind: "made", width, height, orientation, takenAt: takenAt?.toISOString(), derivatives };
      } catch (error) {
        const { kind, code, message } = error as { kind: string; code: string; message: string };
        if (!kind) {
          throw error;
        }
        return { kind: "failed", error: kind, code, message };
      }
    }),
  );
}
