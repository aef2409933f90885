// The pipeline of one upload: two lanes at once, then one publish.
//
//            ┌─ lane A  hash ∥ chunks, several in flight ────────────────┐
//   source ──┤                                                          ├─► uploads_publish ─► memory
//            └─ lane B  decode → display, thumbnail, placeholder ────────┘
//
// Where the host has a bucket, lane A of a large file goes there: hashed first, then in parts (to-bucket.ts).
// What is small enough comes along in the publish: of a small photo everything, so that it is one update.
//
// Owns the order of things. Nothing has to be written on this side: the idempotency key of each session follows from
// the file, so the same upload finds its pending sessions again, asks what is missing, and sends only that.

import { platform } from "#platform";
import { type RemoteSender, Unreadable } from "../background/client.js";
import type { Sending } from "../connection.js";
import type { DerivedImage } from "../derivatives/types.js";
import { KeepsakeError } from "../errors.js";
import { sha256OfLarge } from "../hash/large.js";
import * as records from "../records.js";
import type { AssetKind, CapsuleId, Memory, RetryPolicy, SessionId } from "../types.js";
import type { Gate } from "../wait.js";
import { nsOf } from "../wire.js";
import { BucketShut } from "./bucket-road.js";
import type { UploadKey } from "./idem.js";
import { isTooLarge, type LaneContext, type LaneJob, runLane, type SessionDone } from "./lane.js";
import { derivedBy, isInline, type LaneBJob, sendDerived } from "./lane-b.js";
import { type Media, memoryTypeOfMime } from "./media.js";
import { freeSessions } from "./opened.js";
import { carriedKinds } from "./plan.js";
import { ALREADY_THERE, present, presentResult } from "./present.js";
import type { ProgressBoard } from "./progress.js";
import { type AssetFacts, type MemoryFacts, publish, publishRequest } from "./publish.js";
import { explained } from "./refused.js";
import { CHUNKS_IN_FLIGHT_MAX, type Scheduler } from "./scheduler.js";
import { checkSize } from "./size.js";
import type { OpenSource } from "./source.js";
import { ToBucket } from "./to-bucket.js";
import type { UploadOptions, UploadResult } from "./types.js";

/**
 * A file up to this size is hashed and looked for before anything is sent; a larger one meanwhile, because it takes long to
 * hash. Bytes.
 */
const LOOKED_FOR_FIRST_BYTES = 32 << 20;

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
  /** Of the whole file, where it is known already. */
  sha256: Uint8Array | undefined;
  policy: RetryPolicy;
  /** Sends envelopes apart from the page, where that can be. */
  sender: () => Promise<RemoteSender | undefined>;
}

/** What both lanes brought. */
interface Sent {
  sha256: Uint8Array;
  image: DerivedImage | undefined;
  assets: AssetFacts[];
  /** Chunks of the original that were there before. */
  chunksPresent: number;
}

/** Ends the lanes: the capsule has the file already. */
class Found {
  readonly memory: Memory;

  constructor(memory: Memory) {
    this.memory = memory;
  }
}

/** One upload whose parameters are decided. */
export class UploadPipeline {
  readonly #run: Run;
  readonly #media: Media;
  readonly #capsuleId: CapsuleId;
  readonly #key: UploadKey;
  readonly #context: LaneContext;
  readonly #lanes = new AbortController();
  /** None: the original goes to the host. */
  #toBucket: ToBucket | undefined;
  #hashing: Promise<Uint8Array> | undefined;
  #deriving: Promise<DerivedImage | undefined> | undefined;

