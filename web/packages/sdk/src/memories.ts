// Memories: pages, one memory, changes, deletion. Thin: one method, one message.

import { checkChanges } from "./arguments.js";
import type { Connection } from "./connection.js";
import { KeepsakeError } from "./errors.js";
import * as records from "./records.js";
import type {
  BulkDeletion,
  CapsuleId,
  Memory,
  MemoryChanges,
  MemoryHeader,
  MemoryId,
  MemoryPage,
} from "./types.js";
import { nsOf, opt } from "./wire.js";

/** A delete of everything works in slices; so many at most before it is called stuck. */
const DELETE_ALL_ROUNDS_MAX = 10_000;

export class MemoriesClient {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** One page, newest first. `limit`: up to `config.page_items_max`, 50 unless said otherwise. */
  async page(capsuleId: CapsuleId, options: { cursor?: string; limit?: number } = {}): Promise<MemoryPage> {
    const { cursor, limit } = options;
    const page = await this.#connection.call("memories_list", [capsuleId, opt(cursor), opt(limit)]);
    return { items: page.items.map(records.memoryHeader), nextCursor: page.next_cursor[0] };
  }

  /** All of a capsule, newest first, page by page as they are wanted. */
  async *all(capsuleId: CapsuleId, options: { limit?: number } = {}): AsyncGenerator<MemoryHeader, void> {
    let cursor: string | undefined;
    do {
      const page = await this.page(capsuleId, { cursor, limit: options.limit });
      yield* page.items;
      cursor = page.nextCursor;
    } while (cursor !== undefined);
  }

  /**
   * The memories of a capsule whose originals have these SHA-256, in the order asked for; undefined where there is none. Throws
   * `contents_pending` where a store of an older version is still being looked through.
   */
  async find(capsuleId: CapsuleId, sha256: Uint8Array[]): Promise<(MemoryId | undefined)[]> {
    const found = await this.#connection.call("memories_find", [capsuleId, sha256]);
    return found.map(([id]) => id);
  }

  async read(id: MemoryId): Promise<Memory> {
    return records.memory(await this.#connection.call("memories_read", [id]));
  }

  /** Changes what is named; the rest stays. A date before 1970 or after 2554 is refused: the service cannot say it yet. */
  async update(id: MemoryId, changes: MemoryChanges): Promise<Memory> {
    checkChanges(changes);
    const data = {
      name: opt<string>(undefined),
      metadata: [] as [],
      title: opt(changes.title),
      description: opt(changes.description),
      tags: opt(changes.tags),
      people_in_memory: opt(changes.people),
      location: opt(changes.location),
      memory_notes: opt(changes.notes),
      parent_folder_id: opt(changes.parentFolderId),
      date_of_memory: opt(changes.dateOfMemory && dateOnWire(changes.dateOfMemory)),
    };
    return records.memory(await this.#connection.call("memories_update", [id, data]));
  }

  /** Deletes the memory and, unless told otherwise, the bytes that only it refers to. */
  async delete(id: MemoryId, options: { deleteAssets?: boolean } = {}): Promise<void> {
    await this.#connection.call("memories_delete", [id, options.deleteAssets ?? true], { goneIsDone: true });
  }

  /** Deletes up to 1,000 memories of a capsule, in as many messages as the node has room for: on a full disk it deletes
   * some and leaves the last of the list to the next message. */
  async deleteMany(
    capsuleId: CapsuleId,
    ids: MemoryId[],
    options: { deleteAssets?: boolean } = {},
  ): Promise<BulkDeletion> {
    let [deleted, failed, rest] = [0, 0, ids];
    for (;;) {
      const args: [string, string[], boolean] = [capsuleId, rest, options.deleteAssets ?? true];
      const result = await this.#connection.call("memories_delete_bulk", args, { once: true });
      const left = Number(result.left_count[0] ?? 0n);
      deleted += result.deleted_count;
      if (left === 0 || left >= rest.length) {
        failed += result.failed_count;
        return { deleted, failed, message: `${deleted} deleted, ${failed} failed` };
      }
      failed += result.failed_count - left;
      rest = rest.slice(-left);
    }
  }

  /** Deletes every memory of a capsule; says how many. */
  async deleteAll(capsuleId: CapsuleId, options: { deleteAssets?: boolean } = {}): Promise<number> {
    let deleted = 0;
    for (let round = 0; round < DELETE_ALL_ROUNDS_MAX; round += 1) {
      const args: [string, boolean] = [capsuleId, options.deleteAssets ?? true];
      const result = await this.#connection.call("memories_delete_all", args);
      deleted += result.deleted_count;
      if (result.deleted_count === 0) {
        break;
      }
    }
    return deleted;
  }

  /** Removes one asset of a memory; the last one stays. */
  async removeAsset(id: MemoryId, assetId: string): Promise<boolean> {
    const result = await this.#connection.call("asset_remove_by_id", [id, assetId], { once: true });
    return result.asset_removed;
  }
}

/** A date that is asked for is never left out in silence. */
function dateOnWire(date: Date): bigint {
  const ns = nsOf(date);
  if (ns === undefined) {
    const shown = Number.isNaN(date.getTime()) ? "what was passed" : date.toISOString();
    const message = `memories_update: ${shown} is no date that the service can keep: it keeps those from 1970 to 2554`;
    throw new KeepsakeError("InvalidArgument", message, { code: "date_out_of_range", detail: shown });
  }
  return ns;
}
