// Bringing an original into the host's bucket: begin, ask what is there, send the other parts, have the host find them all.
// Owns the session's life up to the publish, as lane.ts does for chunks. Starts over once where the session turns out to be gone.

import { bytesToHex } from "@noble/hashes/utils.js";
import type { S3Lane } from "../../generated/keepsake.did.js";
import type { Sending } from "../connection.js";
import { KeepsakeError } from "../errors.js";
import type { Fault } from "../faults.js";
import type { Hashes } from "../hash/types.js";
import { RETRY_DEFAULT } from "../retry.js";
import { BucketUnanswered, bucketName, putPart } from "../s3/bucket.js";
import { Grants } from "../s3/grants.js";
import { HostSide, type Present, type WantedPart } from "../s3/host.js";
import type { SessionId } from "../types.js";
import { pause } from "../wait.js";
import type { Body } from "../watched-fetch.js";
import { type BucketRoad, BucketShut } from "./bucket-road.js";
import { begin, giveUp, type LaneContext, type SessionDone, told } from "./lane.js";
import type { Cut } from "./plan.js";
import { TICKETS_MAX, Ticket } from "./ticket.js";
import type { Hosting } from "./types.js";

/** The bucket lost parts that it had taken: they are sent again so often. */
const ROUNDS_MAX = 3;
/** Addresses that a bucket refuses though the host signed them just now. */
const REFUSED_MAX = TICKETS_MAX;
/** Progress within a part is told this often, bytes. */
const TOLD_BYTES = 1 << 20;
const ONCE = { ...RETRY_DEFAULT, attemptsMax: 1, unreachableMaxMs: 0 };

/** An original for the bucket. */
export interface BucketJob {
  road: BucketRoad;
  lane: S3Lane;
  hosting: Hosting;
  idem: string;
  mimeType: string;
  cut: Cut;
  hashes: Hashes;
  /** The bytes of a part, read anew for each attempt. */
  body(start: number, end: number): Promise<Body>;
  /** Throws where the file cannot be read any more. */
  checkReadable(): Promise<void>;
  /** Throws where the part is another one than when it was hashed. */
  checkPart(start: number, end: number, sha256: Uint8Array): Promise<void>;
  /** Bytes that the bucket has or is taking; `fresh` of them went out just now. */
  onBytes(sent: number, fresh: number): void;
}

/** One session of it. */
interface BucketSession {
  id: SessionId;
  host: HostSide;
  grants: Grants;
}

/** Sends what the bucket lacks. Rejects with `BucketShut` where the bucket is not for this client; then nothing is left of it. */
export async function runBucketLane(context: LaneContext, job: BucketJob): Promise<SessionDone> {
  const met: { sessionId?: SessionId } = {};
  try {
    return await tryOnce(context, job, met);
  } catch (error) {
    const reason = isNotOffered(error) && job.hosting === "auto" ? job.road.shut(error) : error;
    if (reason instanceof BucketShut || isStale(reason)) {
      await giveUp(context, met.sessionId);
    }
    if (!isStale(reason)) {
      throw reason;
    }
    // Of a session that is gone the same key makes another; of one that is finished, or has other bytes, it does not.
    const drawn = bytesToHex(crypto.getRandomValues(new Uint8Array(8)));
    const idem = reason.code === "not_found" ? job.idem : `${job.idem}-${drawn}`;
    return await tryOnce(context, { ...job, idem }, met);
  }
}

async function tryOnce(
  context: LaneContext,
  job: BucketJob,
  met: { sessionId?: SessionId },
): Promise<SessionDone> {
  await context.gate.passed(context.signal);
  const { cut, idem, mimeType, hashes, lane, road } = job;
  const id = await begin(context, { cut, idem, mimeType, sha256: hashes.whole, hosting: { S3: null } });
  met.sessionId = id;
  const host = new HostSide(context.connection, lane, id, new Ticket(context.connection, id));
  const session = { id, host, grants: new Grants(host) };
  let chunksPresent: number | undefined;
  for (let rounds = 1; ; rounds += 1) {
    const present = await told(context, (sending) => host.parts(sending));
    const missing = missingParts(present, cut);
    chunksPresent ??= cut.chunks - missing.length;
    if (missing.length < cut.chunks) {
      road.answered();
    }
    await sendParts(context, job, session, missing);
    if (present.isFound || (await isFound(context, host, hashes, rounds))) {
      return { sessionId: id, chunksPresent };
    }
  }
}

/** Numbers of the parts that the bucket has not, or not whole. */
export function missingParts({ isFound: all, parts }: Present, cut: Cut): number[] {
  const numbers = all ? [] : Array.from({ length: cut.chunks }, (_, index) => index + 1);
  return numbers.filter((number) => parts.get(number) !== cut.end(number - 1) - cut.start(number - 1));
}

/** Waits until the host has looked. False: the bucket lacks parts after all. */
async function isFound(
  context: LaneContext,
  host: HostSide,
  hashes: Hashes,
  rounds: number,
): Promise<boolean> {
  const all = hashes.parts.map((sha256, index) => ({ number: index + 1, sha256 }));
  for (;;) {
    try {
      const found = await told(context, (sending) => host.finish(all, sending));
      if (found.as === "found") {
        return true;
      }
      await pause(found.againAfterMs, context.signal, "the upload");
    } catch (error) {
      const code = error instanceof KeepsakeError ? error.code : undefined;
      const lacks = code === "parts_missing" || code === "object_missing";
      if (!lacks || rounds >= ROUNDS_MAX) {
        throw error;
      }
      return false;
    }
  }
}