  constructor(run: Run, { media, capsuleId, key, sha256, policy, sender }: UploadParameters) {
    this.#run = run;
    this.#media = media;
    this.#capsuleId = capsuleId;
    this.#key = key;
    this.#hashing = sha256 && Promise.resolve(sha256);
    const { scheduler, source, board, gate, stop, options } = run;
    const hosting = options.hosting ?? "auto";
    const lane = scheduler.bucket.laneFor(source.size, hosting);
    const { mimeType } = media;
    this.#toBucket = lane && new ToBucket({ scheduler, source, board, key, mimeType, hosting, lane });
    const end = () => this.#lanes.abort(stop.signal.reason);
    if (stop.signal.aborted) {
      end();
    }
    stop.signal.addEventListener("abort", end, { once: true });
    this.#context = {
      connection: scheduler.connection,
      service: scheduler.connection.scoped(this.#lanes.signal),
      sender,
      road: scheduler.road,
      signal: this.#lanes.signal,
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
    await this.#run.gate.passed(this.#run.stop.signal);
    // The bucket takes nothing whose hash is not known.
    const isLookedForFirst = this.#toBucket !== undefined || this.#run.source.size <= LOOKED_FOR_FIRST_BYTES;
    await this.#toBucket?.hashes(this.#lanes.signal, this.#hashing);
    const there = isLookedForFirst ? await this.#same() : undefined;
    if (there) {
      return this.#alreadyThere(there);
    }
    try {
      return await this.#sendAll(!isLookedForFirst);
    } catch (reason) {
      if (isInVain(reason)) {
        // What cannot be reached now ends by its time to live.
        await this.#giveUpSessions().catch(() => {});
      }
      if (!(reason instanceof Found)) {
        throw reason;
      }
      await this.#giveUpSessions();
      return this.#alreadyThere(reason.memory);
    }
  }

  async #sendAll(lookFor: boolean): Promise<UploadResult> {
    const { scheduler, source, gate, stop } = this.#run;
    for (let restarts = 0; ; restarts += 1) {
      const sent = await this.#bothLanes(lookFor);
      await source.checkUnchanged();
      await gate.passed(stop.signal);
      try {
        return await this.#publish(sent);
      } catch (error) {
        const carried = carriedBytes(sent.assets);
        const carriesLess = isTooLarge(error) && carried > 0 && scheduler.shrinkChunks(carried, source.size);
        const isLost = restarts === 0 && this.#run.sessions.size > 0 && isGone(error);
        if (!carriesLess && !isLost && !isOtherBytes(error)) {
          throw error;
        }
        if (isLost) {
          continue;
        }
        await this.#giveUpSessions();
        // An earlier, interrupted upload may have sent other bytes under the same key: once more, from the start.
        if (!carriesLess && (sent.chunksPresent === 0 || restarts > 0)) {
          throw source.changed(error);
        }
      }
    }
  }

