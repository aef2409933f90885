// Is a file in a capsule already? Owns the question to the service's index by content, as often as the service needs it, and
// what an upload answers then.

import type { Connection, Sending } from "../connection.js";
import { KeepsakeError } from "../errors.js";
import * as records from "../records.js";
import type { CapsuleId, Memory, MemoryId, RetryPolicy } from "../types.js";
import { pause } from "../wait.js";
import { explained } from "./refused.js";
import type { UploadResult } from "./types.js";

export const ALREADY_THERE = "the capsule has these bytes already";

/** Between two questions while the service still goes through older memories, ms. */
const PENDING_PAUSE_MS = 1000;

/** Sends one message of an upload. */
type Send = <R>(send: (sending: Sending) => Promise<R>) => Promise<R>;

/**
 * The memory of a capsule whose original has this SHA-256. A host that still goes through its memories is waited for, as one
 * that is away.
 */
export async function present(
  connection: Pick<Connection, "call">,
  send: Send,
  capsuleId: CapsuleId,
  sha256: Uint8Array,
  patience: Pick<RetryPolicy, "unreachableMaxMs">,
): Promise<Memory | undefined> {
  const id = await find(connection, send, capsuleId, sha256, patience);
  return id === undefined ? undefined : await read(connection, send, id);
}

async function find(
  connection: Pick<Connection, "call">,
  send: Send,
  capsuleId: CapsuleId,
  sha256: Uint8Array,
  { unreachableMaxMs }: Pick<RetryPolicy, "unreachableMaxMs">,
): Promise<MemoryId | undefined> {
  const began = performance.now();
  for (;;) {
    let signal: AbortSignal | undefined;
    try {
      const [found] = await send((sending) => {
        signal = sending.signal;
        return connection.call("memories_find", [capsuleId, [sha256]], sending);
      });
      return found?.[0];
    } catch (error) {
      const isPending = error instanceof KeepsakeError && error.code === "contents_pending";
      if (!isPending || performance.now() - began >= unreachableMaxMs) {
        throw explained(error, capsuleId);
      }
    }
    await pause(PENDING_PAUSE_MS, signal, "the upload");
  }
}

/** None where it is gone meanwhile. */
async function read(
  connection: Pick<Connection, "call">,
  send: Send,
  id: MemoryId,
): Promise<Memory | undefined> {
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
