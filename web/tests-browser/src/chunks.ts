// Chunks on their way to the node: counted, and held back so that an upload stays in its middle for as long as a test needs.
// Owns the route; a chunk is a `PUT` to /upload/{session}.

import type { Page, Request, Route } from "@playwright/test";

export const CHUNK_BYTES = 1_800_000;
const CHUNKS = "**/upload/*";

/** Lets the chunks below `from` through, and holds the others until the result is called. */
export async function holdChunks(page: Page, from: number): Promise<() => Promise<void>> {
  let held: Route[] | undefined = [];
  await page.route(CHUNKS, async (route) => {
    if (held && Number(route.request().headers()["keepsake-chunk"]) >= from) {
      held.push(route);
      return;
    }
    // It may have been given up meanwhile.
    await route.continue().catch(() => {});
  });
  return async () => {
    const late = held ?? [];
    held = undefined;
    await Promise.all(late.map((route) => route.continue().catch(() => {})));
    await page.unroute(CHUNKS);
  };
}

/** Counts the chunks that are sent from now on. */
export function countChunks(page: Page): () => number {
  let count = 0;
  page.on("request", (request: Request) => {
    if (request.method() === "PUT" && /\/upload\/\d+$/.test(request.url())) count += 1;
  });
  return () => count;
}