  /** The memory that has these bytes, if the caller wants that one and the host knows its files by their content. */
  async #same(): Promise<Memory | undefined> {
    const { scheduler, options } = this.#run;
    if (options.ifPresent === "again" || !scheduler.knowsContents) {
      return undefined;
    }
    return await present(
      scheduler.connection,
      (send) => this.#send(send),
      this.#capsuleId,
      await this.#hash(),
      this.#context.policy,
    );
  }

  /** SHA-256 of the whole file; made once. */
  #hash(): Promise<Uint8Array> {
    const { signal } = this.#lanes;
    const hashes = this.#toBucket?.hashes(signal, this.#hashing);
    this.#hashing ??= hashes
      ? hashes.then(({ whole }) => whole)
      : platform.hashSource(this.#run.source, signal, () => {});
    return this.#hashing;
  }

  async #bothLanes(lookFor: boolean): Promise<Sent> {
    const { board } = this.#run;
    board.enter("uploading");
    board.restartClock();
    board.lane("original", { state: "sending" });
    const laneB = this.#laneB();
    this.#deriving ??= derivedBy(laneB);
    const image = this.#deriving;
    const carried = image.then((made) => this.#carried(made));
    const looking = lookFor ? this.#same() : Promise.resolve(undefined);
    const all = [
      this.#hash(),
      this.#original(carried),
      carried.then(async (kinds) => {
        const made = await image;
        return made ? await sendDerived(laneB, made, kinds) : [];
      }),
      looking.then((memory) => memory && this.#lanes.abort(new Found(memory))),
    ] as const;
    for (const one of all) {
      one.catch((error) => this.#lanes.abort(error));
    }
    await Promise.allSettled(all);
    if (this.#lanes.signal.aborted) {
      // The first failure ended the others; it is the reason.
      throw this.#lanes.signal.reason;
    }
    const [sha256, { original, chunksPresent }, derived] = await Promise.all(all);
    // Of a file that changed a browser reads no `Blob`; what other sources gave is compared.
    const { carriedBytes: read } = original;
    if (read instanceof Uint8Array && bytesDiffer(await sha256OfLarge(read), sha256)) {
      throw this.#run.source.changed();
    }
    const dimensions = await image;
    const facts = {
      ...original,
      sha256,
      width: dimensions?.width,
      height: dimensions?.height,
      orientation: dimensions?.orientation,
    };
    return { sha256, image: dimensions, assets: [facts, ...derived], chunksPresent };
  }

  /** What needs no session. */
  #carried(image: DerivedImage | undefined): ReadonlySet<AssetKind> {
    const { scheduler, source } = this.#run;
    const derived = (image?.derivatives ?? []).filter((one) => !isInline(one, scheduler));
    const assets = derived.map(({ kind, bytes }) => ({ kind, bytes: bytes.length }));
    const original = this.#toBucket ? [] : [{ kind: "original" as const, bytes: source.size }];
    return carriedKinds([...original, ...assets], scheduler.carriedBytesMax);
  }

  /** Lane A. */
  async #original(
    carried: Promise<ReadonlySet<AssetKind>>,
  ): Promise<{ original: Omit<AssetFacts, "sha256">; chunksPresent: number }> {
    const { board, source, scheduler } = this.#run;
    const facts = { kind: "original" as const, mimeType: this.#media.mimeType, bytes: source.size };
    const done = await this.#intoBucket();
    if (done) {
      board.lane("original", { state: "done", bytesSent: source.size });
      return { original: { ...facts, sessionId: done.sessionId }, chunksPresent: done.chunksPresent };
    }
    const mayComeAlong = source.size <= scheduler.carriedBytesMax;
    if (mayComeAlong && (await carried).has("original")) {
      return { original: { ...facts, carriedBytes: await source.piece(0, source.size) }, chunksPresent: 0 };
    }
    const job: LaneJob = {
      kind: "original",
      idem: (chunkBytes) => this.#key.cutInto(chunkBytes).session("original"),
      mimeType: this.#media.mimeType,
      bytes: source.size,
      piece: (start, end) => source.piece(start, end),
      onArrived: (piece) => source.giveBack(piece),
      unreadable: (cause) => source.unreadable(cause),
      onBytes: (bytesSent, fresh) => {
        board.moved(fresh);
        board.lane("original", { bytesSent });
      },
    };
    const { sessionId, chunksPresent } = await source.during(() => runLane(this.#context, job));
    board.lane("original", { state: "done" });
    return { original: { ...facts, sessionId }, chunksPresent };
  }

  /** None: the original does not go there, or the bucket turned out not to be for this client. */
  async #intoBucket(): Promise<SessionDone | undefined> {
    const { board, source } = this.#run;
    const hashes = await this.#toBucket?.hashes(this.#lanes.signal, this.#hashing);
    if (!this.#toBucket || !hashes) {
      return undefined;
    }
    try {
      return await this.#toBucket.send(this.#context, hashes);
    } catch (error) {
      if (!(error instanceof BucketShut)) {
        throw error;
      }
      this.#toBucket = undefined;
      checkSize(this.#run, false);
      const { code = "bucket_unreachable", message } = error;
      board.notice = { code, message: `${source.label} goes to the host itself: ${message}` };
      board.show();
      return undefined;
    }
  }

  #laneB(): LaneBJob {
    const { scheduler, board, source, options } = this.#run;
    return {
      scheduler,
      context: this.#context,
      board,
      source,
      media: this.#media,
      key: this.#key,
      derive: options.derive,
    };
  }

  async #publish(sent: Sent): Promise<UploadResult> {
    const { scheduler, board } = this.#run;
    board.enter("publishing");
    const facts = this.#facts(sent);
    const request = publishRequest(facts, this.#key, scheduler.config);
    const { connection, sender } = this.#context;
    const length = carriedBytes(sent.assets);
    const published = await this.#send((sending) =>
      publish(connection, sender, request, length, sending),
    ).catch((error) => {
      if (error instanceof Unreadable) {
        throw this.#run.source.unreadable(error);
      }
      // Nothing was begun that could have been refused.
      throw request.sessions.length === 0 ? explained(error, this.#capsuleId) : error;
    });
    const alreadyThere = published.already[0] ?? false;
    this.#tellArrived(sent, alreadyThere);
    return {
      memoryId: published.memory_id,
      capsuleId: this.#capsuleId,
      assets: published.assets.map(records.publishedAsset),
      sha256: sent.sha256,
      alreadyThere,
      ...(!alreadyThere && isLeftOut(facts.dateOfMemory) && { dateLeftOut: facts.dateOfMemory }),
      ...(board.notice && { notice: board.notice }),
    };
  }

  /** What came along is there now. */
  #tellArrived({ assets, image }: Sent, alreadyThere: boolean): void {
    const { board, source } = this.#run;
    const message = alreadyThere ? ALREADY_THERE : undefined;
    board.moved(carriedBytes(assets));
    board.lane("original", { state: "done", bytesSent: source.size, ...(message && { message }) });
    if (image) {
      board.lane("derivatives", { state: "done", bytesSent: board.derivatives.bytesTotal });
    }
  }

  #facts({ image, assets }: Sent): MemoryFacts {
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
      assets,
      once: options.ifPresent !== "again",
    };
  }

  /** One message outside the lanes. It is not cut off when the upload is stopped: it may have run. */
  async #send<R>(send: (sending: Sending) => Promise<R>): Promise<R> {
    const message = {};
    const { policy, onRetry, onSettled } = this.#context;
    try {
      return await send({
        signal: this.#run.stop.signal,
        policy,
        onRetry: (failures, fault) => onRetry(message, failures, fault.transience === "unreachable"),
      });
    } finally {
      onSettled(message);
    }
  }

  #alreadyThere(memory: Memory): UploadResult {
    const { board, source } = this.#run;
    board.lane("original", { state: "done", bytesSent: source.size, message: ALREADY_THERE });
    if (board.derivatives.state === "waiting") {
      board.lane("derivatives", { state: "skipped", message: ALREADY_THERE });
    }
    return presentResult(memory);
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
    const { scheduler, sessions } = this.#run;
    await this.#send((sending) => freeSessions(scheduler.connection, sessions, sending));
    sessions.clear();
  }
}

