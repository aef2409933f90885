// What the uploads of one client share: places for chunks, one decoder, a mutex by key, what is there already.
// Owns no upload.

import type { Connection } from "../connection.js";
import { KeyedMutex } from "../keyed-mutex.js";
import type { Originals } from "../originals.js";
import type { CapsuleId, MemoryId, UploadConfig } from "../types.js";
import { Window } from "../wait.js";
import type { ResumeStore } from "./types.js";

/** More in flight only queues in front of the network, and costs memory. */
export const CHUNKS_IN_FLIGHT_MAX = 32;
/** Of all uploads together; each chunk takes about 6 MB of memory. */
const CHUNKS_IN_FLIGHT_TOGETHER = 16;

export class Scheduler {
  readonly window = new Window(CHUNKS_IN_FLIGHT_TOGETHER);
  /** One image is decoded at a time. */
  readonly decoding = new Window(1);
  readonly mutex = new KeyedMutex();
  readonly connection: Connection;
  readonly config: UploadConfig;
  readonly originals: Originals;
  readonly names: ResumeStore | undefined;
  /** What this page made, by capsule and SHA-256: two equal files dropped together make one memory. */
  readonly #made = new Map<string, MemoryId>();

  constructor(
    connection: Connection,
    config: UploadConfig,
    originals: Originals,
    names: ResumeStore | undefined,
  ) {
    this.connection = connection;
    this.config = config;
    this.originals = originals;
    this.names = names;
  }

  made(content: string): MemoryId | undefined {
    return this.#made.get(content);
  }

  remember(content: string, capsuleId: CapsuleId, bytes: number, id: MemoryId): void {
    this.#made.set(content, id);
    this.originals.add(capsuleId, bytes, id);
  }
}
