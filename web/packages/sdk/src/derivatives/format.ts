// Owns recognising a format by the file's first bytes. Does not look further into the file.

/** The formats whose files are checked before a browser decodes them; HEIF stands for AVIF, too. */
export type Format = "JPEG" | "PNG" | "WebP" | "GIF" | "HEIF";

/** Enough of a file to tell its format. */
export const PREFIX_BYTES = 12;

const HEIF_BRANDS = ["avif", "avis", "heic", "heix", "mif1", "msf1"];

/** The format of a file that begins with these bytes. */
export function formatOf(prefix: Uint8Array): Format | undefined {
  const text = String.fromCharCode(...prefix.subarray(0, PREFIX_BYTES));
  if (text.startsWith("\xff\xd8\xff")) {
    return "JPEG";
  }
  if (text.startsWith("\x89PNG\r\n\x1a\n")) {
    return "PNG";
  }
  if (text.startsWith("RIFF") && text.slice(8) === "WEBP") {
    return "WebP";
  }
  if (text.startsWith("GIF87a") || text.startsWith("GIF89a")) {
    return "GIF";
  }
  return text.slice(4, 8) === "ftyp" && HEIF_BRANDS.includes(text.slice(8)) ? "HEIF" : undefined;
}
