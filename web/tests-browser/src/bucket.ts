// A node whose originals go into a bucket of a real S3 server, and what a page sends there. Owns the server of each worker and the
// counting; a spec says what it expects.

import type { Page, Request, Route } from "@playwright/test";
import { missingS3, RunningS3 } from "../../packages/sdk/test/s3-server.ts";
import { RunningNode } from "./node.ts";
import { appDist } from "./places.ts";
import { test as base } from "./test.ts";

/** Originals from this length on go into the bucket, bytes. */
export const FROM_BYTES = 100_000;
export const PART_BYTES = 16 << 20;

/** `node` is one with a bucket; tests are skipped where there is no S3 server. */
export const test = base.extend<object, { s3: RunningS3 }>({
  s3: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures' names from the pattern
    async ({}, use) => {
      const s3 = await RunningS3.start();
      await use(s3);
      await s3.remove();
    },
    { scope: "worker" },
  ],
  node: async ({ s3 }, use) => {
    const node = await nodeBefore(s3);
    await use(node);
    await node.remove();
  },
});

export function nodeBefore(s3: RunningS3): Promise<RunningNode> {
  return RunningNode.start(["--app", appDist, ...s3.options(FROM_BYTES)]);
}

/** Why there is no S3 server here. */
export const noS3 = missingS3();

/** Numbers of the parts that are sent from now on, 0 where a file goes whole; and of those that the bucket has taken. */
export function watchParts(page: Page, s3: RunningS3): { sent: number[]; taken: number[] } {
  const seen = { sent: [] as number[], taken: [] as number[] };
  page.on("request", (request) => {
    if (isPart(request, s3)) seen.sent.push(numberOf(request));
  });
  page.on("response", (response) => {
    if (isPart(response.request(), s3) && response.ok()) seen.taken.push(numberOf(response.request()));
  });
  return seen;
}

/** Lets the parts up to `to` through, and holds the others until the result is called. */
export async function holdParts(page: Page, s3: RunningS3, to: number): Promise<() => Promise<void>> {
  let held: Route[] | undefined = [];
  const parts = (url: URL) => url.origin === s3.url;
  await page.route(parts, async (route) => {
    if (held && isPart(route.request(), s3) && numberOf(route.request()) > to) {
      held.push(route);
      return;
    }
    await route.continue().catch(() => {});
  });
  return async () => {
    const late = held ?? [];
    held = undefined;
    await Promise.all(late.map((route) => route.continue().catch(() => {})));
    await page.unroute(parts);
  };
}

function isPart(request: Request, s3: RunningS3): boolean {
  return request.method() === "PUT" && request.url().startsWith(`${s3.url}/`);
}

function numberOf(request: Request): number {
  return Number(new URL(request.url()).searchParams.get("partNumber") ?? 0);
}
