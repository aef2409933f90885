// One part on its way into the bucket, to an address that the host signed. Owns the request and how the bucket's answer is
// understood. Whoever has such an address may write: it goes into no text, nor does what the bucket says of its signature.

import type { Connection } from "../connection.js";
import { KeepsakeError } from "../errors.js";
import { FaultError, networkReason, retryAfter } from "../faults.js";
import type { Body } from "../watched-fetch.js";

/** What the host signed for one part. */
export interface SignedRequest {
  /** From 1. */
  number: number;
  method: string;
  url: URL;
  headers: Record<string, string>;
  /** By the host's clock, ms since 1970. */
  expiresAtMs: number;
}

/**
 * What an answer means. `refused`: the address opens nothing, or no longer; another one may. `differs`: the bytes are not those of
 * the hash. `failed`: as it says.
 */
export type BucketEnd =
  | { as: "stored" }
  | { as: "refused"; why: string }
  | { as: "differs"; why: string }
  | { as: "failed"; error: FaultError };

/** Nobody answered, and no byte went out: the bucket is not there, or lets this page not write. */
export class BucketUnanswered extends Error {}

/** It passes: the bucket has no time, or two wrote at once. */
const PASSING = [408, 409, 425, 429];
/** No header that a page may set, and none that `fetch` leaves to others. */
const SET_BY_BROWSERS = /^(content-length|host)$/i;
/** The segments of an object's own key: its capsule, and its name. */
const KEY_SEGMENTS = 2;

/** How messages call the bucket: where it is, without the key and without what opens it. */
export function bucketName({ origin, pathname }: URL): string {
  return origin + pathname.split("/").slice(0, -KEY_SEGMENTS).join("/");
}

/** Sends it once. Rejects with `BucketUnanswered`, with a `FaultError`, or with what the body cannot be read for. */
export async function putPart(
  connection: Connection,
  { method, url, headers: signed, number }: SignedRequest,
  body: Body,
  sending: { signal?: AbortSignal; onBytes: (bytesOut: number) => void },
): Promise<BucketEnd> {
  const headers = Object.fromEntries(Object.entries(signed).filter(([name]) => !SET_BY_BROWSERS.test(name)));
  let moved = 0;
  const onBytes = (bytesOut: number) => {
    moved = Math.max(moved, bytesOut);
    sending.onBytes(bytesOut);
  };
  let response: Response;
  try {
    response = await connection.request(url, { method, headers, body }, { signal: sending.signal, onBytes });
  } catch (cause) {
    if (cause instanceof KeepsakeError) {
      throw cause;
    }
    const reason = networkReason(cause);
    throw moved === 0 ? new BucketUnanswered(reason) : broken(url, number, reason);
  }
  const answered = [...response.headers.entries()];
  return bucketEnd(url, number, response.status, answered, await response.text());
}

/** What the answer to a part means. */
export function bucketEnd(
  url: URL,
  number: number,
  status: number,
  headers: [string, string][],
  body: string,
): BucketEnd {
  // A 412 says that it is there: an earlier answer was lost.
  if ((status >= 200 && status < 300) || status === 412) {
    return { as: "stored" };
  }
  // The rest of it may repeat the address.
  const why = `HTTP ${status} ${/<Code>(\w+)<\/Code>/.exec(body)?.[1] ?? ""}`.trim();
  if (status === 400) {
    return { as: "differs", why };
  }
  const isAway = [502, 503, 504].includes(status);
  if (isAway || PASSING.includes(status) || (status >= 500 && status !== 501)) {
    const message = `the bucket ${bucketName(url)} did not take part ${number} (${why}): try again later`;
    const error = new FaultError({
      kind: "Network",
      message,
      code: isAway ? "bucket_away" : "busy",
      detail: why,
      transience: isAway ? "unreachable" : "passing",
      surelyNotRun: false,
      isSlow: [408, 429, 503, 504].includes(status),
      retryAfterMs: retryAfter(headers),
    });
    return { as: "failed", error };
  }
  return { as: "refused", why };
}

/** The connection ended in the middle. */
function broken(url: URL, number: number, reason: string): FaultError {
  return new FaultError({
    kind: "Network",
    message: `the line to the bucket ${bucketName(url)} broke within part ${number} (${reason}): try again`,
    code: "bucket_away",
    detail: reason,
    transience: "unreachable",
    surelyNotRun: false,
    isSlow: /no byte moved for/.test(reason),
  });
}
