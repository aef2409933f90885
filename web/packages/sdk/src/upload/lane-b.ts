// Lane B: derive, then send what was derived and does not come along in the publish. Owns when there is nothing to derive,
// and why; the pictures are made in derivatives/, the bytes are sent by lane.ts.

import { platform } from "#platform";
import type { Derivative, DerivedImage, Deriver } from "../derivatives/types.js";
import { KeepsakeError, throwIfAborted } from "../errors.js";
import { sha256Of } from "../hash/inline.js";
import type { AssetKind } from "../types.js";
import { withShortestDisplay } from "./display.js";
import type { UploadKey } from "./idem.js";
import { type LaneContext, runLane } from "./lane.js";
import type { Media } from "./media.js";
import type { ProgressBoard } from "./progress.js";
import type { AssetFacts } from "./publish.js";
import type { Scheduler } from "./scheduler.js";
import type { OpenSource } from "./source.js";

export interface LaneBJob {
  scheduler: Scheduler;
  context: LaneContext;
  board: ProgressBoard;
  source: OpenSource;
  media: Media;
  key: UploadKey;
  derive: Deriver | false | undefined;
}

/** The picture; none where there is none to make, or it cannot be made. */
export async function derivedBy(job: LaneBJob): Promise<DerivedImage | undefined> {
  const deriver = job.derive === undefined ? platform.deriver() : job.derive;
  const reason = reasonToSkip(job.media, deriver);
  if (reason !== undefined || !deriver) {
    return skip(job, "skipped", reason);
  }
  const blob = await job.source.asBlob();
  if (!blob) {
    return skip(job, "skipped", "the source cannot be decoded: it has no asBlob()");
  }
  return await derive(job, deriver, blob);
}

function reasonToSkip(media: Media, deriver: Deriver | false | undefined): string | undefined {
  if (deriver === false) {
    return "not asked for";
  }
  if (!deriver) {
    return "no derivatives are made here: pass `derive`";
  }
  if (media.misnamed !== undefined) {
    return `the name says ${media.misnamed}, but the bytes are not: kept as ${media.mimeType}`;
  }
  return media.mimeType.startsWith("image/") ? undefined : `${media.mimeType} is no image`;
}

function skip(job: LaneBJob, state: "skipped" | "failed", message: string | undefined): undefined {
  job.board.lane("derivatives", { state, message });
}

/** A picture that cannot be decoded is kept as it is: the upload goes on without derivatives. */
async function derive(job: LaneBJob, deriver: Deriver, blob: Blob): Promise<DerivedImage | undefined> {
  const { signal, gate } = job.context;
  await gate.passed(signal);
  const leave = await job.scheduler.decoding.enter(signal);
  try {
    job.board.lane("derivatives", { state: "working" });
    const image = await deriver(blob, { signal });
    if (!image) {
      return skip(job, "skipped", `${job.media.mimeType} cannot be decoded here: kept without derivatives`);
    }
    return await withShortestDisplay(image, job.source, job.media.mimeType);
  } catch (error) {
    throwIfAborted(signal, "the upload");
    if (error instanceof KeepsakeError && error.kind === "Integrity") {
      throw error;
    }
    return skip(job, "failed", error instanceof Error ? error.message : String(error));
  } finally {
    leave();
  }
}

/** Whether it stays in the memory's record. */
export function isInline({ kind, bytes }: Derivative, { config }: Scheduler): boolean {
  return kind === "placeholder" && bytes.length <= config.inline_max;
}

/** Sends those that are not `carried`. */
export async function sendDerived(
  job: LaneBJob,
  image: DerivedImage,
  carried: ReadonlySet<AssetKind>,
): Promise<AssetFacts[]> {
  const { board, scheduler } = job;
  const sent = new Map<string, number>();
  const bytesTotal = image.derivatives.reduce((sum, { bytes }) => sum + bytes.length, 0);
  board.lane("derivatives", { state: "sending", bytesTotal });
  const onBytes = (kind: string, bytes: number, fresh: number) => {
    sent.set(kind, bytes);
    board.moved(fresh);
    board.lane("derivatives", { bytesSent: [...sent.values()].reduce((sum, count) => sum + count, 0) });
  };
  const assets = image.derivatives.map(async (derivative): Promise<AssetFacts> => {
    const { kind, bytes, mimeType, width, height } = derivative;
    const sha256 = sha256Of(bytes);
    const facts = { kind, mimeType, sha256, bytes: bytes.length, width, height, orientation: 1 };
    if (isInline(derivative, scheduler)) {
      onBytes(kind, bytes.length, 0);
      return { ...facts, inlineBytes: bytes };
    }
    const blob = new Blob([bytes as Uint8Array<ArrayBuffer>]);
    if (carried.has(kind)) {
      return { ...facts, carriedBytes: blob };
    }
    const { sessionId } = await runLane(job.context, {
      kind,
      idem: (chunkBytes) => job.key.cutInto(chunkBytes).session(kind, sha256),
      mimeType,
      bytes: bytes.length,
      piece: async (start, end) => blob.slice(start, end),
      unreadable: (cause) => job.source.unreadable(cause),
      onBytes: (total, fresh) => onBytes(kind, total, fresh),
    });
    return { ...facts, sessionId };
  });
  return await Promise.all(assets);
}
