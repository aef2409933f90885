// The files that Uppy keeps for a reload of the page. Owns under whose name they are kept, and that they are forgotten
// when that person leaves this browser, with the names of what was uploaded: somebody else may sit here next.

import { forgetUploadNames } from "@keepsake/sdk";

/** Golden Retriever's database and the beginning of its older entries. */
const DATABASE = "uppy-blobs";
const ENTRY_PREFIX = "uppyState:";

/** Nobody else's page finds what is kept under this name. */
export function keptUnder(principal: string): string {
  return `keepsake-${principal}`;
}

/** Forgets all kept files of this origin. What was sent of them stays with the service, and goes on from there. */
export async function forgetKeptFiles(): Promise<void> {
  for (const key of Object.keys(localStorage).filter((key) => key.startsWith(ENTRY_PREFIX))) {
    localStorage.removeItem(key);
  }
  // Where a browser keeps nothing, there is nothing to forget.
  await forgetUploadNames().catch(() => {});
  await new Promise<void>((resolve) => {
    // Open connections close by themselves when they are told of it.
    const request = indexedDB.deleteDatabase(DATABASE);
    request.onsuccess = () => resolve();
    request.onerror = () => resolve();
    request.onblocked = () => resolve();
  });
}
