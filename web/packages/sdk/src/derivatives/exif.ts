// Owns two facts of an EXIF block: how the stored picture is turned, and when it was taken.
// Reads no other tag. See Exif 2.32, 4.6 and TIFF 6.0, section 2.
//
// A library would bring tables for hundreds of tags into the worker; and the place of the block has to be found
// anyway, because the browser's decoder must not see it (see `outline.ts`).

/** What a camera says about its picture. */
export interface ExifFacts {
  /** 1 to 8. */
  readonly orientation: number;
  readonly takenAt?: Date;
}

/** How much of a block is looked at: both tags stand near its start. */
export const EXIF_BYTES_MAX = 65_536;

const TAG_ORIENTATION = 0x0112;
const TAG_EXIF_DIRECTORY = 0x8769;
const TAG_DATE_TIME_ORIGINAL = 0x9003;
const TAG_OFFSET_TIME_ORIGINAL = 0x9011;
const ENTRY_BYTES = 12;
const TYPE_ASCII = 2;
/** Bytes of a value by its type, for the types that are read here. */
const TYPE_BYTES: Readonly<Record<number, number>> = { 1: 1, 2: 1, 3: 2, 4: 4 };

/** Reads a TIFF block, with or without the `Exif\0\0` before it. What is missing or broken counts as not there. */
export function exifFacts(block: Uint8Array): ExifFacts {
  const tiff = Tiff.open(block);
  const first = tiff?.directory(tiff.firstDirectoryAt) ?? new Map();
  const orientation = tiff?.number(first.get(TAG_ORIENTATION)) ?? 1;
  const details = tiff?.directory(tiff.number(first.get(TAG_EXIF_DIRECTORY)) ?? 0) ?? new Map();
  const date = tiff?.text(details.get(TAG_DATE_TIME_ORIGINAL));
  const takenAt = dateOf(date ?? "", tiff?.text(details.get(TAG_OFFSET_TIME_ORIGINAL)) ?? "");
  return { orientation: orientation >= 1 && orientation <= 8 ? orientation : 1, ...(takenAt && { takenAt }) };
}

/** Without an offset the camera's clock is taken to show the time of this machine's zone. */
function dateOf(text: string, offset: string): Date | undefined {
  const parts = /^(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)/.exec(text);
  if (!parts) {
    return undefined;
  }
  const [, year, month, day, hour, minute, second] = parts;
  const zone = /^[+-]\d\d:\d\d$/.test(offset) ? offset : "";
  const date = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}${zone}`);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

/** A directory's entry: the type of its values, how many there are, and where it stands. */
interface Entry {
  readonly type: number;
  readonly count: number;
  /** Where the value stands, or its offset when it has more than four bytes. */
  readonly valueAt: number;
}

class Tiff {
  readonly #view: DataView;
  readonly #isLittle: boolean;

  private constructor(view: DataView, isLittle: boolean) {
    this.#view = view;
    this.#isLittle = isLittle;
  }

  static open(block: Uint8Array): Tiff | undefined {
    const start = String.fromCharCode(...block.subarray(0, 6)) === "Exif\0\0" ? 6 : 0;
    const bytes = block.subarray(start, start + EXIF_BYTES_MAX);
    const order = String.fromCharCode(...bytes.subarray(0, 4));
    if (bytes.length < 8 || (order !== "II*\0" && order !== "MM\0*")) {
      return undefined;
    }
    return new Tiff(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), order === "II*\0");
  }

  get firstDirectoryAt(): number {
    return this.#view.getUint32(4, this.#isLittle);
  }

  /** The entries by their tags, as many as lie in the block. The first of a tag counts. */
  directory(at: number): Map<number, Entry> {
    const entries = new Map<number, Entry>();
    if (at < 8 || at + 2 > this.#view.byteLength) {
      return entries;
    }
    const count = this.#view.getUint16(at, this.#isLittle);
    for (let index = 0; index < count; index += 1) {
      const entryAt = at + 2 + index * ENTRY_BYTES;
      if (entryAt + ENTRY_BYTES > this.#view.byteLength) {
        break;
      }
      const tag = this.#view.getUint16(entryAt, this.#isLittle);
      const type = this.#view.getUint16(entryAt + 2, this.#isLittle);
      if (!entries.has(tag)) {
        const values = this.#view.getUint32(entryAt + 4, this.#isLittle);
        entries.set(tag, { type, count: values, valueAt: entryAt + 8 });
      }
    }
    return entries;
  }

  number(entry: Entry | undefined): number | undefined {
    if (!entry || entry.count === 0 || entry.count * (TYPE_BYTES[entry.type] ?? 8) > 4) {
      return undefined;
    }
    switch (entry.type) {
      case 1:
        return this.#view.getUint8(entry.valueAt);
      case 3:
        return this.#view.getUint16(entry.valueAt, this.#isLittle);
      case 4:
        return this.#view.getUint32(entry.valueAt, this.#isLittle);
      default:
        return undefined;
    }
  }

  text(entry: Entry | undefined): string | undefined {
    if (entry?.type !== TYPE_ASCII) {
      return undefined;
    }
    const at = entry.count <= 4 ? entry.valueAt : this.#view.getUint32(entry.valueAt, this.#isLittle);
    if (at + entry.count > this.#view.byteLength) {
      return undefined;
    }
    const bytes = new Uint8Array(this.#view.buffer, this.#view.byteOffset + at, Math.min(entry.count, 64));
    return String.fromCharCode(...bytes).split("\0", 1)[0];
  }
}
