// The pipeline of one upload: two lanes at once, then one publish.
//
//            ┌─ lane A  hash ∥ chunks, several in flight ────────────────┐
//   source ──┤                                                          ├─► uploads_publish ─► memory
//            └─ lane B  decode → display, thumbnail ─ chunks; placeholder┘
//
// Owns the order of things. Nothing has to be written on this side: the idempotency key of each session follows from
// the file, so the same upload finds its pending sessions again, asks what is missing, and sends only that.

import { bytesToHex } from "@noble/hashes/utils.js";
import { platform } from "#platform";
import type { RemoteSender } from "../background/client.js";
import type { Sending } from "../connection.js";
import { KeepsakeError } from "../errors.js";
import * as records from "../records.js";
import type { CapsuleId, Memory, RetryPolicy, SessionId } from "../types.js";
import type { Gate } from "../wait.js";
import { nsOf } from "../wire.js";
import type { UploadKey } from "./idem.js";
import { type LaneContext, runLane, type SessionDone } from "./lane.js";
import { type Derived, runLaneB } from "./lane-b.js";
import { type Media, memoryTypeOfMime } from "./media.js";
import type { ProgressBoard } from "./progress.js";
import { publish, publishRequest } from "./publish.js";
import { CHUNKS_IN_FLIGHT_MAX, type Scheduler } from "./scheduler.js";
import type { OpenSource } from "./source.js";
import type { UploadOptions, UploadResult } from "./types.js";

/** What the pipeline needs from the `Upload` that it belongs to. */
export interface Run {
  scheduler: Scheduler;
  source: OpenSource;
  options: UploadOptions;
  board: ProgressBoard;
  gate: Gate;
  /** Ends everything when the upload fails or is stopped. */
  stop: AbortController;
  /** Sessions that this upload may have opened: id once known. */
  sessions: Map<string, SessionId | undefined>;
}

/** What is decided before the pipeline begins. */
export interface UploadParameters {
  media: Media;
  capsuleId: CapsuleId;
  key: UploadKey;
  policy: RetryPolicy;
  /** Sends envelopes apart from the page, where that can be. */
  sender: () => Promise<RemoteSender | undefined>;
}

/** One upload whose parameters are decided. */
export class UploadPipeline {
  readonly #run: Run;
  readonly #media: Media;
  readonly #capsuleId: CapsuleId;
  readonly #key: UploadKey;
  readonly #context: LaneContext;
  #hashing: Promise<Uint8Array> | undefined;
  #lookedForSame = false;

