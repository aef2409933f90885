// The SDK in a page of its own, without the app: what its Workers do, and what happens without them.

import { createHash } from "node:crypto";
import type { Keepsake, Upload } from "@keepsake/sdk";
import type { Page } from "@playwright/test";
import { pageNow, watchBusyTasks } from "../src/busy.ts";
import { countChunks, holdChunks } from "../src/chunks.ts";
import { RunningNode } from "../src/node.ts";
import { serveSdk } from "../src/sdk-bundle.ts";
import type { Site } from "../src/site.ts";
import { test as base, expect } from "../src/test.ts";

type Sdk = typeof import("@keepsake/sdk") & typeof import("@icp-sdk/core/identity");

declare global {
  interface Window {
    sdk: Sdk;
    keepsake: Keepsake;
    file: File;
    upload: Upload;
  }
}

const CHUNK = 1_800_000;
const LONGEST_TASK_MS = 200;

/** A page with the SDK, at `sdkPage.url`. */
const test = base.extend<{ sdkSite: Site; sdkPage: Page }>({
  sdkSite: async ({ scratch }, use) => {
    const site = await serveSdk(scratch);
    await use(site);
    await site.close();
  },
  node: async ({ sdkSite }, use) => {
    const node = await RunningNode.start(["--cors-origin", sdkSite.url]);
    await use(node);
    await node.remove();
  },
  sdkPage: async ({ page, sdkSite, node }, use) => {
    await page.goto(`${sdkSite.url}/pages/empty.html`);
    await connect(page, node);
    await use(page);
  },
});

/** `window.keepsake`, with the same key after every reload. */
async function connect(page: Page, node: RunningNode, how: "key" | "delegation" = "key"): Promise<void> {
  await page.evaluate(
    async ([host, canisterId, by]) => {
      const address = "/platform/sdk.js";
      const sdk: Sdk = await import(address);
      const key = sdk.Ed25519KeyIdentity.generate(new Uint8Array(32).fill(7));
      const session = sdk.Ed25519KeyIdentity.generate();
      const until = new Date(Date.now() + 3_600_000);
      const chain = await sdk.DelegationChain.create(key, session.getPublicKey(), until);
      const identity = by === "key" ? key : sdk.DelegationIdentity.fromDelegation(session, chain);
      window.sdk = sdk;
      window.keepsake = await sdk.Keepsake.connect({ host, canisterId, identity });
    },
    [node.url, node.canisterId, how] as const,
  );
}

/** `window.file`, the same after every reload; its SHA-256 in hexadecimal. */
async function makeFile(page: Page, chunks: number): Promise<string> {
  const size = chunks * CHUNK;
  await page.evaluate((length) => {
    const bytes = new Uint8Array(length).map((_, index) => (index * 31) ^ (index >> 9));
    window.file = new File([bytes], "large.bin", { lastModified: 5 });
  }, size);
  const bytes = new Uint8Array(size).map((_, index) => (index * 31) ^ (index >> 9));
  return createHash("sha256").update(bytes).digest("hex");
}

/** Uploads `window.file` to its end and reads it back; both hashes in hexadecimal. */
function upAndDown(page: Page): Promise<{ sent: string; received: string }> {
  return page.evaluate(async () => {
    const hex = (bytes: Uint8Array) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const { memoryId, sha256 } = await window.keepsake.upload(window.file).done;
    const blob = await window.keepsake.download(memoryId, "original");
    const digest = await crypto.subtle.digest("SHA-256", await blob.arrayBuffer());
    return { sent: hex(sha256), received: hex(new Uint8Array(digest)) };
  });
}

test("54 MB go up and down by the Workers while the page stays free", async ({ sdkPage }) => {
  const hash = await makeFile(sdkPage, 30);
  const busyTasks = await watchBusyTasks(sdkPage);
  // What loads the SDK and makes the keys and the file is not the upload's.
  const begun = await pageNow(sdkPage);
  expect(await upAndDown(sdkPage)).toEqual({ sent: hash, received: hash });
  const tasks = await busyTasks(begun);
  expect(tasks.filter(({ processorMs }) => !(processorMs <= LONGEST_TASK_MS))).toEqual([]);
  expect(sdkPage.workers().length).toBe(2);
});

test("the names of uploads are each person's own in a browser that several use", async ({ sdkPage }) => {
  const found = await sdkPage.evaluate(async () => {
    const { indexedDbStore, forgetUploadNames } = window.sdk;
    const record = (name: string) => ({ name, size: 1, capsuleId: "capsule_1", startedAt: Date.now() });
    const [anna, ben] = [indexedDbStore("anna"), indexedDbStore("ben")];
    const names = async () => {
      const both = await Promise.all([anna.find(["same", "hers"]), ben.find(["same", "hers"])]);
      return both.map((records) => records.map((one) => one?.name ?? "none"));
    };
    await anna.set("same", record("Anna's.jpg"));
    await anna.set("hers", record("secret.jpg"));
    const annasAlone = await names();
    await ben.set("same", record("Ben's.jpg"));
    const both = await names();
    await anna.remove(["same"]);
    const oneGone = await names();
    await forgetUploadNames();
    return { annasAlone, both, oneGone, none: await names() };
  });
  expect(found).toEqual({
    annasAlone: [
      ["Anna's.jpg", "secret.jpg"],
      ["none", "none"],
    ],
    both: [
      ["Anna's.jpg", "secret.jpg"],
      ["Ben's.jpg", "none"],
    ],
    oneGone: [
      ["none", "secret.jpg"],
      ["Ben's.jpg", "none"],
    ],
    none: [
      ["none", "none"],
      ["none", "none"],
    ],
  });
});

