// The rules that every client follows, case by case from fixtures/client; its README says what each file decides.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { HttpErrorCode, HttpFetchErrorCode, ProtocolError, TransportError } from "@icp-sdk/core/agent";
import type { AssetKind } from "@keepsake/sdk";
import { understand } from "../dist/faults.js";
import { putEnd } from "../dist/put-chunk.js";
import { Attempts, type Transience } from "../dist/retry.js";
import { bucketEnd, bucketName } from "../dist/s3/bucket.js";
import { hostEnd } from "../dist/s3/host.js";
import { missingParts } from "../dist/upload/bucket-lane.js";
import { isPlain, mayBeDisplay } from "../dist/upload/display.js";
import { UploadKey } from "../dist/upload/idem.js";
import { LineWindow } from "../dist/upload/line-window.js";
import { mediaOf, memoryTypeOfMime } from "../dist/upload/media.js";
import { Cut, carriedKinds, Missing, partBytes, smallerChunk } from "../dist/upload/plan.js";
import { OpenSource } from "../dist/upload/source.js";
import { hex, sourceOf } from "./world.js";

const fixtures = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "..", "fixtures", "client");

// biome-ignore lint/suspicious/noExplicitAny: the files say what they hold
function cases(name: string): any {
  return JSON.parse(readFileSync(join(fixtures, name), "utf8"));
}

test("cut.json: chunks of a file, what is missing of them, and smaller ones", () => {
  const { cuts, missing, smaller } = cases("cut.json");
  for (const { bytes, chunk_bytes, chunks, last_bytes } of cuts) {
    const cut = new Cut(bytes, chunk_bytes);
    assert.deepEqual([cut.chunks, cut.end(chunks - 1) - cut.start(chunks - 1)], [chunks, last_bytes]);
    assert.equal(cut.end(chunks - 1), bytes);
  }
  for (const { bytes, chunk_bytes, shown, truncated, send, present } of missing) {
    const cut = new Cut(bytes, chunk_bytes);
    const left = new Missing({ missing: shown, missingTruncated: truncated }, cut);
    assert.deepEqual([[...left.indices()], left.bytesPresent], [send, present]);
  }
  for (const { refused, bytes, chunks_max, next } of smaller) {
    assert.equal(smallerChunk(refused, bytes, chunks_max) ?? null, next, `${refused} of ${bytes}`);
  }
});

test("keys.json: keys of sessions", async () => {
  for (const { name, size, last_modified, seed, sample, chunk_bytes, sessions } of cases("keys.json")) {
    const content = new Uint8Array(size).map((_, at) => at * at + Math.floor(at / 256) + seed);
    const source = sourceOf(name, content);
    const found = await new OpenSource(source).sample();
    assert.equal(hex(found), sample, name);
    const key = new UploadKey({ name, sample: found, size, lastModified: last_modified }, chunk_bytes);
    for (const { kind, sha256, idem } of sessions) {
      const of = sha256 === null ? undefined : new Uint8Array(Buffer.from(sha256, "hex"));
      assert.equal(key.session(kind, of), idem, `${name} ${kind}`);
    }
  }
});

test("types.json: what a file is", () => {
  for (const { name, type, bytes, mime, misnamed, memory } of cases("types.json")) {
    const media = mediaOf(new Uint8Array(Buffer.from(bytes, "hex")), name, type);
    const found = [media.mimeType, media.misnamed ?? null, memoryTypeOfMime(media.mimeType)];
    assert.deepEqual(found, [mime, misnamed, memory], `${name} ${bytes}`);
  }
});

test("retry.json: what a failure is", () => {
  for (const { status, body, retry_after, failure, then } of cases("retry.json").faults) {
    const thrown = failure === undefined ? answered(status, body, retry_after) : failed(failure);
    assert.deepEqual(meaning(thrown), then, `${status ?? failure} ${body ?? ""}`);
  }
});

function meaning(thrown: unknown): object {
  const fault = understand("uploads_put_chunk", "http://host", thrown);
  const { transience, error, isSlow, retryAfterMs } = fault;
  assert.doesNotMatch(error.message, /<html>/, "a proxy's page is no sentence");
  return {
    transience,
    code: error.code,
    slow: isSlow ?? false,
    retry_after_ms: retryAfterMs ?? null,
  };
}

function retryAfterHeader(value: string | undefined): [string, string][] {
  return value === undefined ? [] : [["Retry-After", value]];
}

function answered(status: number, body: string, retryAfter: string | undefined): unknown {
  return ProtocolError.fromCode(new HttpErrorCode(status, "", retryAfterHeader(retryAfter), body));
}

function failed(how: string): unknown {
  const errors: Record<string, Error> = {
    refused: Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), { code: "ECONNREFUSED" }),
    reset: Object.assign(new Error("socket hang up"), { code: "ECONNRESET" }),
    untrusted: Object.assign(new Error("self-signed certificate in certificate chain"), {
      code: "SELF_SIGNED_CERT_IN_CHAIN",
    }),
    stalled: new DOMException("no byte moved for 20 s", "TimeoutError"),
  };
  const error = errors[how];
  assert.ok(error, how);
  return TransportError.fromCode(new HttpFetchErrorCode(error));
}

