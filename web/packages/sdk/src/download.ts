// Reading an asset back by the agent, or at its address where the host has not its bytes: several pieces at once, in order,
// checked against the SHA-256.
// Owns the window of pieces in flight and the check. `pieces` holds no more than that window.

import { bytesToHex } from "@noble/hashes/utils.js";
import { platform } from "#platform";
import { AssetReader } from "./asset-read.js";
import type { RemoteSender } from "./background/client.js";
import type { Connection, Sending } from "./connection.js";
import { KeepsakeError, throwIfAborted } from "./errors.js";
import { sha256Of } from "./hash/inline.js";
import type { DownloadOptions, Memory, MemoryAsset, MemoryId, UploadConfig } from "./types.js";

/** Pieces in flight at once. Each takes about 6 MB of memory. */
const PIECES_IN_FLIGHT = 6;
/** Bytes asked for at once, where the service gives as much. */
const PIECE_BYTES = 1_800_000;
/** The same at an address, each of which goes two ways. */
const ADDRESS_PIECE_BYTES = 8_000_000;

/** Which asset, of which memory, and where asset addresses point to. */
export interface AssetPlace {
  memoryId: MemoryId;
  asset: MemoryAsset;
  assetHost: string;
}

/** The asset of this kind or id. */
export function assetOf(memory: Memory, asset: string): MemoryAsset {
  const found =
    memory.assets.find(({ id }) => id === asset) ?? memory.assets.find(({ kind }) => kind === asset);
  if (!found) {
    const has = memory.assets.map(({ kind }) => kind).join(", ");
    const message = `${memory.id} has no asset ${JSON.stringify(asset)}: it has ${has}`;
    throw new KeepsakeError("NotFound", message, { code: "not_found", detail: asset });
  }
  return found;
}

/** The bytes of an asset, piece by piece; throws at the end where they are not those that were stored. */
export async function* pieces(
  connection: Connection,
  config: UploadConfig,
  place: AssetPlace,
  options: DownloadOptions = {},
): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
  const { asset } = place;
  if (asset.storage === "inline" && asset.inlineBytes) {
    check(asset, sha256Of(asset.inlineBytes));
    yield new Uint8Array(asset.inlineBytes);
    options.onProgress?.({ bytesReceived: asset.bytes, bytesTotal: asset.bytes });
    return;
  }
  if (asset.blobId === undefined) {
    const message = `the ${asset.kind} is stored elsewhere: fetch it from ${asset.url ?? "where it was put"}`;
    throw new KeepsakeError("NotImplemented", message, { detail: asset.url });
  }
  yield* blobPieces(connection, config, place, asset.blobId, options);
}

async function* blobPieces(
  connection: Connection,
  config: UploadConfig,
  { asset, memoryId, assetHost }: AssetPlace,
  blobId: string,
  { onProgress, signal }: DownloadOptions,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
  const stop = new AbortController();
  const onAbort = () => stop.abort(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  const sending = { service: connection.scoped(stop.signal), signal: stop.signal };
  const remote = await connection.remoteSender();
  const hasher = platform.hasher();
  const flying: Promise<Uint8Array>[] = [];
  let piece = Math.min(PIECE_BYTES, config.response_bytes_max);
  const reader = new AssetReader(connection, assetHost, memoryId, asset);
  let isElsewhere = false;
  const read = async (offset: number, length: number) => {
    try {
      const bytes = isElsewhere
        ? await reader.range(offset, length, sending)
        : await range(connection, remote, blobId, offset, length, sending);
      return whole(blobId, bytes, length);
    } catch (error) {
      if (!(error instanceof KeepsakeError && error.code === "bytes_elsewhere")) {
        throw error;
      }
      isElsewhere = true;
      piece = ADDRESS_PIECE_BYTES;
      return whole(blobId, await reader.range(offset, length, sending), length);
    }
  };
  try {
    for (let asked = 0, received = 0; received < asset.bytes; ) {
      throwIfAborted(signal, "the download");
      while (asked < asset.bytes && flying.length < PIECES_IN_FLIGHT) {
        const length = Math.min(piece, asset.bytes - asked);
        const next = read(asked, length);
        next.catch(() => {});
        flying.push(next);
        asked += length;
      }
      const bytes = new Uint8Array((await flying.shift()) ?? []);
      received += bytes.length;
      await hasher.update(bytes);
      yield bytes;
      onProgress?.({ bytesReceived: received, bytesTotal: asset.bytes });
    }
    check(asset, await hasher.digest());
  } finally {
    hasher.close();
    remote?.close();
    stop.abort();
    signal?.removeEventListener("abort", onAbort);
  }
}

async function range(
  connection: Connection,
  remote: RemoteSender | undefined,
  blobId: string,
  offset: number,
  length: number,
  sending: Sending,
): Promise<Uint8Array> {
  const make = async () => ({ args: [blobId, BigInt(offset), length], length });
  return await connection.callLarge(async () => remote, "blob_read_range", make, sending);
}

function whole(blobId: string, bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length !== length) {
    const message = `${blobId}: ${bytes.length} bytes came instead of ${length}: download it again`;
    throw new KeepsakeError("Integrity", message, { code: "bytes_differ" });
  }
  return bytes;
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

function check(asset: MemoryAsset, found: Uint8Array): void {
  if (asset.sha256 && !same(asset.sha256, found)) {
    const message =
      `the bytes received have SHA-256 ${bytesToHex(found)}, but ${bytesToHex(asset.sha256)} was stored: ` +
      "download it again";
    throw new KeepsakeError("Integrity", message, { code: "bytes_differ" });
  }
}