test("a reload in the middle: the session has its name, and only the missing chunks are sent", async ({
  sdkPage,
  node,
}) => {
  const hash = await makeFile(sdkPage, 20);
  const release = await holdChunks(sdkPage, 9);
  await sdkPage.evaluate(async () => {
    await new Promise<void>((resolve) => {
      window.upload = window.keepsake.upload(window.file, {
        concurrency: 2,
        onProgress: ({ original }) => original.bytesSent > window.file.size / 3 && resolve(),
      });
    });
  });
  await sdkPage.reload();
  await release();
  await connect(sdkPage, node);
  await makeFile(sdkPage, 20);
  const [session] = await sdkPage.evaluate(async () => {
    const all = await window.keepsake.sessions.list();
    return all.map(({ name, kind, chunksReceived }) => ({ name, kind, chunksReceived }));
  });
  expect(session).toMatchObject({ name: "large.bin", kind: "original" });
  expect(session?.chunksReceived).toBeGreaterThan(5);

  const chunksSent = countChunks(sdkPage);
  const first = await sdkPage.evaluate(async () => {
    let bytes: number | undefined;
    const upload = window.keepsake.upload(window.file, {
      onProgress: ({ original }) => {
        bytes ??= original.bytesSent || undefined;
      },
    });
    const { sha256 } = await upload.done;
    return { bytes, sha256: [...sha256].map((byte) => byte.toString(16).padStart(2, "0")).join("") };
  });
  expect(first.sha256).toBe(hash);
  expect(first.bytes).toBeGreaterThanOrEqual((session?.chunksReceived ?? 0) * CHUNK);
  expect(chunksSent()).toBeGreaterThan(0);
  expect(chunksSent()).toBeLessThanOrEqual(20 - (session?.chunksReceived ?? 0));
});

test("an identity that acts by delegation", async ({ sdkPage, node }) => {
  await connect(sdkPage, node, "delegation");
  const hash = await makeFile(sdkPage, 3);
  expect(await upAndDown(sdkPage)).toEqual({ sent: hash, received: hash });
});

test("without Workers everything is done in the page", async ({ page, sdkSite, node }) => {
  await page.addInitScript(() => Reflect.deleteProperty(window, "Worker"));
  await page.goto(`${sdkSite.url}/pages/empty.html`);
  await connect(page, node);
  const hash = await makeFile(page, 3);
  expect(await upAndDown(page)).toEqual({ sent: hash, received: hash });
  expect(page.workers()).toEqual([]);
});

test("Workers that cannot be loaded are done without", async ({ page, sdkSite, node }) => {
  await page.route("**/background/worker.js", (route) => route.abort());
  await page.goto(`${sdkSite.url}/pages/empty.html`);
  await connect(page, node);
  const hash = await makeFile(page, 3);
  expect(await upAndDown(page)).toEqual({ sent: hash, received: hash });
});

test("offline in the middle, and online again", async ({ sdkPage }) => {
  const hash = await makeFile(sdkPage, 20);
  const release = await holdChunks(sdkPage, 5);
  await sdkPage.evaluate(async () => {
    await new Promise<void>((resolve) => {
      window.upload = window.keepsake.upload(window.file, {
        onProgress: ({ original }) => original.bytesSent > 0 && resolve(),
      });
    });
  });
  await sdkPage.context().setOffline(true);
  await release();
  await sdkPage.waitForFunction(() => window.upload.progress.offline);
  expect(await sdkPage.evaluate(() => window.upload.state)).toBe("uploading");
  await sdkPage.context().setOffline(false);
  const sha256 = await sdkPage.evaluate(async () => [...(await window.upload.done).sha256]);
  expect(Buffer.from(sha256).toString("hex")).toBe(hash);
});

test("a canceled upload leaves nothing behind", async ({ sdkPage }) => {
  await makeFile(sdkPage, 20);
  await holdChunks(sdkPage, 5);
  const end = await sdkPage.evaluate(async () => {
    await new Promise<void>((resolve) => {
      window.upload = window.keepsake.upload(window.file, {
        onProgress: ({ original }) => original.bytesSent > 0 && resolve(),
      });
    });
    await window.upload.cancel();
    const { bytesInFlight } = await window.keepsake.capsules.own();
    return {
      state: window.upload.state,
      sessions: (await window.keepsake.sessions.list()).length,
      bytesInFlight,
    };
  });
  expect(end).toEqual({ state: "canceled", sessions: 0, bytesInFlight: 0 });
});