async function sendParts(
  context: LaneContext,
  job: BucketJob,
  session: BucketSession,
  missing: readonly number[],
): Promise<void> {
  const progress = new PartsProgress(job, missing);
  const left = missing.values();
  let failed = false;
  const worker = async () => {
    for (const number of left) {
      if (failed) {
        return;
      }
      try {
        await sendPart(context, job, session, number, progress, () => !failed);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const width = Math.min(context.concurrency, missing.length);
  const settled = await Promise.allSettled(Array.from({ length: width }, worker));
  const failure = settled.find((result) => result.status === "rejected");
  if (failure) {
    throw failure.reason;
  }
}

async function sendPart(
  context: LaneContext,
  job: BucketJob,
  session: BucketSession,
  number: number,
  progress: PartsProgress,
  isWanted: () => boolean,
): Promise<void> {
  await context.gate.passed(context.signal);
  const { window } = job.road;
  const leave = await window.enter(context.signal);
  try {
    if (!isWanted()) {
      return;
    }
    let fromMs = performance.now();
    const onFault = (fault: Fault) => {
      progress.failed(number);
      if (fault.isSlow) {
        window.late(fromMs, performance.now());
      }
    };
    const send = async (sending: Sending) => {
      fromMs = performance.now();
      await sendOnce(job, session, number, progress, sending, context);
    };
    await told(
      context,
      (sending) => context.connection.attempt("uploads_put_part", () => send(sending), sending),
      onFault,
    );
    window.arrived(fromMs, performance.now(), bytesOf(job.cut, number));
    progress.arrived(number);
  } finally {
    leave();
  }
}

/** Once with an address that the bucket takes. */
async function sendOnce(
  job: BucketJob,
  { host, grants }: BucketSession,
  number: number,
  progress: PartsProgress,
  sending: Sending,
  context: LaneContext,
): Promise<void> {
  const { cut, hashes, road, hosting } = job;
  const [start, end] = [cut.start(number - 1), cut.end(number - 1)];
  const part: WantedPart = { number, sha256: hashes.parts[number - 1] ?? hashes.whole };
  let refused: { url: URL; why: string } | undefined;
  for (let count = 0; count < REFUSED_MAX; count += 1) {
    const request = await grants.of(part, sending);
    if (!request) {
      return;
    }
    const body = await job.body(start, end);
    const onBytes = (bytesOut: number) => progress.within(number, bytesOut);
    const put = () => putPart(context.connection, request, body, { signal: sending.signal, onBytes });
    const fromMs = performance.now();
    const answer = await put().catch(async (error) => {
      if (!(error instanceof BucketUnanswered)) {
        throw error;
      }
      // Of a file that is gone a browser says no more than of a bucket that is.
      await job.checkReadable();
      const reaches = () => host.parts({ ...sending, policy: ONCE });
      const met = { url: request.url, reason: error.message, fromMs, hosting };
      throw await road.unanswered(met, reaches, sending.signal);
    });
    road.answered();
    if (answer.as === "stored") {
      grants.forget(number);
      return;
    }
    if (answer.as === "failed") {
      throw answer.error;
    }
    if (answer.as === "differs") {
      // Either the file changed since it was hashed, or the line changed what it carried.
      await job.checkPart(start, end, part.sha256);
    }
    grants.forget(number);
    refused = { url: request.url, why: answer.why };
  }
  throw refusedBy(refused, number);
}

function refusedBy(refused: { url: URL; why: string } | undefined, number: number): KeepsakeError {
  const name = refused ? bucketName(refused.url) : "of the host";
  const message =
    `the bucket ${name} refuses part ${number} (${refused?.why}), though the host signed for it just now: ` +
    "whoever runs the host has to see to its keys, its clock and the bucket's policy";
  return new KeepsakeError("Network", message, { code: "bucket_refused", detail: refused?.why });
}

function bytesOf(cut: Cut, number: number): number {
  return cut.end(number - 1) - cut.start(number - 1);
}

/** Bytes of all parts together: those that are there, and of the others what went out. */
class PartsProgress {
  readonly #job: BucketJob;
  readonly #within = new Map<number, number>();
  #there: number;
  #told: number;

  constructor(job: BucketJob, missing: readonly number[]) {
    this.#job = job;
    this.#there = missing.reduce((left, number) => left - bytesOf(job.cut, number), job.cut.totalBytes);
    this.#told = this.#there;
    job.onBytes(this.#there, 0);
  }

  within(number: number, bytesOut: number): void {
    this.#within.set(number, bytesOut);
    if (this.#sum() - this.#told >= TOLD_BYTES) {
      this.#tell();
    }
  }

  failed(number: number): void {
    this.#within.delete(number);
    this.#told = Math.min(this.#told, this.#sum());
  }

  arrived(number: number): void {
    this.#within.delete(number);
    this.#there += bytesOf(this.#job.cut, number);
    this.#tell();
  }

  #sum(): number {
    return [...this.#within.values()].reduce((sum, bytes) => sum + bytes, this.#there);
  }

  #tell(): void {
    const sum = this.#sum();
    this.#job.onBytes(sum, Math.max(sum - this.#told, 0));
    this.#told = sum;
  }
}

/** The host offered a bucket, and has none any more. */
function isNotOffered(error: unknown): error is KeepsakeError {
  return error instanceof KeepsakeError && error.code === "s3_not_configured";
}

const STALE = ["not_found", "session_finished", "object_differs", "object_gone"];

/** The session is gone, or is of no use: a new one helps. */
function isStale(error: unknown): error is KeepsakeError {
  return (
    error instanceof KeepsakeError &&
    STALE.includes(error.code ?? "") &&
    !/^uploads_begin:/.test(error.message)
  );
}
