// What networks and proxies do to a page, by the fault proxy before a real node: the page comes by way of it, and every file
// ends uploaded, or with the sentence that helps and a way to start it again. Owns no state.

import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Page, TestInfo } from "@playwright/test";
import type { FaultProxy } from "../../packages/sdk/test/fault-proxy.ts";
import { CHUNK_BYTES, countChunks, holdChunks } from "../src/chunks.ts";
import { Onlooker, sha256 } from "../src/onlooker.ts";
import { allUploaded, chooseFiles, row, summary, text, tilesCount, uploadedShare } from "../src/page.ts";
import { expect, test } from "../src/test.ts";

/** What a proxy answers for a node that starts again. */
const RESTART_MS = 40_000;
/** Sentences that send a person to the wrong place while a proxy or a line is at fault. */
const WRONG = /Keepsake node|is not there any more|did not work|check the canister|tried again by itself/;

// Most of the time is waiting.
test.describe.configure({ mode: "parallel" });

interface Written {
  path: string;
  hash: string;
}

async function written(info: TestInfo, name: string, length: number): Promise<Written> {
  const bytes = randomBytes(length);
  await mkdir(info.outputDir, { recursive: true });
  const path = join(info.outputDir, name);
  await writeFile(path, bytes);
  return { path, hash: sha256(bytes) };
}

/** The page by way of the proxy, with all that it ever says. */
async function opened(newPerson: (link?: string) => Promise<Page>, proxy: FaultProxy): Promise<Page> {
  const page = await newPerson(`${proxy.url}/`);
  await expect(page.locator(".uppy-Dashboard-inner")).toBeVisible();
  await page.evaluate(() => {
    const said = new Set<string>();
    Object.assign(window, { said });
    const look = () => said.add(document.body.innerText);
    new MutationObserver(look).observe(document.body, {
      subtree: true,
      childList: true,
      characterData: true,
    });
  });
  return page;
}

async function misled(page: Page): Promise<string[]> {
  const said = await page.evaluate(() => [...(window as unknown as { said: Set<string> }).said]);
  return said.flatMap((all) => all.split("\n")).filter((line) => WRONG.test(line));
}

/** Each file once, with its bytes, and no session that waits. */
async function arrived(onlooker: Onlooker, page: Page, files: readonly Written[]): Promise<void> {
  const memories = await onlooker.memories();
  const hashes = await Promise.all(memories.map(({ id }) => onlooker.originalSha256(id)));
  expect(hashes.sort()).toEqual(files.map(({ hash }) => hash).sort());
  await page.getByRole("button", { name: text.header.uploads }).click();
  await expect(page.getByRole("dialog").getByText(text.sessions.none)).toBeVisible();
}

test("a proxy that answers 502 for 40 s in the middle: the page waits, says so, and ends well", async ({
  newPerson,
  node,
  faultProxy: proxy,
}, info) => {
  const page = await opened(newPerson, proxy);
  const onlooker = await Onlooker.of(page, node);
  const file = await written(info, "large.bin", 10 * CHUNK_BYTES);
  const release = await holdChunks(page, 4);
  await chooseFiles(page, [file.path]);
  await uploadedShare(page, "large.bin", 0.3);
  await proxy.set({ answer: { status: 502, for_ms: RESTART_MS } });
  await release();
  await expect(row(page, "large.bin")).toContainText(text.upload.offline);
  await expect(page.getByText(text.notices.unreachable)).toBeVisible();
  await allUploaded(page, 1);
  await expect(page.getByText(text.notices.unreachable)).toBeHidden();
  expect((await proxy.counts()).answered).toBeGreaterThan(8);
  await arrived(onlooker, page, [file]);
  expect(await misled(page)).toEqual([]);
});

test("20 % of all replies are lost: everything arrives once", async ({
  newPerson,
  node,
  faultProxy: proxy,
}, info) => {
  const page = await opened(newPerson, proxy);
  const onlooker = await Onlooker.of(page, node);
  const files = await Promise.all(
    [4 * CHUNK_BYTES, ...Array.from({ length: 8 }, (_, index) => 20_000 + index)].map((bytes, index) =>
      written(info, `file_${index}.bin`, bytes),
    ),
  );
  await proxy.set({ lose_replies: 0.2, seed: 5 });
  await chooseFiles(
    page,
    files.map(({ path }) => path),
  );
  await allUploaded(page, files.length);
  expect((await proxy.counts()).lost).toBeGreaterThan(2);
  await proxy.set({});
  await tilesCount(page, files.length);
  await arrived(onlooker, page, files);
  expect(await misled(page)).toEqual([]);
});

test("a line that stands still for 5 s in the middle is waited for", async ({
  newPerson,
  node,
  faultProxy: proxy,
}, info) => {
  const page = await opened(newPerson, proxy);
  const onlooker = await Onlooker.of(page, node);
  const file = await written(info, "large.bin", 5 * CHUNK_BYTES);
  await proxy.set({ stall: { after_bytes: 2 * CHUNK_BYTES + 500_000, ms: 5_000 } });
  const chunks = countChunks(page);
  await chooseFiles(page, [file.path]);
  await allUploaded(page, 1);
  expect(chunks(), "none is sent twice").toBe(5);
  await arrived(onlooker, page, [file]);
  expect(await misled(page)).toEqual([]);
});

test("a proxy with a limit of 1 MiB gets smaller chunks; one that lets none through is named, and a reload starts again", async ({
  newPerson,
  node,
  faultProxy: proxy,
}, info) => {
  const page = await opened(newPerson, proxy);
  page.on("dialog", (dialog) => void dialog.accept());
  const onlooker = await Onlooker.of(page, node);
  const [first, second] = [
    await written(info, "first.bin", 3 * CHUNK_BYTES),
    await written(info, "second.bin", 2 * CHUNK_BYTES),
  ];
  await proxy.set({ body_max: 1 << 20 });
  await chooseFiles(page, [first.path]);
  await allUploaded(page, 1);
  await proxy.set({ body_max: 30_000 });
  await chooseFiles(page, [second.path]);
  await expect(row(page, "second.bin")).toContainText(text.errors.tooLargeForProxy);
  expect(await misled(page)).toEqual([]);
  await proxy.set({});
  await page.reload();
  await allUploaded(page, 1);
  await arrived(onlooker, page, [first, second]);
});

test("a host that stays busy is said to be busy, and the file starts again when the person says so", async ({
  newPerson,
  node,
  faultProxy: proxy,
}, info) => {
  const page = await opened(newPerson, proxy);
  const onlooker = await Onlooker.of(page, node);
  const file = await written(info, "large.bin", 2 * CHUNK_BYTES);
  await proxy.set({ answer: { status: 429, method: "PUT" } });
  await chooseFiles(page, [file.path]);
  await expect(row(page, "large.bin")).toContainText(text.errors.busy, { timeout: 90_000 });
  await expect(summary(page)).toHaveText(text.upload.someFailed(1));
  await proxy.set({});
  await page.getByRole("button", { name: text.upload.retry("large.bin") }).click();
  await allUploaded(page, 1);
  await arrived(onlooker, page, [file]);
  expect(await misled(page)).toEqual([]);
});
