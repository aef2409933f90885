// The memories of the open capsule, newest first, page by page. It owns the list and when to ask for more of it.
// The pictures' addresses are in pictures.ts.

import type { MemoryHeader } from "@keepsake/sdk";
import { signal } from "@preact/signals";
import { account } from "./account.js";
import { explain } from "./explain.js";

const PAGE_ITEMS = 50;
/** After being away, this many pages are asked for at most before the list starts anew. */
const CATCH_UP_PAGES_MAX = 10;

export const memories = signal<readonly MemoryHeader[]>([]);
export const isLoading = signal(false);
export const galleryError = signal<string | undefined>(undefined);
/** There are memories that were not asked for yet. */
export const hasMore = signal(false);

let capsuleId: string | undefined;
let cursor: string | undefined;

/** Shows another capsule from its first page. */
export async function openGallery(id: string): Promise<void> {
  capsuleId = id;
  cursor = undefined;
  memories.value = [];
  hasMore.value = true;
  isLoading.value = false;
  await loadMore();
}

/** No capsule is open. */
export function closeGallery(): void {
  capsuleId = undefined;
  cursor = undefined;
  memories.value = [];
  hasMore.value = false;
  isLoading.value = false;
}

export async function loadMore(): Promise<void> {
  const id = capsuleId;
  if (id === undefined || isLoading.value || !hasMore.value) return;
  isLoading.value = true;
  galleryError.value = undefined;
  try {
    const page = await account().keepsake.memories.page(id, { cursor, limit: PAGE_ITEMS });
    if (id !== capsuleId) return;
    const known = new Set(memories.value.map((memory) => memory.id));
    memories.value = [...memories.value, ...page.items.filter((memory) => !known.has(memory.id))];
    cursor = page.nextCursor;
    hasMore.value = cursor !== undefined;
  } catch (error) {
    if (id === capsuleId) galleryError.value = explain(error);
  } finally {
    if (id === capsuleId) isLoading.value = false;
  }
}

let refreshing: Promise<void> | undefined;
let again = false;

/** Brings the top of the list up to date. Many calls in a row, as after a drop of 200 photos, become few. */
export function refreshGallery(): Promise<void> {
  if (refreshing !== undefined) {
    again = true;
    return refreshing;
  }
  refreshing = refresh().finally(() => {
    refreshing = undefined;
    if (again) {
      again = false;
      void refreshGallery();
    }
  });
  return refreshing;
}

async function refresh(): Promise<void> {
  const id = capsuleId;
  if (id === undefined) return;
  try {
    await catchUp(id);
  } catch {
    // The list stays as it was; the next turn of the watch asks again and says what is wrong.
  }
}

async function catchUp(id: string): Promise<void> {
  const known = new Set(memories.value.map((memory) => memory.id));
  const fresh: MemoryHeader[] = [];
  let next: string | undefined;
  for (let pages = 0; pages < CATCH_UP_PAGES_MAX; pages += 1) {
    const page = await account().keepsake.memories.page(id, { cursor: next, limit: PAGE_ITEMS });
    if (id !== capsuleId) return;
    fresh.push(...page.items);
    next = page.nextCursor;
    if (next === undefined || page.items.some((memory) => known.has(memory.id))) break;
  }
  merge(fresh, next);
}

// `fresh` is the truth down to its last memory; below that, what is known stays.
function merge(fresh: MemoryHeader[], next: string | undefined): void {
  const last = fresh.at(-1);
  const at = last === undefined ? -1 : memories.value.findIndex((memory) => memory.id === last.id);
  if (next === undefined || at < 0) {
    memories.value = fresh;
    cursor = next;
    hasMore.value = next !== undefined;
  } else {
    memories.value = [...fresh, ...memories.value.slice(at + 1)];
  }
}

/** Takes a memory off the list at once, before the service says so. */
export function forget(id: string): void {
  memories.value = memories.value.filter((memory) => memory.id !== id);
}
