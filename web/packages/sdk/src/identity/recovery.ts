// The recovery sheet: 24 words that a person keeps on paper, and the key that they make. Owns the derivation, one for all
// clients: fixtures/client/recovery.json has its cases. Keeps nothing.

import { Ed25519KeyIdentity } from "@icp-sdk/core/identity";
import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { randomSecret } from "./secret.js";
import { secretOfWords, wordsOfSecret } from "./words.js";

const ENTROPY_BYTES = 32;
const SEED_BYTES = 32;
const INFO = "keepsake recovery key v1";

/** 24 new English words, for a sheet of paper. Nothing keeps them: show them once, and let the person print or write them. */
export async function newRecoveryWords(): Promise<string> {
  return await wordsOfSecret(randomSecret(ENTROPY_BYTES));
}

/**
 * The key that the 24 words of a recovery sheet make. It is a second way into an account, once it joined that. Never keep it:
 * whoever recovers makes a new key by `keepIdentity()`, lets it join by this one, and forgets this one. Throws what to tell
 * whoever typed: `words_count`, `word_unknown`, `words_checksum`.
 */
export async function recoveryIdentity(words: string): Promise<Ed25519KeyIdentity> {
  return identityOf(await secretOfWords(words, ENTROPY_BYTES), undefined, INFO);
}

/** The Ed25519 key whose seed is HKDF-SHA256 of the secret: https://www.rfc-editor.org/rfc/rfc5869 */
export function identityOf(
  secret: Uint8Array,
  salt: Uint8Array | undefined,
  info: string,
): Ed25519KeyIdentity {
  // In JavaScript: it takes a fraction of a millisecond, and a page at a plain address has no WebCrypto.
  const seed = hkdf(sha256, secret, salt, new TextEncoder().encode(info), SEED_BYTES);
  return Ed25519KeyIdentity.generate(seed);
}
