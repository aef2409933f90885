// Before the pipeline of an upload begins: is the file one that can be uploaded, into which capsule, by which keys, whose
// turn is it. Owns those questions; the pipeline itself is in pipeline.ts.

import type { RemoteSender } from "../background/client.js";
import type { Sending } from "../connection.js";
import { KeepsakeError } from "../errors.js";
import type { CapsuleId, RetryPolicy } from "../types.js";
import { UploadKey } from "./idem.js";
import { mediaOf, SNIFF_BYTES } from "./media.js";
import { type Run, UploadPipeline } from "./pipeline.js";
import { checkSize } from "./size.js";
import type { UploadResult } from "./types.js";

export async function runUpload(run: Run): Promise<UploadResult> {
  // Before the file is read: it may be large.
  run.scheduler.connection.checkMayChange("upload");
  const lane = run.scheduler.bucket.laneFor(run.source.size, run.options.hosting ?? "auto");
  checkSize(run, lane !== undefined);
  const { capsules } = run.scheduler;
  const { capsuleId } = run.options;
  if (capsuleId !== undefined) {
    return await uploadInto(run, capsuleId);
  }
  // The first upload asks for the caller's own capsule; the others ask again only where it is gone.
  const own = await ownCapsule(run);
  try {
    return await uploadInto(run, own);
  } catch (error) {
    if (!isGone(error, own) || !capsules.forgetOwnId(own)) {
      throw error;
    }
    return await uploadInto(run, await ownCapsule(run));
  }
}

async function uploadInto(run: Run, capsuleId: CapsuleId): Promise<UploadResult> {
  const { source, scheduler, stop } = run;
  const media = mediaOf(await source.read(0, Math.min(SNIFF_BYTES, source.size)), source.name, source.type);
  const { name, size, lastModified } = source;
  const sample = await source.sample();
  const key = new UploadKey({ name, sample, size, lastModified }, scheduler.config.chunk_size);
  // The same file twice at once would share its sessions: one waits for the other.
  const leave = await scheduler.mutex.lock(`${capsuleId}/${key}`, stop.signal);
  let asked: Promise<RemoteSender | undefined> | undefined;
  const sender = () => {
    asked ??= scheduler.connection.remoteSender();
    return asked;
  };
  try {
    const sha256 = source.isSampledWhole ? sample : undefined;
    return await new UploadPipeline(run, {
      media,
      capsuleId,
      key,
      sha256,
      policy: policyOf(run),
      sender,
    }).go();
  } finally {
    asked?.then((made) => made?.close()).catch(() => {});
    leave();
  }
}

async function ownCapsule(run: Run): Promise<CapsuleId> {
  const message = {};
  const { signal } = run.stop;
  const onRetry: Sending["onRetry"] = (failures, fault) =>
    run.board.retrying(message, failures, fault.transience === "unreachable");
  try {
    const sending = { signal, policy: policyOf(run), onRetry };
    return await run.scheduler.capsules.ownId(sending);
  } finally {
    run.board.settled(message);
  }
}

function isGone(error: unknown, capsuleId: CapsuleId): boolean {
  return error instanceof KeepsakeError && error.kind === "NotFound" && error.detail === capsuleId;
}

/** While nobody answers, an upload waits: for ever, or as long as it was told. */
function policyOf({ scheduler, options }: Run): RetryPolicy {
  const seconds = options.offlineMaxSeconds;
  return {
    ...scheduler.connection.policy,
    unreachableMaxMs: seconds === undefined ? Number.POSITIVE_INFINITY : seconds * 1000,
  };
}
