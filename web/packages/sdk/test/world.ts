// What the tests share: clients with new identities, files of random bytes, and a network that can be watched and broken.
// Owns the seeded randomness: a failing run is repeated by KEEPSAKE_SEED.

import assert from "node:assert/strict";
import { createHash, randomInt } from "node:crypto";
import { Ed25519KeyIdentity } from "@icp-sdk/core/identity";
import {
  type DerivedImage,
  type Deriver,
  Keepsake,
  KeepsakeError,
  type KeepsakeOptions,
  type UploadSource,
} from "@keepsake/sdk";
import type { Host } from "./serving.js";

export const SEED = Number(process.env.KEEPSAKE_SEED ?? randomInt(2 ** 31));
let state = SEED >>> 0;
console.log(`# KEEPSAKE_SEED=${SEED}`);

/** mulberry32 */
function next(): number {
  state = (state + 0x6d2b79f5) >>> 0;
  let mixed = Math.imul(state ^ (state >>> 15), state | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return (mixed ^ (mixed >>> 14)) >>> 0;
}

export function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  const words = Uint32Array.from({ length: Math.ceil(length / 4) }, next);
  return new Uint8Array(words.buffer).slice(0, length);
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

export function connect(host: Host, options: Partial<KeepsakeOptions> = {}): Promise<Keepsake> {
  const identity = Ed25519KeyIdentity.generate();
  return Keepsake.connect({ host: host.url, canisterId: host.canisterId, identity, ...options });
}

/** Counts the updates that go over the wire, chunks without envelopes among them, and may break them. */
export class Wire {
  /** Methods of the updates sent, in order. */
  readonly sent: string[] = [];
  /** Chunks without envelopes among them. */
  puts = 0;
  /** Methods of the queries sent. */
  readonly asked: string[] = [];
  /** Most updates in flight at once. */
  widest = 0;
  #flying = 0;
  /** Throws before the message is sent, or after its answer came. */
  fault: (method: string, when: "before" | "after", count: number) => void | Promise<void> = () => {};

  count(method: string): number {
    return this.sent.filter((sent) => sent === method).length;
  }

  /** Waited for before a query is sent. */
  onQuery: (method: string) => void | Promise<void> = () => {};

  readonly fetch: typeof fetch = async (input, init) => {
    const method = init?.method === "PUT" ? "uploads_put_chunk" : methodOf(init?.body);
    if (method !== undefined && String(input).endsWith("/query")) {
      this.asked.push(method);
      await this.onQuery(method);
    }
    if (method === undefined || !/\/call$|\/upload\/\d+$/.test(String(input))) {
      return await fetch(input, init);
    }
    this.sent.push(method);
    this.puts += init?.method === "PUT" ? 1 : 0;
    const count = this.count(method);
    this.#flying += 1;
    this.widest = Math.max(this.widest, this.#flying);
    try {
      await this.fault(method, "before", count);
      const response = await fetch(input, init);
      const body = await response.arrayBuffer();
      await this.fault(method, "after", count);
      const { status, statusText, headers } = response;
      return new Response(status === 204 ? null : body, { status, statusText, headers });
    } finally {
      this.#flying -= 1;
    }
  };
}

/** The name of the method within the CBOR of an envelope: a text of up to 23 bytes, or with its length before it. */
function methodOf(body: unknown): string | undefined {
  const bytes =
    body instanceof Uint8Array ? Buffer.from(body.buffer, body.byteOffset, body.byteLength) : undefined;
  const key = bytes?.indexOf("method_name") ?? -1;
  if (!bytes || key < 0) {
    return undefined;
  }
  const at = key + "method_name".length;
  const head = bytes[at] ?? 0;
  const [start, length] = head === 0x78 ? [at + 2, bytes[at + 1] ?? 0] : [at + 1, head & 0x1f];
  return bytes.toString("latin1", start, start + length);
}

/** As the network says it when a connection breaks. */
export function broken(): TypeError {
  return new TypeError("fetch failed", {
    cause: Object.assign(new Error("socket hang up"), { code: "ECONNRESET" }),
  });
}

/** A source whose reads are counted. */
export function sourceOf(name: string, bytes: Uint8Array): UploadSource & { reads: number } {
  return {
    name,
    type: "",
    size: bytes.length,
    lastModified: 1_700_000_000_000,
    reads: 0,
    async slice(start, end) {
      this.reads += end - start;
      return bytes.slice(start, end);
    },
    asBlob: async () => new Blob([bytes.slice()]),
  };
}

/** Bytes that begin as a PNG does; nothing in Node decodes them. */
export function pictureLike(length: number): Uint8Array<ArrayBuffer> {
  const bytes = randomBytes(length);
  bytes.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return bytes;
}

/** Stands in for the codecs that only browsers have: the same derivatives for the same bytes. */
export const deriveFixed = deriving(2_000_000);

/** The same for a small photo. */
export const deriveSmall = deriving(100_000);

function deriving(displayBytes: number): Deriver {
  return (source) => derived(source, displayBytes);
}

async function derived(source: Blob, displayBytes: number): Promise<DerivedImage> {
  const first = new Uint8Array(await source.slice(0, 64).arrayBuffer());
  const made = (
    kind: "display" | "thumbnail" | "placeholder",
    length: number,
    width: number,
    height: number,
  ) => {
    const bytes = new Uint8Array(length).map((_, index) => (first[index % 64] ?? 0) ^ (index & 255) ^ width);
    return { kind, bytes, mimeType: "image/jpeg", width, height };
  };
  return {
    width: 4000,
    height: 3000,
    orientation: 6,
    takenAt: new Date("2024-05-06T07:08:09Z"),
    derivatives: [
      made("display", displayBytes, 1440, 1080),
      made("thumbnail", 40_000, 400, 300),
      made("placeholder", 700, 24, 18),
    ],
  };
}

/** Asserts the kind, the code, and that the message says what to do. */
export function says(kind: string, code: string, text: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof KeepsakeError, String(error));
    assert.deepEqual([error.kind, error.code], [kind, code], error.message);
    assert.match(error.message, text);
    return true;
  };
}
