// Addresses of pictures: each needs a token, which lends this person's rights for an hour. It owns the tokens.

import type { AssetKind, MemoryHeader } from "@keepsake/sdk";
import { account } from "./account.js";

const VALID_SECONDS = 3600;
/** Before a token ends, a new one is asked for: an image may wait long in the browser's queue. */
const SPARE_MS = 10 * 60 * 1000;
/** Tokens kept; the oldest go first. */
const TOKENS_MAX = 5_000;
const BATCH_MAX = 50;

interface Kept {
  token: Promise<string | undefined>;
  expiresAt: number;
}

const kept = new Map<string, Kept>();
let waiting: { id: string; resolve: (token: string | undefined) => void }[] = [];

/** The address of one asset, or undefined where the person may not see it. */
export async function pictureUrl(memoryId: string, kind: AssetKind): Promise<string | undefined> {
  const token = await tokenFor(memoryId);
  return token === undefined ? undefined : account().keepsake.assetUrl(memoryId, kind, { token });
}

/** Forgets the token, as when a picture did not load with it. */
export function renewToken(memoryId: string): void {
  kept.delete(memoryId);
}

export function hasAsset(memory: MemoryHeader, kind: AssetKind): boolean {
  return memory.assets.some((asset) => asset.kind === kind);
}

function tokenFor(id: string): Promise<string | undefined> {
  const found = kept.get(id);
  if (found !== undefined && found.expiresAt > Date.now()) return found.token;
  const token = new Promise<string | undefined>((resolve) => {
    // All pictures that come into view in one turn share one question.
    if (waiting.length === 0) queueMicrotask(() => void askForWaiting());
    waiting.push({ id, resolve });
  });
  kept.set(id, { token, expiresAt: Date.now() + VALID_SECONDS * 1000 - SPARE_MS });
  for (const oldest of kept.keys()) {
    if (kept.size <= TOKENS_MAX) break;
    kept.delete(oldest);
  }
  return token;
}

async function askForWaiting(): Promise<void> {
  const all = waiting;
  waiting = [];
  for (let start = 0; start < all.length; start += BATCH_MAX) {
    const batch = all.slice(start, start + BATCH_MAX);
    const ids = batch.map(({ id }) => id);
    try {
      const tokens = await account().keepsake.tokens(ids, { validForSeconds: VALID_SECONDS });
      for (const { id, resolve } of batch) resolve(tokens.get(id));
    } catch {
      for (const { id, resolve } of batch) {
        kept.delete(id);
        resolve(undefined);
      }
    }
  }
}
