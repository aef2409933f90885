// Links: a secret in an address's fragment, which no server sees, and the key that it makes. Whoever has it may look.
// Owns the fragment's form and the derivation, one for all clients: fixtures/client/links.json has the cases.

import type { Ed25519KeyIdentity } from "@icp-sdk/core/identity";
import { markOfLink } from "./of-link.js";
import { identityOf } from "./recovery.js";
import { randomSecret, secretOfText, textOf } from "./secret.js";
import { refused } from "./words.js";

const INFO = "keepsake link key v1";
const PASSWORD_SALT = "keepsake link password v1";
/** As many as OWASP asks for: https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#pbkdf2 */
const PASSWORD_ROUNDS = 600_000;
const PASSWORD_KEY_BYTES = 32;

/** What an address says of a link. */
export interface ParsedLink {
  secret: Uint8Array<ArrayBuffer>;
  /** A password belongs to it: ask for it, and give it to `linkIdentity`. */
  hasPassword: boolean;
}

/** The secret of a new link: 16 bytes from the system's own randomness. Whoever has it may look. */
export function newLinkSecret(): Uint8Array<ArrayBuffer> {
  return randomSecret();
}

/** What stands behind a page's address: `#link=…`, and `&password=yes` where a password is needed. */
export function linkFragment(secret: Uint8Array, options: { hasPassword?: boolean } = {}): string {
  return `#link=${textOf(secret)}${options.hasPassword ? "&password=yes" : ""}`;
}

/** Reads the address of a link, or its fragment alone. Throws `link_malformed` where it is no link, or not a whole one. */
export function parseLink(address: string): ParsedLink {
  const text = address.trim();
  const parts = text.slice(text.indexOf("#") + 1).split("&");
  const [link, ...links] = valuesOf(parts, "link");
  const [password, ...passwords] = valuesOf(parts, "password");
  const secret = link === undefined ? undefined : secretOfText(link);
  const isOnce = links.length === 0 && passwords.length === 0;
  if (!secret || !isOnce || !(password === undefined || password === "yes")) {
    throw refused(
      "link_malformed",
      "this link is not whole: it ends in #link= and 22 letters, digits, - and _. Copy it again",
    );
  }
  return { secret, hasPassword: password !== undefined };
}

function valuesOf(parts: string[], name: string): string[] {
  const found = parts.filter((part) => part.startsWith(`${name}=`));
  return found.map((part) => part.slice(name.length + 1));
}

/**
 * The key that a link's secret makes, with the password where it was made with one. Another password makes another key, which
 * opens nothing. A client that is connected by it only looks: whatever would change something, it refuses by itself, as a key
 * that no link was made of would be a person's, of whom everybody with the address is one. With a password it takes some tenths of a second, elsewhere than on this thread; at an address without
 * https, where the browser has no WebCrypto, some seconds. Throws `password_empty`.
 */
export async function linkIdentity(secret: Uint8Array, password?: string): Promise<Ed25519KeyIdentity> {
  if (password === "") {
    throw refused("password_empty", "the password is empty: a password has at least one character");
  }
  const salt = password === undefined ? undefined : await keyOfPassword(password, secret);
  const identity = identityOf(secret, salt, INFO);
  markOfLink(identity);
  return identity;
}

async function keyOfPassword(password: string, secret: Uint8Array): Promise<Uint8Array> {
  // Keyboards differ in how they compose letters.
  const bytes = new TextEncoder().encode(password.normalize("NFC"));
  const salt = new Uint8Array([...new TextEncoder().encode(PASSWORD_SALT), ...secret]);
  const subtle = globalThis.crypto?.subtle;
  if (subtle) {
    const key = await subtle.importKey("raw", bytes, "PBKDF2", false, ["deriveBits"]);
    const rule = { name: "PBKDF2", hash: "SHA-256", salt, iterations: PASSWORD_ROUNDS };
    return new Uint8Array(await subtle.deriveBits(rule, key, PASSWORD_KEY_BYTES * 8));
  }
  const [{ pbkdf2Async }, { sha256 }] = await Promise.all([
    import("@noble/hashes/pbkdf2.js"),
    import("@noble/hashes/sha2.js"),
  ]);
  return await pbkdf2Async(sha256, bytes, salt, { c: PASSWORD_ROUNDS, dkLen: PASSWORD_KEY_BYTES });
}
