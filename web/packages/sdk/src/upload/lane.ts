// Bringing one asset into one session: begin, ask what is there, send the rest.
// Owns the session's life up to the publish. Starts over once where the session turns out to hold other bytes, or to
// be gone; the hash always covers the whole asset and is made elsewhere.

import { bytesToHex } from "@noble/hashes/utils.js";
import type { BlobHosting } from "../../generated/keepsake.did.js";
import { type RemoteSender, Unreadable } from "../background/client.js";
import type { Connection, Sending, Service } from "../connection.js";
import { KeepsakeError } from "../errors.js";
import type { Fault } from "../faults.js";
import * as records from "../records.js";
import type { AssetKind, CapsuleId, RetryPolicy, SessionId } from "../types.js";
import type { Gate } from "../wait.js";
import { opt } from "../wire.js";
import type { LineWindow } from "./line-window.js";
import { Cut, Missing } from "./plan.js";
import { explained } from "./refused.js";
import type { Road, SessionRoad } from "./road.js";
import type { Scheduler } from "./scheduler.js";

/** What the lanes of one upload share. */
export interface LaneContext {
  connection: Connection;
  /** Its requests end with `signal`. */
  service: Service;
  /** Sends envelopes apart from the page, where that can be. */
  sender: () => Promise<RemoteSender | undefined>;
  /** The way without envelopes, where there is one. */
  road: Road;
  signal: AbortSignal;
  policy: RetryPolicy;
  gate: Gate;
  /** Bounds the chunks in flight of all uploads together. */
  window: LineWindow;
  /** Bytes of a chunk, and the way to smaller ones. */
  chunks: Pick<Scheduler, "chunkBytes" | "shrinkChunks">;
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
  /** The key of its session, if it is cut into chunks of so many bytes. */
  idem(chunkBytes: number): string;
  mimeType: string;
  bytes: number;
  piece(start: number, end: number): Promise<Blob | Uint8Array>;
  /** A piece arrived: nobody looks at it any more. */
  onArrived?(piece: Blob | Uint8Array): void;
  /** What it means that a piece cannot be read. */
  unreadable(cause: unknown): KeepsakeError;
  /** Bytes that the service has, as often as that changes; `fresh` of them were sent just now. */
  onBytes(sent: number, fresh: number): void;
}

/** The same, cut. */
interface CutJob extends Omit<LaneJob, "idem"> {
  idem: string;
  cut: Cut;
}

/** A session that holds all of its asset. */
export interface SessionDone {
  sessionId: SessionId;
  /** Chunks that were there before. */
  chunksPresent: number;
}

/** Sends what is missing, in chunks that get through. */
export async function runLane(context: LaneContext, job: LaneJob): Promise<SessionDone> {
  for (;;) {
    const { chunkBytes } = context.chunks;
    const cut = { ...job, idem: job.idem(chunkBytes), cut: new Cut(job.bytes, chunkBytes) };
    const met: { sessionId?: SessionId } = {};
    try {
      return await runCut(context, cut, met);
    } catch (error) {
      const refused = isTooLarge(error) && context.chunks.shrinkChunks(chunkBytes, job.bytes);
      if (!refused) {
        throw error;
      }
      await giveUp(context, met.sessionId);
    }
  }
}

async function runCut(
  context: LaneContext,
  job: CutJob,
  met: { sessionId?: SessionId },
): Promise<SessionDone> {
  try {
    return await tryOnce(context, job, met);
  } catch (error) {
    if (!isStale(error)) {
      throw error;
    }
    await giveUp(context, met.sessionId);
    if (error.code === "not_found") {
      return await tryOnce(context, job, met);
    }
    // Another file that looks the same may be on its way elsewhere, by the same key.
    const drawn = bytesToHex(crypto.getRandomValues(new Uint8Array(8)));
    return await tryOnce(context, { ...job, idem: `${job.idem}-${drawn}` }, met);
  }
}

/** Frees what a session has. */
export async function giveUp(context: LaneContext, id: SessionId | undefined): Promise<void> {
  if (id !== undefined) {
    await context.connection.call("uploads_abort", [id], sending(context, {})).catch(ignoreMissing);
  }
}

