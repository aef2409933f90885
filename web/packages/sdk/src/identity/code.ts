// Codes that let a device join, or a guest in: 16 random bytes that the service draws, as 22 characters for addresses and 12
// words for people. Owns reading and writing a code. What it opens is the service's to say.

import { secretOfText, textOf } from "./secret.js";
import { refused, secretOfWords, wordsOfSecret } from "./words.js";

const IN_ADDRESS = /#(?:join|invite)=([^&]*)/;
/** Twelve words have more characters than that, however short they are. */
const CHARS_OF_NO_WORDS = 36;

/** A code of 22 characters as 12 English words, for people. */
export async function wordsOfCode(code: string): Promise<string> {
  return await wordsOfSecret(secretOfText(code) ?? malformed());
}

/**
 * The code, as 22 characters, that somebody typed or pasted: 12 words (in any case, numbered or not, or the first four letters of each), the 22
 * characters, or an address that ends in `#join=CODE` or `#invite=CODE`. Throws what to tell them: `words_count`,
 * `word_unknown`, `words_checksum`, `code_malformed`.
 */
export async function codeFromWords(typed: string): Promise<string> {
  const text = typed.trim();
  const code = IN_ADDRESS.exec(text)?.[1] ?? text;
  if (secretOfText(code)) {
    return code;
  }
  if (!/\s/.test(text) && (/[#/]/.test(text) || [...text].length < CHARS_OF_NO_WORDS)) {
    return malformed();
  }
  return textOf(await secretOfWords(text, 16));
}

function malformed(): never {
  throw refused(
    "code_malformed",
    "this is no code: a code is 12 words, or 22 letters, digits, - and _ without a space",
  );
}