  constructor(run: Run, { media, capsuleId, key, policy, sender }: UploadParameters) {
    this.#run = run;
    this.#media = media;
    this.#capsuleId = capsuleId;
    this.#key = key;
    const { scheduler, board, gate, stop, options } = run;
    this.#context = {
      connection: scheduler.connection,
      service: scheduler.connection.scoped(stop.signal),
      sender,
      road: scheduler.road,
      signal: stop.signal,
      policy,
      gate,
      window: scheduler.window,
      chunks: scheduler,
      concurrency: Math.min(Math.max(Math.trunc(options.concurrency ?? 8), 1), CHUNKS_IN_FLIGHT_MAX),
      capsuleId,
      onOpening: (idem) => run.sessions.set(idem, run.sessions.get(idem)),
      onSession: (idem, id) => this.#opened(idem, id),
      onRetry: (message, failures, offline) => board.retrying(message, failures, offline),
      onSettled: (message) => board.settled(message),
    };
  }

  async go(): Promise<UploadResult> {
    const there = await this.#same(true);
    if (there) {
      return this.#alreadyThere(there);
    }
    for (let restarts = 0; ; restarts += 1) {
      const { sha256, original, derived } = await this.#bothLanes();
      await this.#run.source.checkUnchanged();
      await this.#run.gate.passed(this.#run.stop.signal);
      try {
        return await this.#publish(sha256, original, derived);
      } catch (error) {
        if (!isOtherBytes(error)) {
          throw error;
        }
        await this.#giveUpSessions();
        // An earlier, interrupted upload may have sent other bytes under the same key: once more, from the start.
        if (original.chunksPresent === 0 || restarts > 0) {
          throw this.#run.source.changed(error);
        }
      }
    }
  }

  /** The memory that has these bytes, if the caller wants that one. */
  async #same(first: boolean): Promise<Memory | undefined> {
    const { scheduler, options, source, stop } = this.#run;
    if (options.ifPresent === "again" || this.#lookedForSame) {
      return undefined;
    }
    try {
      const found = await scheduler.originals.find(this.#capsuleId, source.size, () => this.#hash());
      this.#lookedForSame = true;
      return found;
    } catch (error) {
      const passing = error instanceof KeepsakeError && error.kind === "Network" && !stop.signal.aborted;
      // Nobody answers: the lanes wait for that, and it is looked for again before the publish.
      if (passing && first) {
        return undefined;
      }
      throw error;
    }
  }

  /** SHA-256 of the whole file; made once. */
  #hash(): Promise<Uint8Array> {
    const { source, stop } = this.#run;
    this.#hashing ??= platform.hashSource(source, stop.signal, () => {});
    return this.#hashing;
  }

  async #bothLanes(): Promise<{ sha256: Uint8Array; original: SessionDone; derived: Derived }> {
    const { board, source, stop, scheduler, options } = this.#run;
    board.enter("uploading");
    board.restartClock();
    board.lane("original", { state: "sending" });
    const laneA = runLane(this.#context, {
      kind: "original",
      idem: (chunkBytes) => this.#key.cutInto(chunkBytes).session("original"),
      mimeType: this.#media.mimeType,
      bytes: source.size,
      piece: (start, end) => source.piece(start, end),
      unreadable: (cause) => source.unreadable(cause),
      onBytes: (bytesSent, fresh) => {
        board.moved(fresh);
        board.lane("original", { bytesSent });
      },
    }).then((done) => {
      board.lane("original", { state: "done" });
      return done;
    });
    const laneB = runLaneB({
      scheduler,
      context: this.#context,
      board,
      source,
      media: this.#media,
      key: this.#key,
      derive: options.derive,
    });
    const all = [this.#hash(), laneA, laneB] as const;
    for (const one of all) {
      one.catch((error) => stop.abort(error));
    }
    const settled = await Promise.allSettled(all);
    const failed = settled.some((result) => result.status === "rejected");
    if (failed) {
      // The first failure ended the others; it is the reason.
      throw stop.signal.reason;
    }
    const [sha256, original, derived] = await Promise.all(all);
    return { sha256, original, derived };
  }

  async #publish(sha256: Uint8Array, original: SessionDone, derived: Derived): Promise<UploadResult> {
    const { scheduler, board, stop } = this.#run;
    board.enter("publishing");
    const content = `${this.#capsuleId}/${bytesToHex(sha256)}`;
    const leave = await scheduler.mutex.lock(content, stop.signal);
    try {
      const there = (await this.#madeMeanwhile(content)) ?? (await this.#same(false));
      if (there) {
        await this.#giveUpSessions();
        return this.#alreadyThere(there, sha256);
      }
      const facts = this.#facts(sha256, original, derived);
      const request = publishRequest(facts, this.#key, scheduler.config);
      const published = await this.#send((sending) => publish(scheduler.connection, request, sending));
      scheduler.remember(content, this.#capsuleId, this.#run.source.size, published.memory_id);
      return {
        memoryId: published.memory_id,
        capsuleId: this.#capsuleId,
        assets: published.assets.map(records.publishedAsset),
        sha256,
        alreadyThere: false,
        ...(isLeftOut(facts.dateOfMemory) && { dateLeftOut: facts.dateOfMemory }),
      };
    } finally {
      leave();
    }
  }

  /** Two equal files under different names, uploaded at once by this page, make one memory. */
  async #madeMeanwhile(content: string): Promise<Memory | undefined> {
    const { scheduler, options } = this.#run;
    const id = options.ifPresent === "again" ? undefined : scheduler.made(content);
    if (id === undefined) {
      return undefined;
    }
    try {
      const args: [string] = [id];
      return records.memory(
        await this.#send((sending) => scheduler.connection.call("memories_read", args, sending)),
      );
    } catch (error) {
      if (error instanceof KeepsakeError && error.kind === "NotFound") {
        return undefined;
      }
      throw error;
    }
  }

  #facts(
    sha256: Uint8Array,
    original: SessionDone,
    { image, assets }: Derived,
  ): Parameters<typeof publishRequest>[0] {
    const { source, options } = this.#run;
    const { mimeType } = this.#media;
    return {
      capsuleId: this.#capsuleId,
      type: image ? "image" : memoryTypeOfMime(mimeType),
      name: source.name,
      title: options.title,
      description: options.description,
      tags: options.tags ?? [],
      mimeType,
      dateOfMemory: options.dateOfMemory ?? image?.takenAt,
      lastModified: source.lastModified,
      assets: [
        {
          kind: "original",
          mimeType,
          sha256,
          bytes: source.size,
          width: image?.width,
          height: image?.height,
          orientation: image?.orientation,
          sessionId: original.sessionId,
        },
        ...assets,
      ],
    };
  }

  /** One message outside the lanes. It is not cut off when the upload is stopped: it may have run. */
  async #send<R>(send: (sending: Sending) => Promise<R>): Promise<R> {
    const message = {};
    const { signal, policy, onRetry, onSettled } = this.#context;
    try {
      return await send({
        signal,
        policy,
        onRetry: (failures, fault) => onRetry(message, failures, fault.transience === "unreachable"),
      });
    } finally {
      onSettled(message);
    }
  }

  #alreadyThere(memory: Memory, sha256?: Uint8Array): UploadResult {
    const { board, source } = this.#run;
    const message = "the capsule has these bytes already";
    board.lane("original", { state: "done", bytesSent: source.size, message });
    if (board.derivatives.state === "waiting") {
      board.lane("derivatives", { state: "skipped", message });
    }
    const original = memory.assets.find((asset) => asset.kind === "original");
    return {
      memoryId: memory.id,
      capsuleId: memory.capsuleId,
      assets: memory.assets.map(({ id, kind, bytes, sha256: hash = new Uint8Array(), blobId }) => {
        return { id, kind, bytes, sha256: hash, blobId };
      }),
      sha256: sha256 ?? original?.sha256 ?? new Uint8Array(),
      alreadyThere: true,
    };
  }

  #opened(idem: string, id: SessionId): void {
    const { sessions, source, scheduler, options } = this.#run;
    sessions.set(idem, id);
    const names = options.resume === false ? undefined : (options.resume ?? scheduler.names);
    const record = {
      name: source.name,
      size: source.size,
      capsuleId: this.#capsuleId,
      startedAt: Date.now(),
    };
    // Names are a convenience: an upload never fails for the lack of them.
    names?.set(idem, record).catch(() => {});
  }

  async #giveUpSessions(): Promise<void> {
    const ids = [...this.#run.sessions.values()].filter((id) => id !== undefined);
    const abort = (id: SessionId) =>
      this.#send((sending) =>
        this.#run.scheduler.connection.call("uploads_abort", [id], { ...sending, goneIsDone: true }),
      );
    await Promise.all(ids.map(abort));
    this.#run.sessions.clear();
  }
}

function isLeftOut(date: Date | undefined): boolean {
  return date !== undefined && nsOf(date) === undefined;
}

/** The sessions do not hold this file: every later publish would be refused too. */
function isOtherBytes(error: unknown): boolean {
  return (
    error instanceof KeepsakeError && (error.code === "sha256_differs" || error.code === "total_len_differs")
  );
}
