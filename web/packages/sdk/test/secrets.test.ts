// Secrets that people hold: codes, recovery sheets, links, and the keys that they make, case by case from fixtures/client.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  codeFromWords,
  KeepsakeError,
  linkFragment,
  linkIdentity,
  newLinkSecret,
  newRecoveryWords,
  parseLink,
  recoveryIdentity,
  wordsOfCode,
} from "@keepsake/sdk";

const fixtures = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "..", "fixtures", "client");

// biome-ignore lint/suspicious/noExplicitAny: the files say what they hold
function cases(name: string): any {
  return JSON.parse(readFileSync(join(fixtures, name), "utf8"));
}

const bytes = (text: string) => new Uint8Array(Buffer.from(text, "hex"));

/** What came of it, or what was told. */
async function outcome<T>(work: () => T | Promise<T>): Promise<{ found: T | null; error: object | null }> {
  try {
    return { found: await work(), error: null };
  } catch (error) {
    assert.ok(error instanceof KeepsakeError && error.kind === "InvalidArgument", String(error));
    return { found: null, error: { code: error.code, message: error.message } };
  }
}

test("words.json: codes as words and text, and what people type", async () => {
  const { codes, typed } = cases("words.json");
  const bytesOf = (text: string) => Buffer.from(text, "base64url").toString("hex");
  for (const { bytes: code, text, words } of codes) {
    assert.deepEqual([bytesOf(text), await wordsOfCode(text)], [code, words]);
    for (const form of [text, words]) {
      assert.equal(await codeFromWords(form), text);
    }
  }
  await assert.rejects(wordsOfCode("abandon"), /this is no code/);
  for (const { note, typed: text, bytes: found, error } of typed) {
    assert.deepEqual(await outcome(async () => bytesOf(await codeFromWords(text))), { found, error }, note);
  }
});

test("recovery.json: the key of a sheet", async () => {
  const { keys, typed } = cases("recovery.json");
  for (const { words, principal } of keys) {
    assert.equal((await recoveryIdentity(words)).getPrincipal().toText(), principal);
  }
  for (const { note, typed: text, principal, error } of typed) {
    const found = await outcome(async () => (await recoveryIdentity(text)).getPrincipal().toText());
    assert.deepEqual(found, { found: principal, error }, note);
  }
});

test("links.json: fragments, and the key of a link", async () => {
  const { fragments, addresses, keys } = cases("links.json");
  for (const { secret, has_password: hasPassword, fragment } of fragments) {
    assert.equal(linkFragment(bytes(secret), { hasPassword }), fragment);
  }
  for (const { note, address, secret, has_password: hasPassword, error } of addresses) {
    const found = secret === null ? null : { secret: bytes(secret), hasPassword };
    assert.deepEqual(await outcome(() => parseLink(address)), { found, error }, note);
  }
  for (const { note, secret, password, principal, error } of keys) {
    const made = () => linkIdentity(bytes(secret), password ?? undefined);
    const found = await outcome(async () => (await made()).getPrincipal().toText());
    assert.deepEqual(found, { found: principal, error }, note);
  }
});

test("a page at a plain address has no WebCrypto, and makes the same key of a link", async () => {
  const { keys } = cases("links.json");
  const { secret, password, principal } = keys.find(({ note }: { note: string }) => note === "composed");
  Object.defineProperty(crypto, "subtle", { value: undefined, configurable: true });
  try {
    const identity = await linkIdentity(bytes(secret), password);
    assert.equal(identity.getPrincipal().toText(), principal);
  } finally {
    Reflect.deleteProperty(crypto, "subtle");
  }
});

test("what is new is another one each time, and is read again", async () => {
  const secret = newLinkSecret();
  assert.notDeepEqual(secret, newLinkSecret());
  assert.deepEqual(parseLink(linkFragment(secret)), { secret, hasPassword: false });
  const sheet = await newRecoveryWords();
  assert.notEqual(sheet, await newRecoveryWords());
  const [one, again] = await Promise.all([recoveryIdentity(sheet), recoveryIdentity(sheet)]);
  assert.equal(one.getPrincipal().toText(), again.getPrincipal().toText());
});
