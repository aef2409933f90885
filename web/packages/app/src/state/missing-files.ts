// Files that the browser no longer has after a reload, and that the person has to choose again. Owns their list, which it
// keeps for later reloads too, and the check that they were not published in the meantime: what is kept for a reload is
// older than the last message.

import type { CapsuleId, Keepsake } from "@keepsake/sdk";

export interface MissingFile {
  name: string;
  bytes: number;
  type: string;
  /** Where it was going. */
  capsuleId?: CapsuleId;
}

const KEY_PREFIX = "keepsake-missing:";
/** More are not kept: this is a list to work off, and storage is small. */
const KEPT_MAX = 2_000;
/** The newest memories that are compared. */
const HEADERS_MAX = 500;

let key = KEY_PREFIX;
let files: MissingFile[] = [];

/** What is missing for this person. Call it once, before the others. */
export function missingFilesOf(principal: string): readonly MissingFile[] {
  key = KEY_PREFIX + principal;
  try {
    files = JSON.parse(localStorage.getItem(key) ?? "[]");
  } catch {
    files = [];
  }
  return files;
}

export function rememberMissing(more: readonly MissingFile[]): void {
  const fresh = more.filter((file) => findMissing(file.name, file.bytes) === undefined);
  files = [...files, ...fresh].slice(-KEPT_MAX);
  save();
}

export function findMissing(name: string, bytes: number): MissingFile | undefined {
  return files.find((file) => file.name === name && file.bytes === bytes);
}

export function forgetMissing(name: string, bytes: number): void {
  files = files.filter((file) => file.name !== name || file.bytes !== bytes);
  save();
}

/** Nothing of the person stays in this browser. */
export function forgetAllMissing(): void {
  for (const name of Object.keys(localStorage).filter((name) => name.startsWith(KEY_PREFIX))) {
    localStorage.removeItem(name);
  }
}

/** Those of `candidates` that are no memory yet. Where nobody can be asked, all of them: to choose one again is harmless. */
export async function unpublished(
  keepsake: Keepsake,
  candidates: readonly MissingFile[],
): Promise<MissingFile[]> {
  const published = new Set<string>();
  for (const capsuleId of new Set(candidates.map((file) => file.capsuleId))) {
    if (capsuleId === undefined) continue;
    let count = 0;
    try {
      for await (const { title, assets } of keepsake.memories.all(capsuleId, { limit: 100 })) {
        const original = assets.find((asset) => asset.kind === "original");
        // What came in a folder is called by its path.
        published.add(`${capsuleId}/${original?.bytes}/${title?.split("/").at(-1)}`);
        count += 1;
        if (count >= HEADERS_MAX) break;
      }
    } catch {}
  }
  return candidates.filter(({ name, bytes, capsuleId }) => !published.has(`${capsuleId}/${bytes}/${name}`));
}

function save(): void {
  try {
    if (files.length === 0) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify(files));
  } catch {
    // A full storage costs the list at the next reload, and nothing now.
  }
}
