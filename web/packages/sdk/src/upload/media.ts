// What kind of thing a file is: MIME type and memory type. Owns the mapping; decodes nothing.
// The same rules as the Rust client's media.rs.

import type { MemoryType } from "../types.js";

/** Bytes of a file that tell its format. */
export const SNIFF_BYTES = 64;

const UNKNOWN = "application/octet-stream";
/** Images that are known by their first bytes: without those bytes a file is none, whatever it is called. */
const KNOWN_IMAGES = ["image/jpeg", "image/png", "image/webp", "image/gif"];
const TEXT_IMAGES = ["image/svg+xml", "image/x-xpixmap", "image/x-xbitmap"];

/** For files whose type the system does not tell. */
const BY_EXTENSION: Record<string, string> = {
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  png: "image/png",
  webp: "image/webp",
  gif: "image/gif",
  heic: "image/heic",
  heif: "image/heif",
  avif: "image/avif",
  tif: "image/tiff",
  tiff: "image/tiff",
  bmp: "image/bmp",
  svg: "image/svg+xml",
  mp4: "video/mp4",
  mov: "video/quicktime",
  webm: "video/webm",
  mkv: "video/x-matroska",
  avi: "video/x-msvideo",
  mp3: "audio/mpeg",
  m4a: "audio/mp4",
  ogg: "audio/ogg",
  wav: "audio/wav",
  flac: "audio/flac",
  txt: "text/plain",
  md: "text/markdown",
  html: "text/html",
  csv: "text/csv",
  json: "application/json",
  pdf: "application/pdf",
  zip: "application/zip",
};

export interface Media {
  mimeType: string;
  /** The image type that the name promises, where the bytes are none. */
  misnamed?: string;
}

/** First bytes win over name and type for pictures: cameras and phones misname them. */
export function mediaOf(prefix: Uint8Array, name: string, type: string): Media {
  const sniffed = sniff(prefix);
  if (sniffed) {
    return { mimeType: sniffed };
  }
  const extension = /\.([a-z0-9]+)$/i.exec(name)?.[1]?.toLowerCase() ?? "";
  const named = (type.split(";")[0]?.trim().toLowerCase() || BY_EXTENSION[extension]) ?? UNKNOWN;
  return isBrokenPromise(named, prefix)
    ? { mimeType: byBytes(prefix), misnamed: named }
    : { mimeType: named };
}

/** The kind of memory that a file of this MIME type becomes. */
export function memoryTypeOfMime(mimeType: string): MemoryType {
  const family = mimeType.split("/")[0];
  if (family === "image" || family === "audio" || family === "video") {
    return family;
  }
  return mimeType === "text/plain" || mimeType === "text/markdown" ? "note" : "document";
}

/** A kind of picture that every browser can decode. */
function sniff(prefix: Uint8Array): string | undefined {
  if (startsWith(prefix, [0xff, 0xd8, 0xff])) {
    return "image/jpeg";
  }
  if (startsWith(prefix, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])) {
    return "image/png";
  }
  const text = latin1(prefix);
  if (text.startsWith("GIF87a") || text.startsWith("GIF89a")) {
    return "image/gif";
  }
  return text.startsWith("RIFF") && text.startsWith("WEBP", 8) ? "image/webp" : undefined;
}

function isBrokenPromise(named: string, prefix: Uint8Array): boolean {
  if (KNOWN_IMAGES.includes(named)) {
    return true;
  }
  const textImage = TEXT_IMAGES.includes(named) || named.startsWith("image/x-portable");
  return named.startsWith("image/") && !textImage && isText(prefix);
}

function byBytes(prefix: Uint8Array): string {
  const text = latin1(prefix);
  if (text.startsWith("%PDF-")) {
    return "application/pdf";
  }
  if (text.startsWith("PK\x03\x04")) {
    return "application/zip";
  }
  // ISO base media: an `ftyp` box comes first.
  if (text.startsWith("ftyp", 4)) {
    const brand = text.slice(8, 11);
    if (brand === "avi") {
      return "image/avif";
    }
    return /^[hm][ei]/.test(brand) ? "image/heif" : "video/mp4";
  }
  return isText(prefix) ? "text/plain" : UNKNOWN;
}

/** UTF-8 without control characters; the prefix may end within a character. */
function isText(prefix: Uint8Array): boolean {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(prefix, { stream: true });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    return !/[\u0000-\u0008\u000b\u000e-\u001f\u007f-\u009f]/.test(text);
  } catch {
    return false;
  }
}

function startsWith(bytes: Uint8Array, start: number[]): boolean {
  return start.every((byte, index) => bytes[index] === byte);
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

/** Cuts a text to at most `bytesMax` bytes of UTF-8, between characters. */
export function clip(text: string, bytesMax: number): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= bytesMax) {
    return text;
  }
  let end = bytesMax;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) {
    end -= 1;
  }
  return new TextDecoder().decode(bytes.subarray(0, end));
}