function carriedBytes(assets: AssetFacts[]): number {
  return assets.reduce((sum, { carriedBytes: along, bytes }) => sum + (along ? bytes : 0), 0);
}

function bytesDiffer(a: Uint8Array, b: Uint8Array): boolean {
  return a.some((byte, at) => byte !== b[at]);
}

function isLeftOut(date: Date | undefined): boolean {
  return date !== undefined && nsOf(date) === undefined;
}

/** What was sent is of no use to a later upload, or takes room where there is none, or whoever sent it may not go on. */
function isInVain(error: unknown): boolean {
  const kinds = ["ResourceExhausted", "Unauthorized", "NotFound"];
  return (
    isTooLarge(error) ||
    (error instanceof KeepsakeError && (error.code === "file_changed" || kinds.includes(error.kind)))
  );
}

/**
 * Somebody ended the sessions before the publish, or took chunks and did not hand them on: the next attempt sends what is missing.
 * Where it is the capsule that is gone, that says so.
 */
function isGone(error: unknown): boolean {
  const codes = ["chunks_missing", "object_pending"];
  return error instanceof KeepsakeError && (error.kind === "NotFound" || codes.includes(error.code ?? ""));
}

/** The sessions do not hold this file: every later publish would be refused too. */
function isOtherBytes(error: unknown): boolean {
  return (
    error instanceof KeepsakeError && (error.code === "sha256_differs" || error.code === "total_len_differs")
  );
}
