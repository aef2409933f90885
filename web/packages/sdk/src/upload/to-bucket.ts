// The original of one upload on the lane of the host's bucket, if it is to go there. Owns the hashes that are made before anything
// is sent, and what the lane needs of the upload.

import { platform } from "#platform";
import type { S3Lane } from "../../generated/keepsake.did.js";
import { sha256OfLarge } from "../hash/large.js";
import { inOnePart } from "../hash/parts.js";
import type { Hashes } from "../hash/types.js";
import { type BucketJob, runBucketLane } from "./bucket-lane.js";
import type { UploadKey } from "./idem.js";
import type { LaneContext, SessionDone } from "./lane.js";
import { Cut, partBytes } from "./plan.js";
import type { ProgressBoard } from "./progress.js";
import type { Scheduler } from "./scheduler.js";
import type { OpenSource } from "./source.js";
import type { Hosting } from "./types.js";

export interface ToBucketParameters {
  scheduler: Scheduler;
  source: OpenSource;
  board: ProgressBoard;
  key: UploadKey;
  mimeType: string;
  hosting: Hosting;
  lane: S3Lane;
}

export class ToBucket {
  readonly #of: ToBucketParameters;
  readonly #cut: Cut;
  #hashes: Promise<Hashes> | undefined;

  constructor(of: ToBucketParameters) {
    this.#of = of;
    this.#cut = new Cut(of.source.size, partBytes(of.source.size, of.lane));
  }

  /** Of the whole and of each part, in one pass; made once. `whole`: where it is known already. */
  hashes(signal: AbortSignal, whole: Promise<Uint8Array> | undefined): Promise<Hashes> {
    this.#hashes ??= this.#hash(signal, whole);
    return this.#hashes;
  }

  async #hash(signal: AbortSignal, whole: Promise<Uint8Array> | undefined): Promise<Hashes> {
    const { source } = this.#of;
    return this.#cut.chunks === 1
      ? inOnePart(await (whole ?? platform.hashSource(source, signal, () => {})))
      : await platform.hashParts(source, this.#cut.chunkBytes, signal);
  }

  /** Rejects with `BucketShut` where the bucket is not for this client. */
  async send(context: LaneContext, hashes: Hashes): Promise<SessionDone> {
    const { scheduler, source, board, key, mimeType, hosting, lane } = this.#of;
    const job: BucketJob = {
      road: scheduler.bucket,
      lane,
      hosting,
      // By its content too: parts that are there are those of this file.
      idem: key.cutInto(this.#cut.chunkBytes).session("original", hashes.whole),
      mimeType,
      cut: this.#cut,
      hashes,
      body: (start, end) => scheduler.connection.body(source, start, end),
      checkReadable: async () => {
        await source.checkUnchanged();
        source.giveBack(await source.read(0, 1));
      },
      checkPart: async (start, end, sha256) => {
        await source.checkUnchanged();
        const found = await sha256OfLarge(await source.read(start, end));
        if (found.some((byte, at) => byte !== sha256[at])) {
          throw source.changed();
        }
      },
      onBytes: (bytesSent, fresh) => {
        board.moved(fresh);
        board.lane("original", { bytesSent });
      },
    };
    return await runBucketLane(context, job);
  }
}
