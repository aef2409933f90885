// What the uploads of one client share: places for chunks, one decoder, a mutex by key, the road.
// Owns no upload.

import type { CapsulesClient } from "../capsules.js";
import type { Connection } from "../connection.js";
import { KeyedMutex } from "../keyed-mutex.js";
import type { UploadConfig } from "../types.js";
import { Window } from "../wait.js";
import { BucketRoad } from "./bucket-road.js";
import { LineWindow } from "./line-window.js";
import { smallerChunk } from "./plan.js";
import { Road } from "./road.js";
import type { ResumeStore } from "./types.js";

/** More in flight only queues in front of the network, and costs memory. */
export const CHUNKS_IN_FLIGHT_MAX = 32;
/** Of all uploads together; each chunk takes about 6 MB of memory. */
const CHUNKS_IN_FLIGHT_TOGETHER = 16;

export class Scheduler {
  readonly window = new LineWindow(CHUNKS_IN_FLIGHT_TOGETHER);
  /** One image is decoded at a time. */
  readonly decoding = new Window(1);
  readonly mutex = new KeyedMutex();
  readonly connection: Connection;
  readonly capsules: CapsulesClient;
  readonly config: UploadConfig;
  readonly names: ResumeStore | undefined;
  readonly road: Road;
  readonly bucket: BucketRoad;
  #chunkBytes: number;

  constructor(
    connection: Connection,
    capsules: CapsulesClient,
    config: UploadConfig,
    names: ResumeStore | undefined,
    ways: "auto" | "envelopes" = "auto",
  ) {
    this.connection = connection;
    this.capsules = capsules;
    this.config = config;
    this.names = names;
    this.road = new Road(connection, config, ways);
    this.bucket = new BucketRoad(config);
    this.#chunkBytes = config.chunk_size;
  }

  /** Bytes of a chunk: what the service takes, or what gets through to it. */
  get chunkBytes(): number {
    return this.#chunkBytes;
  }

  /** Bytes of the assets that may come along in a publish, together. A proxy that lets no chunk through lets no such through. */
  get carriedBytesMax(): number {
    return Math.min(this.config.carried_bytes_max[0] ?? 0, this.#chunkBytes);
  }

  /** Whether the host can be asked for a memory by the SHA-256 of its original: that came with carried assets. */
  get knowsContents(): boolean {
    return this.config.carried_bytes_max[0] !== undefined;
  }

  /** Messages of `refused` bytes do not get through. Whether there is a smaller size for an asset of `totalBytes`. */
  shrinkChunks(refused: number, totalBytes: number): boolean {
    const max = this.config.chunks_per_session_max_with_total_len;
    const smaller = smallerChunk(refused, totalBytes, max);
    this.#chunkBytes = Math.min(this.#chunkBytes, smaller ?? this.#chunkBytes);
    return smaller !== undefined;
  }
}
