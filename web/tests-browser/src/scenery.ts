// Drawn pictures for screenshots: skies, suns and hills, each another. It owns the drawing.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "@playwright/test";

const NAMES = [
  "Morning",
  "Harbour",
  "Pass",
  "Dunes",
  "Lake",
  "Ridge",
  "Evening",
  "Valley",
  "Coast",
  "Meadow",
];

/** Paths of `count` JPEGs of 1800 × 1200, some of them upright. */
export async function scenery(page: Page, count: number, folder: string): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const paths: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const path = join(folder, `${NAMES[index % NAMES.length]} ${index + 1}.jpg`);
    await writeFile(path, Buffer.from(await drawn(page, index), "base64"));
    paths.push(path);
  }
  return paths;
}

async function drawn(page: Page, index: number): Promise<string> {
  return await page.evaluate(async (seed) => {
    const [width, height] = seed % 5 === 3 ? [1200, 1800] : [1800, 1200];
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d");
    if (context === null) throw new Error("no canvas");
    const hue = (seed * 47) % 360;
    const sky = context.createLinearGradient(0, 0, 0, height);
    sky.addColorStop(0, `hsl(${hue} 60% 62%)`);
    sky.addColorStop(1, `hsl(${(hue + 40) % 360} 70% 86%)`);
    context.fillStyle = sky;
    context.fillRect(0, 0, width, height);
    context.fillStyle = `hsl(${(hue + 180) % 360} 90% 88%)`;
    context.beginPath();
    context.arc(width * (0.2 + ((seed * 13) % 60) / 100), height * 0.3, height * 0.09, 0, 7);
    context.fill();
    for (let hill = 0; hill < 4; hill += 1) {
      context.fillStyle = `hsl(${(hue + 90 + hill * 12) % 360} 35% ${56 - hill * 11}%)`;
      context.beginPath();
      context.moveTo(0, height);
      for (let x = 0; x <= width; x += 20) {
        const wave = Math.sin(x / (170 + hill * 60) + seed * 1.7 + hill) * height * 0.07;
        const ripple = Math.sin(x / 71 + seed + hill * 2) * height * 0.015;
        context.lineTo(x, height * (0.5 + hill * 0.12) + wave + ripple);
      }
      context.lineTo(width, height);
      context.fill();
    }
    const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.85 });
    const bytes = new Uint8Array(await blob.arrayBuffer());
    let binary = "";
    for (let at = 0; at < bytes.length; at += 8192) {
      binary += String.fromCharCode(...bytes.subarray(at, at + 8192));
    }
    return btoa(binary);
  }, index);
}