test("retry.json: pauses", () => {
  for (const { note, policy, failures } of cases("retry.json").pauses) {
    const attempts = new Attempts({
      attemptsMax: policy.attempts_max,
      pauseFirstMs: policy.pause_first_ms,
      pauseMaxMs: policy.pause_max_ms,
      unreachableMaxMs: policy.unreachable_max_ms,
      stallMs: 20_000,
    });
    for (const { transience, at_ms, retry_after_ms, pause_ms } of failures) {
      const pause = attempts.pauseAfter(transience as Transience, at_ms, 1, retry_after_ms);
      assert.equal(pause ?? null, pause_ms, `${note}: at ${at_ms}`);
    }
  }
});

test("carried.json: what comes along in the publish", () => {
  for (const { note, bytes_max, original, derived, carried } of cases("carried.json")) {
    const assets = Object.entries({ original, ...derived } as Record<AssetKind, number>);
    const listed = assets.map(([kind, bytes]) => ({ kind: kind as AssetKind, bytes }));
    assert.deepEqual([...carriedKinds(listed, bytes_max)].sort(), carried, note);
  }
});

test("display.json: which display is the original", () => {
  const { plain, choices } = cases("display.json");
  for (const { note, bytes, is_plain } of plain) {
    assert.equal(isPlain(Buffer.from(bytes, "hex")), is_plain, note);
  }
  for (const { note, original, display, is_original } of choices) {
    const { orientation, is_plain } = original;
    assert.equal(mayBeDisplay(original, orientation, display) && is_plain, is_original, note);
  }
});

test("road.json: what an answer to a chunk without an envelope means", () => {
  for (const { status, body, retry_after, then } of cases("road.json")) {
    const end = putEnd(status, "", retryAfterHeader(retry_after), body);
    const found = end.as === "failed" ? { as: end.as, ...meaning(end.error) } : { as: end.as };
    assert.deepEqual(found, then, `${status} ${body}`);
  }
});

test("parts.json: parts of a file, and which of them the bucket lacks", () => {
  const { cuts, missing } = cases("parts.json");
  for (const { bytes, put_bytes_max, part_bytes_min, parts_max, part_bytes, parts, last_bytes } of cuts) {
    const lane = { put_bytes_max: BigInt(put_bytes_max), part_bytes_min: BigInt(part_bytes_min), parts_max };
    const cut = new Cut(bytes, partBytes(bytes, lane));
    const last = cut.end(parts - 1) - cut.start(parts - 1);
    assert.deepEqual([cut.chunkBytes, cut.chunks, last], [part_bytes, parts, last_bytes], `${bytes}`);
  }
  for (const { note, bytes, part_bytes, found, there, send } of missing) {
    const present = { isFound: found, parts: new Map<number, number>(there) };
    assert.deepEqual(missingParts(present, new Cut(bytes, part_bytes)), send, note);
  }
});

test("parts.json: a longer part may take longer", () => {
  for (const { note, bytes, took_ms, late } of cases("parts.json").slow) {
    const window = new LineWindow(4);
    window.arrived(0, took_ms, bytes);
    assert.equal(window.limit, late ? 1 : 3, note);
  }
});

test("parts.json: what the host's answers mean, and the bucket's", () => {
  const { host, bucket, names } = cases("parts.json");
  for (const { status, body, retry_after, then } of host) {
    const end = hostEnd("uploads_finish", status, "", retryAfterHeader(retry_after), body);
    const found = end.as === "failed" ? { as: end.as, ...meaning(end.error) } : { as: end.as };
    assert.deepEqual(found, then, `${status} ${body}`);
  }
  const url = new URL("https://s3.example/photos/capsule_1/7-ab?X-Amz-Signature=secret");
  for (const { status, body, retry_after, then } of bucket) {
    const end = bucketEnd(url, 3, status, retryAfterHeader(retry_after), body);
    const found = end.as === "failed" ? { as: end.as, ...meaning(end.error) } : { ...end };
    assert.deepEqual(found, then, `${status} ${body}`);
    assert.doesNotMatch(JSON.stringify(end), /secret|Signature=/);
  }
  for (const { address, name } of names) {
    assert.equal(bucketName(new URL(address)), name);
  }
});

test("window.json: how many fly at once", () => {
  for (const { note, max, first, events } of cases("window.json")) {
    const window = new LineWindow(max);
    assert.equal(window.limit, first, note);
    for (const { from_ms, at_ms, what, limit } of events) {
      window[what as "arrived" | "late"](from_ms, at_ms);
      assert.equal(window.limit, limit, `${note}: ${what} at ${at_ms}`);
    }
  }
});
