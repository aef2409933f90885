// What callers give, checked where it comes in: JavaScript does not look at types. Owns the refusals of options; what a file is,
// is in upload/source.ts.

import { KeepsakeError } from "./errors.js";
import type { KeepsakeOptions, MemoryChanges, UploadConfig } from "./types.js";
import type { UploadOptions } from "./upload/types.js";

type Test = readonly [is: (value: unknown) => boolean, wanted: string];

const text: Test = [(value) => typeof value === "string", "a string"];
/** What is in it is the encoder's to look at. */
const texts: Test = [Array.isArray, "an array of strings"];
const date: Test = [(value) => Object.prototype.toString.call(value) === "[object Date]", "a Date"];
const aFunction: Test = [(value) => typeof value === "function", "a function"];
const functionOrFalse: Test = [
  (value) => value === false || typeof value === "function",
  "a function or false",
];
const objectOrFalse: Test = [(value) => value === false || isObject(value), "an object or false"];
const object: Test = [isObject, "an object"];
const number: Test = [(value) => typeof value === "number" && !Number.isNaN(value), "a number"];
const signal: Test = [
  (value) => isObject(value) && "aborted" in value && "addEventListener" in value,
  "an AbortSignal",
];
const bytes: Test = [(value) => value instanceof Uint8Array && value.length > 0, "a Uint8Array, DER"];
const identity: Test = [
  (value) => isObject(value) && "getPrincipal" in value && "transformRequest" in value,
  "an identity that signs; a promise of one is to be awaited first",
];

const CONNECT: Readonly<Record<string, Test>> = {
  identity,
  fetch: aFunction,
  rootKey: bytes,
  road: oneOf("auto", "envelopes"),
  retry: object,
  assetHost: text,
  resume: objectOrFalse,
};

const UPLOAD: Readonly<Record<string, Test>> = {
  capsuleId: text,
  title: text,
  tags: texts,
  description: text,
  dateOfMemory: date,
  derive: functionOrFalse,
  concurrency: number,
  onProgress: aFunction,
  signal,
  resume: objectOrFalse,
  ifPresent: oneOf("reuse", "again"),
  offlineMaxSeconds: number,
  hosting: oneOf("auto", "s3", "host"),
};

const CHANGES: Readonly<Record<string, Test>> = { title: text, description: text, dateOfMemory: date };

export function checkConnect(options: KeepsakeOptions): void {
  if (!isObject(options)) {
    throw refused(
      "Keepsake.connect takes { host, canisterId, identity }: a node prints the first two when it starts",
    );
  }
  check("connect", options, CONNECT);
}

/** A text that the service would refuse is refused before anything is sent. */
export function checkUpload(options: UploadOptions, config: UploadConfig): void {
  check("upload", options, UPLOAD);
  const length = new TextEncoder().encode(options.description ?? "").length;
  if (length > config.text_long_bytes_max) {
    const detail = `${length} > ${config.text_long_bytes_max}`;
    const message = `the description is too long: it has ${length} bytes, and this service takes up to ${config.text_long_bytes_max}`;
    throw new KeepsakeError("InvalidArgument", message, { code: "text_too_long", detail });
  }
}

export function checkChanges(changes: MemoryChanges): void {
  check("update", changes, CHANGES);
}

/** One id is iterable too, by its letters. */
export function checkIds(ids: unknown, call: string): void {
  if (!isObject(ids) || !(Symbol.iterator in ids)) {
    throw refused(`${call} takes an array of ids, not ${told(ids)}`);
  }
}

/** An id, or another text. */
export function checkText(value: unknown, what: string): void {
  if (typeof value !== "string") {
    throw refused(`${what} is a string, not ${told(value)}`);
  }
}

function check(call: string, options: object, tests: Readonly<Record<string, Test>>): void {
  if (!isObject(options)) {
    throw refused(`${call} takes its options as an object, not ${told(options)}`);
  }
  for (const [name, [is, wanted]] of Object.entries(tests)) {
    const value: unknown = Reflect.get(options, name);
    if (value !== undefined && !is(value)) {
      throw refused(`${call}: ${name} is ${wanted}, not ${told(value)}`);
    }
  }
}

function refused(message: string): KeepsakeError {
  return new KeepsakeError("InvalidArgument", message, { code: "bad_argument" });
}

function oneOf(...names: string[]): Test {
  return [(value) => names.includes(value as string), names.map((name) => JSON.stringify(name)).join(" or ")];
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** A value in few words: never a secret, as no text of it is shown but a short one. */
function told(value: unknown): string {
  if (typeof value === "string") {
    return value.length > 40 ? "a long string" : JSON.stringify(value);
  }
  if (value instanceof Promise) {
    return "a promise";
  }
  return isObject(value) ? "such an object" : String(value);
}
