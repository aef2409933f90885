// Is a file in a capsule already? Owns the question to the service's index by content, and what an upload answers then.

import type { Connection, Sending } from "../connection.js";
import { KeepsakeError } from "../errors.js";
import * as records from "../records.js";
import type { CapsuleId, Memory, MemoryId } from "../types.js";
import { explained } from "./refused.js";
import type { UploadResult } from "./types.js";

export const ALREADY_THERE = "the capsule has these bytes already";

/** Sends one message of an upload. */
type Send = <R>(send: (sending: Sending) => Promise<R>) => Promise<R>;

/** The memory of a capsule whose original has this SHA-256. */
export async function present(
  connection: Connection,
  send: Send,
  capsuleId: CapsuleId,
  sha256: Uint8Array,
): Promise<Memory | undefined> {
  try {
    const [found] = await send((sending) => connection.call("memories_find", [capsuleId, [sha256]], sending));
    return found?.[0] === undefined ? undefined : await read(connection, send, found[0]);
  } catch (error) {
    // An older store is still being looked through; the publish looks once more.
    if (error instanceof KeepsakeError && error.code === "contents_pending") {
      return undefined;
    }
    throw explained(error, capsuleId);
  }
}

/** None where it is gone meanwhile. */
async function read(connection: Connection, send: Send, id: MemoryId): Promise<Memory | undefined> {
  try {
    return records.memory(await send((sending) => connection.call("memories_read", [id], sending)));
  } catch (error) {
    if (error instanceof KeepsakeError && error.kind === "NotFound") {
      return undefined;
    }
    throw error;
  }
}

/** What an upload answers where the memory was there. */
export function presentResult(memory: Memory): UploadResult {
  const none = new Uint8Array();
  return {
    memoryId: memory.id,
    capsuleId: memory.capsuleId,
    assets: memory.assets.map(({ id, kind, bytes, sha256 = none, blobId }) => {
      return { id, kind, bytes, sha256, blobId };
    }),
    sha256: memory.assets.find(({ kind }) => kind === "original")?.sha256 ?? none,
    alreadyThere: true,
  };
}
