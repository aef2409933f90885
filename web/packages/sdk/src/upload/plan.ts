// How a file is cut into chunks, which of them are to be sent, and what needs no session. Pure arithmetic.

import type { S3Lane } from "../../generated/keepsake.did.js";
import type { AssetKind, UploadStatus } from "../types.js";

/** A file of `totalBytes`, cut into chunks of `chunkBytes`; the last may be shorter. Both are at least 1. */
export class Cut {
  readonly totalBytes: number;
  readonly chunkBytes: number;
  readonly chunks: number;

  constructor(totalBytes: number, chunkBytes: number) {
    this.totalBytes = totalBytes;
    this.chunkBytes = chunkBytes;
    this.chunks = Math.ceil(totalBytes / chunkBytes);
  }

  start(index: number): number {
    return index * this.chunkBytes;
  }

  end(index: number): number {
    return Math.min((index + 1) * this.chunkBytes, this.totalBytes);
  }
}

/** No proxy is thought to have a lower limit than twice this. */
const CHUNK_BYTES_MIN = 100_000;

/** Half the chunk, for a proxy that refused `chunkBytes`; undefined where it would be too small, or there too many. */
export function smallerChunk(chunkBytes: number, totalBytes: number, chunksMax: number): number | undefined {
  const half = Math.floor(chunkBytes / 2);
  return half >= CHUNK_BYTES_MIN && Math.ceil(totalBytes / half) <= chunksMax ? half : undefined;
}

const MIB = 1 << 20;

/** Bytes of each part but the last of a file that goes to the bucket: all of it where one part takes it. */
export function partBytes(
  totalBytes: number,
  {
    put_bytes_max,
    part_bytes_min,
    parts_max,
  }: Pick<S3Lane, "put_bytes_max" | "part_bytes_min" | "parts_max">,
): number {
  if (totalBytes <= Number(put_bytes_max)) {
    return totalBytes;
  }
  const least = Math.max(Number(part_bytes_min), Math.ceil(totalBytes / parts_max));
  return Math.ceil(least / MIB) * MIB;
}

/** Which assets come along in the publish itself: the smallest first, as many as have `bytesMax` together. */
export function carriedKinds(
  assets: readonly { kind: AssetKind; bytes: number }[],
  bytesMax: number,
): ReadonlySet<AssetKind> {
  const carried = new Set<AssetKind>();
  let together = 0;
  for (const { kind, bytes } of [...assets].sort((a, b) => a.bytes - b.bytes)) {
    together += bytes;
    if (together > bytesMax) {
      break;
    }
    carried.add(kind);
  }
  return carried;
}

/** Which chunks are missing. */
export class Missing {
  readonly ranges: readonly (readonly [start: number, end: number])[];
  readonly #cut: Cut;

  /**
   * From what the service says. Where it did not show all ranges, everything behind the last one shown counts as
   * missing: sending a chunk again is harmless.
   */
  constructor(status: Pick<UploadStatus, "missing" | "missingTruncated">, cut: Cut) {
    const ranges = [...status.missing];
    if (status.missingTruncated) {
      ranges.push([ranges.at(-1)?.[1] ?? 0, cut.chunks]);
    }
    this.ranges = ranges.filter(([start, end]) => start < end);
    this.#cut = cut;
  }

  /** Their numbers, in order. */
  *indices(): Generator<number, void> {
    for (const [start, end] of this.ranges) {
      for (let index = start; index < end; index += 1) {
        yield index;
      }
    }
  }

  get count(): number {
    return this.ranges.reduce((sum, [start, end]) => sum + end - start, 0);
  }

  /** Bytes that are there. */
  get bytesPresent(): number {
    const cut = this.#cut;
    return this.ranges.reduce(
      (left, [start, end]) => left - (cut.end(end - 1) - cut.start(start)),
      cut.totalBytes,
    );
  }
}
