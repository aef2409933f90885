// How large a file may be. Owns the refusals, before anything is sent.

import { KeepsakeError } from "../errors.js";
import type { Scheduler } from "./scheduler.js";
import type { OpenSource } from "./source.js";

/** In the bucket a file has parts, which get as long as it needs. */
export function checkSize(
  { source, scheduler }: { source: OpenSource; scheduler: Scheduler },
  goesToBucket: boolean,
): void {
  const { config } = scheduler;
  if (source.size === 0) {
    const message = `${source.label} is empty: there is nothing to upload`;
    throw new KeepsakeError("InvalidArgument", message, { code: "file_empty" });
  }
  const limits = [
    goesToBucket
      ? Number.POSITIVE_INFINITY
      : config.chunk_size * config.chunks_per_session_max_with_total_len,
    Number(config.capsule_bytes_max),
    Number(config.bytes_in_flight_per_caller_max),
  ];
  const max = Math.min(...limits);
  if (source.size > max) {
    const message = `${source.label} is too large: it has ${source.size} bytes, and this service takes up to ${max}`;
    throw new KeepsakeError("InvalidArgument", message, { code: "file_too_large", detail: String(max) });
  }
}
