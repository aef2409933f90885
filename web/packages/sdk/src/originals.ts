// Is a file in a capsule already? Owns the index of what a capsule holds by the length of the originals, and the
// comparison of contents. Uploads nothing. The service keeps no index by content, so the headers of the capsule are
// read, newest first and bounded, and only a file whose length is there is hashed and compared.

import { KeepsakeError } from "./errors.js";
import type { MemoriesClient } from "./memories.js";
import type { CapsuleId, Memory, MemoryId } from "./types.js";

/** Memories compared with one file: more of the same length are not looked at. */
const COMPARED_MAX = 16;
/** The newest of a capsule that are looked at. */
const HEADERS_MAX = 2_000;

export class Originals {
  readonly #memories: MemoriesClient;
  readonly #capsules = new Map<CapsuleId, Index>();

  constructor(memories: MemoriesClient) {
    this.#memories = memories;
  }

  /** The memory whose original has these bytes. `hash` is asked for only where the length is there. */
  async find(
    capsuleId: CapsuleId,
    bytes: number,
    hash: () => Promise<Uint8Array>,
  ): Promise<Memory | undefined> {
    const index = this.#index(capsuleId);
    await index.refresh();
    const candidates = index.ofLength(bytes);
    if (candidates.length === 0) {
      return undefined;
    }
    const sha256 = await hash();
    for (const id of candidates) {
      const memory = await this.#read(id);
      if (memory && hasOriginal(memory, bytes, sha256)) {
        return memory;
      }
    }
    return undefined;
  }

  /** A memory that was made meanwhile. */
  add(capsuleId: CapsuleId, bytes: number, id: MemoryId): void {
    this.#index(capsuleId).add(bytes, id);
  }

  #index(capsuleId: CapsuleId): Index {
    let index = this.#capsules.get(capsuleId);
    if (!index) {
      index = new Index(this.#memories, capsuleId);
      this.#capsules.set(capsuleId, index);
    }
    return index;
  }

  /** A memory that is gone meanwhile is no match. */
  async #read(id: MemoryId): Promise<Memory | undefined> {
    try {
      return await this.#memories.read(id);
    } catch (error) {
      if (error instanceof KeepsakeError && error.kind === "NotFound") {
        return undefined;
      }
      throw error;
    }
  }
}

/** What one capsule holds. About 100 bytes per memory. */
class Index {
  readonly #memories: MemoriesClient;
  readonly #capsuleId: CapsuleId;
  readonly #byLength = new Map<number, MemoryId[]>();
  readonly #known = new Set<MemoryId>();
  #refreshing: Promise<void> | undefined;

  constructor(memories: MemoriesClient, capsuleId: CapsuleId) {
    this.#memories = memories;
    this.#capsuleId = capsuleId;
  }

  /** Reads what is new, shared by all who ask meanwhile. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#readNew().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  ofLength(bytes: number): MemoryId[] {
    return (this.#byLength.get(bytes) ?? []).slice(-COMPARED_MAX);
  }

  add(bytes: number, id: MemoryId): void {
    const ids = this.#byLength.get(bytes) ?? [];
    if (!ids.includes(id)) {
      ids.push(id);
      this.#byLength.set(bytes, ids);
    }
  }

  /** The first time many and in large pages, later until a memory that was read before. */
  async #readNew(): Promise<void> {
    const limit = this.#known.size === 0 ? 100 : 20;
    const met: MemoryId[] = [];
    for await (const header of this.#memories.all(this.#capsuleId, { limit })) {
      if (this.#known.has(header.id) || met.length >= HEADERS_MAX) {
        break;
      }
      met.push(header.id);
      const original = header.assets.find((asset) => asset.kind === "original");
      if (original) {
        this.add(original.bytes, header.id);
      }
    }
    // Known only now: a read that broke off starts over.
    for (const id of met) {
      this.#known.add(id);
    }
  }
}

function hasOriginal(memory: Memory, bytes: number, sha256: Uint8Array): boolean {
  return memory.assets.some(
    (asset) =>
      asset.kind === "original" &&
      asset.bytes === bytes &&
      asset.sha256 !== undefined &&
      same(asset.sha256, sha256),
  );
}

export function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