async function tryOnce(
  context: LaneContext,
  job: CutJob,
  met: { sessionId?: SessionId },
): Promise<SessionDone> {
  await context.gate.passed(context.signal);
  const sessionId = await begin(context, { ...job, sha256: undefined, hosting: undefined });
  met.sessionId = sessionId;
  const status = await told(context, (options) =>
    context.connection.call("uploads_status", [sessionId], options),
  );
  const missing = new Missing(records.uploadStatus(status), job.cut);
  const chunksPresent = job.cut.chunks - missing.count;
  await sendMissing(context, job, sessionId, missing);
  return { sessionId, chunksPresent };
}

/** What a session is begun with. `sha256` and `hosting` go together: its bytes go elsewhere then. */
interface BeginJob extends Pick<CutJob, "idem" | "cut" | "mimeType"> {
  sha256: Uint8Array | undefined;
  hosting: BlobHosting | undefined;
}

export async function begin(context: LaneContext, job: BeginJob): Promise<SessionId> {
  const options = {
    total_len: opt(BigInt(job.cut.totalBytes)),
    sha256: opt(job.sha256),
    mime_type: opt(job.mimeType),
    hosting: opt(job.hosting),
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

async function sendMissing(
  context: LaneContext,
  job: CutJob,
  sessionId: SessionId,
  missing: Missing,
): Promise<void> {
  let sent = missing.bytesPresent;
  job.onBytes(sent, 0);
  const indices = missing.indices();
  const session = { id: sessionId, road: context.road.of(sessionId) };
  let failed = false;
  const worker = async () => {
    for (const index of indices) {
      if (failed) {
        return;
      }
      try {
        if (!(await sendOne(context, job, session, index, () => !failed))) {
          return;
        }
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

/**
 * A place in the window first, then the bytes for it: no more are held than may fly. Read anew for each attempt. False where
 * the upload failed while it waited for its place.
 */
async function sendOne(
  context: LaneContext,
  job: CutJob,
  session: { id: SessionId; road: SessionRoad | undefined },
  index: number,
  isWanted: () => boolean,
): Promise<boolean> {
  await context.gate.passed(context.signal);
  const leave = await context.window.enter(context.signal);
  try {
    if (!isWanted()) {
      return false;
    }
    const [start, end] = [job.cut.start(index), job.cut.end(index)];
    let piece: Blob | Uint8Array = new Uint8Array();
    const make = async () => {
      piece = await job.piece(start, end);
      return { args: [session.id, index, piece], length: end - start };
    };
    const { connection, sender, window } = context;
    // Each attempt has a time of its own.
    let fromMs = performance.now();
    const onFault = (fault: Fault) => {
      if (fault.isSlow) {
        window.late(fromMs, performance.now());
      }
    };
    const timed = () => {
      fromMs = performance.now();
      return make();
    };
    await told(
      context,
      (sending) => {
        const put = async () => ((await session.road?.put(index, piece, sending)) ? { Ok: null } : undefined);
        return connection.callLarge(sender, "uploads_put_chunk", timed, sending, put);
      },
      onFault,
    );
    job.onArrived?.(piece);
    window.arrived(fromMs, performance.now());
    return true;
  } catch (error) {
    throw error instanceof Unreadable ? job.unreadable(error) : error;
  } finally {
    leave();
  }
}

/** Runs one message, and tells of its failed attempts while it lasts. */
export async function told<R>(
  context: LaneContext,
  send: (sending: Sending) => Promise<R>,
  onFault?: (fault: Fault) => void,
): Promise<R> {
  const message = {};
  try {
    return await send(
      sending(context, {
        onRetry: (failures, fault) => {
          onFault?.(fault);
          context.onRetry(message, failures, fault.transience === "unreachable");
        },
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

const STALE_METHODS = /^(uploads_put_chunk|uploads_status|mint_upload_ticket):/;

/** The session holds other bytes than this file, or is gone: a new one helps. */
function isStale(error: unknown): error is KeepsakeError {
  if (!(error instanceof KeepsakeError) || !STALE_METHODS.test(error.message)) {
    return false;
  }
  const codes = ["not_found", "chunk_differs", "chunk_length_differs", "session_finished"];
  return error.code !== undefined && codes.includes(error.code);
}

/** A proxy lets no message of this size through. */
export function isTooLarge(error: unknown): boolean {
  return error instanceof KeepsakeError && error.code === "body_too_large";
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof KeepsakeError) || error.kind !== "NotFound") {
    throw error;
  }
}
