// Lane B's own arithmetic, where no browser is needed: sizes, scaling, turning.
// Its pictures are compared with the Rust side in tests-browser.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fitWithin, type Size } from "../dist/derivatives/geometry.js";
import { type Pixels, pixelsOf, turnUpright } from "../dist/derivatives/pixels.js";
import { scaledTo } from "../dist/derivatives/resample.js";

function size(width: number, height: number): Size {
  return { width, height };
}

function picture(width: number, height: number, pixel: (x: number, y: number) => number[]): Pixels {
  const values = Array.from({ length: width * height }, (_, at) => pixel(at % width, Math.floor(at / width)));
  return pixelsOf(size(width, height), new Uint8ClampedArray(values.flat()));
}

function at({ width, rgba }: Pixels, x: number, y: number): number[] {
  return [...rgba.subarray((y * width + x) * 4, (y * width + x) * 4 + 4)];
}

test("sizes fit as on the Rust side", () => {
  const screen = size(1920, 1080);
  const cases: [Size, Size, Size][] = [
    [size(8040, 6024), screen, size(1441, 1080)],
    [size(3648, 5472), screen, size(720, 1080)],
    [size(1920, 1080), screen, size(1920, 1080)],
    [size(65_535, 1), screen, size(1920, 1)],
    [size(1, 65_535), screen, size(1, 1080)],
    [size(3840, 2160), size(32, 18), size(32, 18)],
    [size(3, 2), screen, size(3, 2)],
    // Exactly half a pixel goes up.
    [size(3840, 1081), screen, size(1920, 541)],
  ];
  for (const [from, bounds, expected] of cases) {
    assert.deepEqual(fitWithin(from, bounds), expected, JSON.stringify(from));
  }
});

test("a fitted size keeps the aspect, touches its box and never grows", () => {
  for (let round = 0; round < 20_000; round += 1) {
    const side = (max: number) => 1 + Math.floor(Math.random() * max);
    const [from, bounds] = [size(side(65_535), side(65_535)), size(side(2000), side(2000))];
    const fitted = fitWithin(from, bounds);
    const shown = JSON.stringify({ from, bounds, fitted });
    assert.ok(fitted.width >= 1 && fitted.width <= Math.min(bounds.width, from.width), shown);
    assert.ok(fitted.height >= 1 && fitted.height <= Math.min(bounds.height, from.height), shown);
    const scale = Math.min(bounds.width / from.width, bounds.height / from.height, 1);
    assert.ok(Math.abs(fitted.width - Math.max(from.width * scale, 1)) <= 0.500001, shown);
    assert.ok(Math.abs(fitted.height - Math.max(from.height * scale, 1)) <= 0.500001, shown);
  }
});

test("a flat colour stays that colour at any size", () => {
  for (const alpha of [255, 77]) {
    const flat = picture(97, 61, () => [10, 128, 250, alpha]);
    for (const [width, height] of [
      [1, 1],
      [13, 61],
      [96, 7],
    ] as const) {
      const scaled = scaledTo(flat, size(width, height));
      assert.deepEqual([scaled.width, scaled.height, scaled.hasAlpha], [width, height, alpha !== 255]);
      for (let y = 0; y < height; y += 1) {
        for (let x = 0; x < width; x += 1) {
          assert.deepEqual(at(scaled, x, y), [10, 128, 250, alpha]);
        }
      }
    }
  }
});

test("the same size is the same picture, and nothing grows", () => {
  const original = picture(25, 3, (x, y) => [x * 10, y, 7, y === 2 ? 200 : 255]);
  assert.deepEqual(scaledTo(original, size(30, 9)).rgba, original.rgba);
});

test("transparent pixels do not bleed their colour", () => {
  const striped = picture(100, 100, (x) => (x % 2 === 0 ? [255, 0, 0, 255] : [0, 255, 0, 0]));
  const [red = 0, green, blue, alpha = 0] = at(scaledTo(striped, size(10, 10)), 5, 5);
  assert.deepEqual([red, green, blue], [255, 0, 0]);
  assert.ok(alpha >= 124 && alpha <= 131, `${alpha}`);
});

test("an edge stays where it is when the picture gets smaller", () => {
  const edge = picture(90, 4, (x) => (x < 30 ? [0, 0, 0, 255] : [255, 255, 255, 255]));
  const scaled = scaledTo(edge, size(9, 2));
  const row = Array.from({ length: 9 }, (_, x) => at(scaled, x, 1)[0] ?? 0);
  assert.ok(
    row.every((value, x) => (x < 3 ? value < 30 : value > 225)),
    row.join(),
  );
});

test("every orientation turns the stored picture upright", () => {
  const upright = picture(3, 2, (x, y) => [x * 50, y * 50, 9, 255]);
  const [right, bottom] = [2, 1];
  // Exif: which side of the upright picture the stored row 0 and column 0 are.
  const stored: ((x: number, y: number) => [number, number])[] = [
    (x, y) => [x, y],
    (x, y) => [right - x, y],
    (x, y) => [right - x, bottom - y],
    (x, y) => [x, bottom - y],
    (x, y) => [y, x],
    (x, y) => [y, right - x],
    (x, y) => [bottom - y, right - x],
    (x, y) => [bottom - y, x],
  ];
  stored.forEach((place, index) => {
    const orientation = index + 1;
    const [width, height] = orientation >= 5 ? [2, 3] : [3, 2];
    const pixels = new Map<string, number[]>();
    for (let y = 0; y < 2; y += 1) {
      for (let x = 0; x < 3; x += 1) {
        pixels.set(place(x, y).join(), at(upright, x, y));
      }
    }
    const turned = turnUpright(
      picture(width, height, (x, y) => pixels.get([x, y].join()) ?? []),
      orientation,
    );
    assert.deepEqual([turned.width, turned.height, turned.rgba], [3, 2, upright.rgba], `${orientation}`);
  });
});
