// The `test` of all browser tests: a node, a canister, a site of built pages, and people with their own browsers.
// Owns their lives; each test gets its own node.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test as base, expect, type Page } from "@playwright/test";
import { FaultProxy } from "../../packages/sdk/test/fault-proxy.ts";
import { RunningCanister } from "./canister.ts";
import { RunningNode } from "./node.ts";
import { beginAsNew } from "./page.ts";
import { appDist, sdkDist } from "./places.ts";
import { makeImages } from "./rust.ts";
import { Site } from "./site.ts";

export { expect };

interface OfEachTest {
  /** A node of this test's own, empty; started when a test asks for it. */
  node: RunningNode;
  /** The canister's real module behind an HTTP gateway, of this test's own, empty; started when a test asks for it. */
  canister: RunningCanister;
  /** Before `node`, with nothing wrong until a test says so. The page comes by way of it from its own address. */
  faultProxy: FaultProxy;
  /** Address of the page, which talks to `node`. */
  appUrl: string;
  /** Opens the page, or a link to it, as somebody new with a browser of their own. */
  newPerson: (link?: string) => Promise<Page>;
  /** An empty folder of this test's own, gone after it. */
  scratch: string;
  /** A page without the app, for tests of the SDK's modules (below /sdk/). */
  emptyPage: Page;
}

interface OfAllTests {
  /** `/` the built page, `/sdk/` the SDK's modules, `/pages/` pages of the tests. */
  site: Site;
  /** A folder of images of every format, orientation and shape, made by the Rust side. */
  images: string;
}

export const test = base.extend<OfEachTest, OfAllTests>({
  site: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures' names from the pattern
    async ({}, use) => {
      const pages = join(import.meta.dirname, "..", "pages");
      const site = await Site.serve({ "/": appDist, "/sdk/": sdkDist, "/pages/": pages });
      await use(site);
      await site.close();
    },
    { scope: "worker" },
  ],
  images: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures' names from the pattern
    async ({}, use) => {
      const folder = await mkdtemp(join(tmpdir(), "keepsake-images-"));
      makeImages(folder);
      await use(folder);
      await rm(folder, { recursive: true, force: true });
    },
    { scope: "worker" },
  ],
  node: async ({ site }, use) => {
    // Beside the page that the node serves, pages of the tests' own server talk to it.
    const node = await RunningNode.start(["--app", appDist, "--cors-origin", site.url]);
    await use(node);
    await node.remove();
  },
  faultProxy: async ({ node }, use) => {
    const proxy = await FaultProxy.before(node);
    await use(proxy);
    await proxy.remove();
  },
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures' names from the pattern
  canister: async ({}, use, testInfo) => {
    const missing = RunningCanister.missing();
    testInfo.skip(missing !== undefined, missing);
    const canister = await RunningCanister.start();
    await use(canister);
    await canister.remove();
  },
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures' names from the pattern
  scratch: async ({}, use) => {
    // Not the folder of results: another run, started meanwhile, empties that.
    const folder = await mkdtemp(join(tmpdir(), "keepsake-scratch-"));
    await use(folder);
    await rm(folder, { recursive: true, force: true });
  },
  appUrl: async ({ node }, use) => {
    // The node serves the page, with the headers that it has for everybody.
    await use(`${node.url}/`);
  },
  newPerson: async ({ browser, appUrl }, use) => {
    const contexts: { close(): Promise<void> }[] = [];
    await use(async (link = appUrl) => {
      const context = await browser.newContext({ acceptDownloads: true });
      contexts.push(context);
      const page = await context.newPage();
      await page.goto(link);
      await beginAsNew(page);
      return page;
    });
    await Promise.all(contexts.map((context) => context.close()));
  },
  emptyPage: async ({ page, site }, use) => {
    await page.goto(`${site.url}/pages/empty.html`);
    await use(page);
  },
});
