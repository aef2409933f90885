// Bringing one asset into one session: begin, ask what is there, send the rest.
// Owns the session's life up to the publish. Starts over once where the session turns out to hold other bytes, or to
// be gone; the hash always covers the whole asset and is made elsewhere.

import { type RemoteSender, Unreadable } from "../background/client.js";
import type { Connection, Sending, Service } from "../connection.js";
import { KeepsakeError } from "../errors.js";
import type { Fault } from "../faults.js";
import * as records from "../records.js";
import type { AssetKind, CapsuleId, RetryPolicy, SessionId } from "../types.js";
import type { Gate, Window } from "../wait.js";
import { opt } from "../wire.js";
import { type Cut, Missing } from "./plan.js";

/** What the lanes of one upload share. */
export interface LaneContext {
  connection: Connection;
  /** Its requests end with `signal`. */
  service: Service;
  /** Sends chunks apart from the page, where that can be. */
  sender: RemoteSender | undefined;
  signal: AbortSignal;
  policy: RetryPolicy;
  gate: Gate;
  /** Bounds the chunks in flight of all uploads together. */
  window: Window;
  concurrency: number;
  capsuleId: CapsuleId;
  /** A session may be opened from now on, even if its id is never learned. */
  onOpening(idem: string): void;
  onSession(idem: string, id: SessionId): void;
  onRetry(message: object, failures: number, offline: boolean): void;
  onSettled(message: object): void;
}

/** One asset to send. */
export interface LaneJob {
  kind: AssetKind;
  idem: string;
  mimeType: string;
  cut: Cut;
  piece(start: number, end: number): Promise<Blob | Uint8Array>;
  /** What it means that a piece cannot be read. */
  unreadable(cause: unknown): KeepsakeError;
  /** Bytes that the service has, as often as that changes; `fresh` of them were sent just now. */
  onBytes(sent: number, fresh: number): void;
}

/** A session that holds all of its asset. */
export interface SessionDone {
  sessionId: SessionId;
  /** Chunks that were there before. */
  chunksPresent: number;
}

/** Sends what is missing. */
export async function runLane(context: LaneContext, job: LaneJob): Promise<SessionDone> {
  const first: { sessionId?: SessionId } = {};
  try {
    return await tryOnce(context, job, first);
  } catch (error) {
    if (!isStale(error)) {
      throw error;
    }
    if (first.sessionId !== undefined) {
      await context.connection
        .call("uploads_abort", [first.sessionId], sending(context, {}))
        .catch(ignoreMissing);
    }
    return await tryOnce(context, job, {});
  }
}

async function tryOnce(
  context: LaneContext,
  job: LaneJob,
  met: { sessionId?: SessionId },
): Promise<SessionDone> {
  await context.gate.passed(context.signal);
  const sessionId = await begin(context, job);
  met.sessionId = sessionId;
  const status = await told(context, (options) =>
    context.connection.call("uploads_status", [sessionId], options),
  );
  const missing = new Missing(records.uploadStatus(status), job.cut);
  const chunksPresent = job.cut.chunks - missing.count;
  await sendMissing(context, job, sessionId, missing);
  return { sessionId, chunksPresent };
}

async function begin(context: LaneContext, job: LaneJob): Promise<SessionId> {
  const options = {
    total_len: opt(BigInt(job.cut.totalBytes)),
    sha256: opt<Uint8Array>(undefined),
    mime_type: opt(job.mimeType),
  };
  const args: Parameters<Service["uploads_begin"]> = [context.capsuleId, job.cut.chunks, job.idem, [options]];
  context.onOpening(job.idem);
  try {
    const id = await told(context, (sending) => context.connection.call("uploads_begin", args, sending));
    context.onSession(job.idem, id);
    return id;
  } catch (error) {
    throw explained(error, context.capsuleId);
  }
}

/** A capsule that cannot be uploaded to: says so in its own words. */
function explained(error: unknown, capsuleId: CapsuleId): unknown {
  if (!(error instanceof KeepsakeError)) {
    return error;
  }
  const { kind, code } = error;
  if (kind === "NotFound" && code === "not_found") {
    const message = `${capsuleId}: there is no such capsule, or you have no role in it any more: ask its owner`;
    return new KeepsakeError(kind, message, { code, detail: capsuleId, cause: error });
  }
  if (kind === "Unauthorized") {
    const message = `${capsuleId}: your role does not allow uploads: ask its owner for the role of a member`;
    return new KeepsakeError(kind, message, { code, detail: capsuleId, cause: error });
  }
  if (kind === "ResourceExhausted") {
    const message =
      `${capsuleId}: a quota is used up (space of the capsule, or your open uploads): ` +
      "delete something or end other uploads, then upload again";
    return new KeepsakeError(kind, message, { code, detail: capsuleId, cause: error });
  }
  return error;
}

async function sendMissing(
  context: LaneContext,
  job: LaneJob,
  sessionId: SessionId,
  missing: Missing,
): Promise<void> {
  let sent = missing.bytesPresent;
  job.onBytes(sent, 0);
  const indices = missing.indices();
  let failed = false;
  const worker = async () => {
    for (const index of indices) {
      if (failed) {
        return;
      }
      try {
        await sendOne(context, job, sessionId, index);
      } catch (error) {
        failed = true;
        throw error;
      }
      const bytes = job.cut.end(index) - job.cut.start(index);
      sent += bytes;
      job.onBytes(sent, bytes);
    }
  };
  const width = Math.min(context.concurrency, missing.count);
  const settled = await Promise.allSettled(Array.from({ length: width }, worker));
  const failure = settled.find((result) => result.status === "rejected");
  if (failure) {
    throw failure.reason;
  }
}

/** A place in the window first, then the bytes for it: no more are held than may fly. Read anew for each attempt. */
async function sendOne(
  context: LaneContext,
  job: LaneJob,
  sessionId: SessionId,
  index: number,
): Promise<void> {
  await context.gate.passed(context.signal);
  const leave = await context.window.enter(context.signal);
  try {
    const [start, end] = [job.cut.start(index), job.cut.end(index)];
    const make = async () => ({ args: [sessionId, index, await job.piece(start, end)], length: end - start });
    const { connection, sender } = context;
    await told(context, (sending) => connection.callLarge(sender, "uploads_put_chunk", make, sending));
  } catch (error) {
    throw error instanceof Unreadable ? job.unreadable(error) : error;
  } finally {
    leave();
  }
}

/** Runs one message, and tells of its failed attempts while it lasts. */
async function told<R>(context: LaneContext, send: (sending: Sending) => Promise<R>): Promise<R> {
  const message = {};
  try {
    return await send(
      sending(context, {
        onRetry: (failures, fault) => context.onRetry(message, failures, fault.transience === "unreachable"),
      }),
    );
  } finally {
    context.onSettled(message);
  }
}

function sending(
  context: LaneContext,
  more: { onRetry?: (failures: number, fault: Fault) => void },
): Sending {
  return { service: context.service, signal: context.signal, policy: context.policy, ...more };
}

/** The session holds other bytes than this file, or is gone: a new one helps. */
function isStale(error: unknown): boolean {
  if (!(error instanceof KeepsakeError) || !/^uploads_(put_chunk|status):/.test(error.message)) {
    return false;
  }
  const codes = ["not_found", "chunk_differs", "chunk_length_differs", "session_finished"];
  return error.code !== undefined && codes.includes(error.code);
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof KeepsakeError) || error.kind !== "NotFound") {
    throw error;
  }
}
