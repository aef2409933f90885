// A film of one picture, a QR code, as Chromium's stand-in for a camera plays it: YUV4MPEG2
// (https://wiki.multimedia.cx/index.php/YUV4MPEG2). It owns the format.

import { encodeQR } from "qr";

const WIDTH = 640;
const HEIGHT = 480;
const FRAMES = 2;

export function filmOf(text: string): Uint8Array {
  const rows = encodeQR(text, "raw", { ecc: "medium", border: 4 });
  const scale = Math.floor(Math.min(WIDTH, HEIGHT) / rows.length);
  const luma = new Uint8Array(WIDTH * HEIGHT).fill(235);
  const [left, top] = [WIDTH, HEIGHT].map((side) => Math.floor((side - rows.length * scale) / 2)) as [
    number,
    number,
  ];
  for (let y = 0; y < rows.length * scale; y += 1) {
    for (let x = 0; x < rows.length * scale; x += 1) {
      const isDark = rows[Math.floor(y / scale)]?.[Math.floor(x / scale)] ?? false;
      if (isDark) luma[(top + y) * WIDTH + left + x] = 16;
    }
  }
  const frame = Buffer.concat([Buffer.from("FRAME\n"), luma, Buffer.alloc((WIDTH * HEIGHT) / 2, 128)]);
  const header = Buffer.from(`YUV4MPEG2 W${WIDTH} H${HEIGHT} F10:1 Ip A1:1 C420jpeg\n`);
  return Buffer.concat([header, ...Array.from({ length: FRAMES }, () => frame)]);
}
