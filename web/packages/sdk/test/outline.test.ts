// What lane B reads from files before a browser decodes them: size, EXIF, completeness, and hiding EXIF.

import assert from "node:assert/strict";
import { test } from "node:test";
import { exifFacts } from "../dist/derivatives/exif.js";
import { DerivationFailure } from "../dist/derivatives/failure.js";
import { type Format, formatOf } from "../dist/derivatives/format.js";
import { checkImage } from "../dist/derivatives/outline.js";

function latin1(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

/** A block with an orientation, and a directory with the date, if given, and its offset. */
function exifBlock(order: "II" | "MM", orientation: number, date = "", offset = ""): Buffer {
  const number = (value: number, bytes: 2 | 4) => {
    const buffer = Buffer.alloc(bytes);
    order === "II" ? buffer.writeUIntLE(value, 0, bytes) : buffer.writeUIntBE(value, 0, bytes);
    return buffer;
  };
  const entry = (tag: number, type: number, count: number, value: Buffer) =>
    Buffer.concat([number(tag, 2), number(type, 2), number(count, 4), value, Buffer.alloc(4 - value.length)]);
  const directory = (entries: Buffer[]) =>
    Buffer.concat([number(entries.length, 2), ...entries, Buffer.alloc(4)]);
  const detailsAt = 8 + 2 + 2 * 12 + 4;
  const textsAt = detailsAt + 2 + 2 * 12 + 4;
  return Buffer.concat([
    latin1(`Exif\0\0${order}`),
    number(42, 2),
    number(8, 4),
    directory([entry(0x0112, 3, 1, number(orientation, 2)), entry(0x8769, 4, 1, number(detailsAt, 4))]),
    directory([
      entry(0x9003, 2, date.length + 1, number(textsAt, 4)),
      entry(0x9011, 2, offset.length + 1, number(textsAt + date.length + 1, 4)),
    ]),
    latin1(`${date}\0${offset}\0`),
  ]);
}

function segment(marker: number, payload: Buffer): Buffer {
  const head = Buffer.from([0xff, marker, 0, 0]);
  head.writeUInt16BE(payload.length + 2, 2);
  return Buffer.concat([head, payload]);
}

/** Everything of a JPEG but tables: enough for a walk. The scan is long enough to need several windows. */
function jpeg(width: number, height: number, exif: Buffer, scanBytes = 1000): Buffer {
  const frame = Buffer.from([8, height >> 8, height & 255, width >> 8, width & 255, 1, 1, 0x11, 0]);
  const scan = Buffer.alloc(scanBytes, Buffer.from([1, 2, 0xff, 0, 3, 0xff, 0xd1]));
  return Buffer.concat([
    Buffer.from([0xff, 0xd8]),
    segment(0xe1, exif),
    segment(0xc0, frame),
    segment(0xda, Buffer.from([1, 1, 0, 0, 63, 0])),
    scan,
    Buffer.from([0xff, 0xd9]),
  ]);
}

function chunk(kind: string, data: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  return Buffer.concat([length, latin1(kind), data, Buffer.alloc(4)]);
}

function png(width: number, height: number, exif: Buffer): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  return Buffer.concat([
    latin1("\x89PNG\r\n\x1a\n"),
    chunk("IHDR", header),
    chunk("IDAT", Buffer.alloc(99)),
    chunk("eXIf", exif.subarray(6)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function webp(width: number, height: number, exif: Buffer): Buffer {
  const riff = (kind: string, data: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(data.length);
    return Buffer.concat([latin1(kind), length, data, Buffer.alloc(data.length % 2)]);
  };
  const canvas = Buffer.alloc(10);
  canvas.writeUIntLE(width - 1, 4, 3);
  canvas.writeUIntLE(height - 1, 7, 3);
  const lossy = Buffer.alloc(31);
  lossy.writeUInt16LE(width, 6);
  lossy.writeUInt16LE(height, 8);
  const chunks = [riff("VP8X", canvas), riff("VP8 ", lossy), riff("EXIF", exif)];
  return riff("RIFF", Buffer.concat([latin1("WEBP"), ...chunks]));
}

const FILES: [Format, (width: number, height: number, exif: Buffer) => Buffer][] = [
  ["JPEG", jpeg],
  ["PNG", png],
  ["WebP", webp],
];

async function codeOf(bytes: Buffer, format: Format): Promise<string> {
  try {
    await checkImage(new Blob([new Uint8Array(bytes)]), format);
    return "none";
  } catch (error) {
    assert.ok(error instanceof DerivationFailure, String(error));
    return error.code;
  }
}

test("size and EXIF are read, and the decoder does not get to see EXIF", async () => {
  for (const [format, make] of FILES) {
    for (const order of ["II", "MM"] as const) {
      const exif = exifBlock(order, 6, "2021:07:30 18:45:12", "+02:00");
      const bytes = make(300, 200, exif);
      assert.equal(formatOf(bytes), format);
      const { stored, facts, blob } = await checkImage(new Blob([new Uint8Array(bytes)]), format);
      assert.deepEqual(stored, { width: 300, height: 200 });
      assert.equal(facts.orientation, 6);
      assert.equal(facts.takenAt?.toISOString(), "2021-07-30T16:45:12.000Z");
      const seen = Buffer.from(await blob.arrayBuffer());
      for (const trace of ["Exif", "eXIf", "EXIF"]) {
        assert.ok(!seen.includes(trace) || (trace === "Exif" && format === "WebP"), `${format}: ${trace}`);
      }
      // What remains is a whole file still, in which nothing turns.
      const again = await checkImage(blob, format);
      assert.deepEqual([again.stored, again.facts], [stored, { orientation: 1 }], format);
    }
  }
});

test("a JPEG without EXIF is the same file without that segment, byte for byte", async () => {
  const exif = exifBlock("II", 3);
  const bytes = jpeg(30, 20, exif, 3 * 1024 * 1024 + 5);
  const { blob } = await checkImage(new Blob([new Uint8Array(bytes)]), "JPEG");
  const expected = Buffer.concat([bytes.subarray(0, 2), bytes.subarray(2 + 4 + exif.length)]);
  assert.ok(Buffer.from(await blob.arrayBuffer()).equals(expected));
});

test("the end marker is found across the windows that the file is read in", async () => {
  const head = jpeg(30, 20, Buffer.alloc(6), 0).length - 2;
  for (let offset = -4; offset <= 4; offset += 1) {
    const bytes = jpeg(30, 20, Buffer.alloc(6), 1024 * 1024 - head + offset);
    assert.equal(await codeOf(bytes, "JPEG"), "none", `${offset}`);
    assert.equal(await codeOf(bytes.subarray(0, -1), "JPEG"), "truncated", `${offset}`);
  }
});

test("a file cut anywhere is truncated", async () => {
  for (const [format, make] of FILES) {
    const bytes = make(30, 20, exifBlock("MM", 8));
    for (let end = 12; end < bytes.length; end += 1) {
      assert.equal(await codeOf(bytes.subarray(0, end), format), "truncated", `${format} of ${end} bytes`);
    }
    assert.equal(await codeOf(bytes, format), "none");
  }
});

test("sizes beyond the limits are refused by the header", async () => {
  const none = Buffer.alloc(6);
  assert.equal(await codeOf(png(50_000, 50_000, none), "PNG"), "too_many_pixels");
  assert.equal(await codeOf(png(70_000, 1, none), "PNG"), "side_too_long");
  assert.equal(await codeOf(png(0, 1, none), "PNG"), "damaged");
  assert.equal(await codeOf(jpeg(65_535, 65_535, none), "JPEG"), "too_many_pixels");
  assert.equal(await codeOf(jpeg(9, 0, none), "JPEG"), "damaged");
  assert.equal(await codeOf(webp(16_000, 16_000, none), "WebP"), "too_many_pixels");
  assert.equal(await codeOf(jpeg(10_000, 10_000, none), "JPEG"), "none");
});

test("garbled files fail as derivations do, and in no other way", async () => {
  for (const [format, make] of FILES) {
    const bytes = make(30, 20, exifBlock("II", 6, "2021:07:30 18:45:12"));
    for (let round = 0; round < 500; round += 1) {
      const garbled = Buffer.from(bytes);
      for (let flips = 0; flips < 4; flips += 1) {
        garbled[Math.floor(Math.random() * 200)] = Math.floor(Math.random() * 256);
      }
      await codeOf(garbled, format);
    }
  }
});

test("orientations other than 1 to 8 are upright, and so is a cut or garbled block", () => {
  for (let orientation = 1; orientation <= 8; orientation += 1) {
    assert.equal(exifFacts(exifBlock("MM", orientation)).orientation, orientation);
  }
  for (const orientation of [0, 9, 0x0600, 0xffff]) {
    assert.deepEqual(exifFacts(exifBlock("II", orientation)), { orientation: 1 });
  }
  const whole = exifBlock("II", 6);
  for (let end = 0; end < 26; end += 1) {
    assert.deepEqual(exifFacts(whole.subarray(0, end)), { orientation: 1 }, `cut at ${end}`);
  }
  for (const garbled of [
    "MM\0*\xff\xff\xff\xff",
    "II*\0\xff\xff\xff\x7f",
    "II*\0\x08\0\0\0\xff\xff",
    "nothing",
  ]) {
    assert.deepEqual(exifFacts(latin1(garbled)), { orientation: 1 });
  }
});

test("a date without an offset is the time here, and a wrong one is none", () => {
  const takenAt = (date: string, offset = "") => exifFacts(exifBlock("II", 1, date, offset)).takenAt;
  assert.deepEqual(takenAt("2021:07:30 18:45:12"), new Date(2021, 6, 30, 18, 45, 12));
  assert.deepEqual(takenAt("2021:07:30 18:45:12", "nonsense"), new Date(2021, 6, 30, 18, 45, 12));
  for (const date of [
    "",
    "0000:00:00 00:00:00",
    "2021:13:30 18:45:12",
    "    :  :     :  :  ",
    "2021-07-30",
  ]) {
    assert.equal(takenAt(date), undefined, date);
  }
});

test("formats are known by their first bytes", () => {
  assert.equal(formatOf(latin1("GIF89a")), "GIF");
  assert.equal(formatOf(latin1("\0\0\0\x18ftypheic")), "HEIF");
  for (const bytes of ["", "\xff\xd8", "RIFF\x10\0\0\0WAVE", "GIF88a", "%PDF-1.7", "\0\0\0\x18ftypisom"]) {
    assert.equal(formatOf(latin1(bytes)), undefined, bytes);
  }
});
