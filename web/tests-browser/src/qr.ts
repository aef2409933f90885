// What a QR code on the page says, read from its drawing as a camera would. It owns the picture that is made of it.

import type { Locator } from "@playwright/test";
import decodeQR from "qr/decode.js";

/** Pixels of one module. */
const SCALE = 6;

export async function qrText(code: Locator): Promise<string> {
  const path = code.locator("path");
  // Drawn a moment after the rest.
  await path.and(code.page().locator("[d^=M]")).waitFor();
  const [drawing, box] = [await path.getAttribute("d"), await code.getAttribute("viewBox")];
  const side = Number(box?.split(" ")[2]) * SCALE;
  const data = new Uint8Array(side * side * 4).fill(255);
  for (const [, column, row] of (drawing ?? "").matchAll(/M(\d+) (\d+)h1v1h-1z/g)) {
    for (let y = Number(row) * SCALE; y < (Number(row) + 1) * SCALE; y += 1) {
      const start = (y * side + Number(column) * SCALE) * 4;
      for (let at = start; at < start + SCALE * 4; at += 4) data.fill(0, at, at + 3);
    }
  }
  return decodeQR({ width: side, height: side, data });
}
