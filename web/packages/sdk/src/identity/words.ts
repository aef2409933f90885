// Secrets as words that a person writes down and types again: the 2,048 English words of BIP-39, with its checksum
// (https://github.com/bitcoin/bips/blob/master/bip-0039.mediawiki). Owns how typed text is read, and what is said where it is
// wrong: fixtures/client/words.json has the cases. The list is loaded when it is first wanted.

import { KeepsakeError } from "../errors.js";

/** Words of the list differ in these letters: whoever types no more of one is understood. */
const LETTERS_THAT_TELL = 4;
/** From this many letters on, a word that begins with them counts as near. */
const LETTERS_OF_A_BEGINNING = 3;
/** A word of the list that is farther from what was typed is not worth naming. */
const DISTANCE_MAX = 2;
const SUGGESTIONS_MAX = 3;
/** Longest part of a typed word that is told, characters. */
const SHOWN_CHARS_MAX = 30;

interface Bip39 {
  list: readonly string[];
  words(secret: Uint8Array): string;
  secret(words: string): Uint8Array;
}

let loading: Promise<Bip39> | undefined;

/** Tried again where it could not be loaded. */
function bip39(): Promise<Bip39> {
  loading ??= load().catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function load(): Promise<Bip39> {
  const [{ entropyToMnemonic, mnemonicToEntropy }, { wordlist }] = await Promise.all([
    import("@scure/bip39"),
    import("@scure/bip39/wordlists/english.js"),
  ]);
  return {
    list: wordlist,
    words: (secret) => entropyToMnemonic(secret, wordlist),
    secret: (words) => mnemonicToEntropy(words, wordlist),
  };
}

/** The words of a secret of 16 or 32 bytes: 12 or 24, with a space between them. */
export async function wordsOfSecret(secret: Uint8Array): Promise<string> {
  return (await bip39()).words(secret);
}

/**
 * The secret of 16 or 32 bytes whose words a person typed: in any case, with anything but letters between them, numbered, or
 * the first four letters of each. Refuses the count first, then the first word that is none, then the checksum.
 */
export async function secretOfWords(typed: string, bytes: 16 | 32): Promise<Uint8Array<ArrayBuffer>> {
  const found = tokens(typed);
  const needed = (bytes * 3) / 4;
  if (found.length !== needed) {
    const counted = found.length === 1 ? "1 word was found" : `${found.length} words were found`;
    throw refused("words_count", `${counted}, and ${needed} are needed`);
  }
  const { list, secret } = await bip39();
  const words = found.map((token, index) => wordOf(list, token) ?? unknown(list, token, index));
  try {
    return new Uint8Array(secret(words.join(" ")));
  } catch {
    throw refused("words_checksum", "one of the words is wrong, or two are in the wrong order");
  }
}

/** Runs of letters in small ones; numbers, alone or before a word, are the places in a list. */
function tokens(typed: string): string[] {
  const runs = typed.match(/[\p{Alphabetic}\p{N}]+/gu) ?? [];
  const words = runs.map((run) => run.replace(/^\p{N}+/u, "")).filter(Boolean);
  return words.map((word) => word.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()));
}

/** The word itself, or the only one that begins so. */
function wordOf(list: readonly string[], token: string): string | undefined {
  if (list.includes(token)) {
    return token;
  }
  return [...token].length >= LETTERS_THAT_TELL ? list.find((word) => word.startsWith(token)) : undefined;
}

function unknown(list: readonly string[], token: string, index: number): never {
  const chars = [...token];
  const shown = chars.length > SHOWN_CHARS_MAX ? `${chars.slice(0, SHOWN_CHARS_MAX).join("")}…` : token;
  const near = nearest(list, token).map((word) => `"${word}"`);
  const last = near.pop();
  const names = near.length > 0 ? `${near.join(", ")} or ${last}` : last;
  const asked = last === undefined ? "" : `: did you mean ${names}?`;
  throw refused("word_unknown", `word ${index + 1}, "${shown}", is not one of the words${asked}`);
}

/** The words of the list that are nearest, in its order. */
function nearest(list: readonly string[], token: string): string[] {
  const typed = [...token].slice(0, SHOWN_CHARS_MAX);
  const begins = typed.length >= LETTERS_OF_A_BEGINNING;
  const far = list.map((word) =>
    begins && word.startsWith(token) ? Math.min(1, distance(typed, word)) : distance(typed, word),
  );
  const least = far.reduce((one, other) => Math.min(one, other), DISTANCE_MAX + 1);
  return least > DISTANCE_MAX ? [] : list.filter((_, at) => far[at] === least).slice(0, SUGGESTIONS_MAX);
}

/**
 * Letters that are missing, too many, others, or changed places with their neighbour
 * (https://en.wikipedia.org/wiki/Damerau%E2%80%93Levenshtein_distance, optimal string alignment).
 */
function distance(typed: readonly string[], word: string): number {
  const rows: number[][] = [Array.from({ length: word.length + 1 }, (_, at) => at)];
  const edits = (i: number, j: number) => rows[i]?.[j] ?? Number.POSITIVE_INFINITY;
  for (let i = 1; i <= typed.length; i += 1) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= word.length; j += 1) {
      const other = typed[i - 1] === word[j - 1] ? 0 : 1;
      const isExchanged = typed[i - 1] === word[j - 2] && typed[i - 2] === word[j - 1];
      const exchanged = isExchanged ? edits(i - 2, j - 2) + 1 : Number.POSITIVE_INFINITY;
      row.push(Math.min(edits(i - 1, j - 1) + other, edits(i - 1, j) + 1, edits(i, j - 1) + 1, exchanged));
    }
  }
  return edits(typed.length, word.length);
}

export function refused(
  code:
    | "words_count"
    | "word_unknown"
    | "words_checksum"
    | "code_malformed"
    | "link_malformed"
    | "password_empty",
  message: string,
): KeepsakeError {
  return new KeepsakeError("InvalidArgument", message, { code });
}
