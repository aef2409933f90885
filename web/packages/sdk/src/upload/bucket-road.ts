// Whether originals go into the host's bucket: as the caller wants, as the host offers, and as long as the bucket can be reached
// from here. Owns that choice for all uploads of a client, and the places of parts on their way.

import { platform } from "#platform";
import type { S3Lane } from "../../generated/keepsake.did.js";
import { KeepsakeError } from "../errors.js";
import { FaultError } from "../faults.js";
import { bucketName } from "../s3/bucket.js";
import type { UploadConfig } from "../types.js";
import { LineWindow } from "./line-window.js";
import type { Hosting } from "./types.js";

/** Parts in flight of all uploads together: browsers open six connections to one address, and pictures come from there too. */
const PARTS_IN_FLIGHT_TOGETHER = 4;
/** So many in a row, while the host reaches the bucket and before any part got an answer: it is not for this client. */
const UNANSWERED_MAX = 2;

/** A part that nobody answered to. */
export interface UnansweredPart {
  url: URL;
  reason: string;
  fromMs: number;
  hosting: Hosting;
}

/** The bucket is not for this client: what was to go there goes to the host. */
export class BucketShut extends KeepsakeError {}

export class BucketRoad {
  /** Apart from that of chunks: a long part is no reason for a small one to wait. */
  readonly window = new LineWindow(PARTS_IN_FLIGHT_TOGETHER);
  readonly lane: S3Lane | undefined;
  readonly #page: string | undefined;
  #isShut = false;
  #isProven = false;
  #unanswered = 0;
  #countedAtMs = Number.NEGATIVE_INFINITY;

  constructor(config: UploadConfig) {
    this.lane = config.s3[0];
    this.#page = globalThis.location?.origin;
  }

  /** The lane for an original of so many bytes; none: it goes to the host. */
  laneFor(bytes: number, hosting: Hosting): S3Lane | undefined {
    if (hosting === "s3" && !this.lane) {
      const message =
        'hosting: "s3" needs a host that has a bucket, and this one has none: leave the option out';
      throw new KeepsakeError("NotImplemented", message, { code: "s3_not_configured" });
    }
    const isWanted = hosting === "s3" || (hosting === "auto" && !this.#isShut);
    const isLong = hosting === "s3" || bytes >= Number(this.lane?.from_len ?? 0);
    return isWanted && isLong ? this.lane : undefined;
  }

  /** The bucket got something from here. */
  answered(): void {
    this.#isProven = true;
  }

  /** From now on originals go to the host. */
  shut(error: KeepsakeError): BucketShut {
    this.#isShut = true;
    const { code, detail } = error;
    return new BucketShut(error.kind, error.message, { code, detail });
  }

  /**
   * What it means that a part which set out at `fromMs` got no answer. `hostReaches` asks the host what the bucket has: where it is
   * told, the bucket is there, and not for this client.
   */
  async unanswered(
    { url, reason, fromMs, hosting }: UnansweredPart,
    hostReaches: () => Promise<unknown>,
    signal: AbortSignal | undefined,
  ): Promise<KeepsakeError | FaultError> {
    const away = unreachable(url, reason);
    if (this.#isProven) {
      return away;
    }
    const isThere = await hostReaches().then(
      () => true,
      () => false,
    );
    if (!isThere || this.#isProven) {
      return away;
    }
    // Those that flew together met the same.
    this.#unanswered += fromMs >= this.#countedAtMs ? 1 : 0;
    this.#countedAtMs = performance.now();
    if (this.#unanswered < UNANSWERED_MAX) {
      return away;
    }
    const forbids = (await platform.answers?.(url.origin, signal)) ? forbidden(url, this.#page) : undefined;
    if (hosting === "auto") {
      return this.shut(forbids ?? away.fault.error);
    }
    return forbids ?? away;
  }
}

function unreachable(url: URL, reason: string): FaultError {
  return new FaultError({
    kind: "Network",
    message: `the bucket ${bucketName(url)} cannot be reached from here (${reason}), though the host signs for it: see that its address is one for clients`,
    code: "bucket_unreachable",
    detail: reason,
    transience: "unreachable",
    surelyNotRun: true,
  });
}

/** A browser does not say why; that somebody answers there says it. */
function forbidden(url: URL, page: string | undefined): KeepsakeError {
  const message =
    `the bucket ${bucketName(url)} answers, and does not let pages of ${page ?? "this origin"} write: ` +
    "whoever runs it has to allow that by its CORS rules";
  return new KeepsakeError("Network", message, { code: "bucket_forbids", detail: bucketName(url) });
}
