// What a reload leaves behind: files that the browser lost, files that had failed, files that were paused. Owns no state.

import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { Onlooker } from "../src/onlooker.ts";
import {
  allUploaded,
  chooseFiles,
  grant,
  openDialog,
  principalOf,
  row,
  summary,
  text,
  tilesCount,
} from "../src/page.ts";
import { expect, test } from "../src/test.ts";

async function files(folder: string, count: number, bytes = 20_000): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const paths = Array.from({ length: count }, (_, index) => join(folder, `note_${100 + index}.bin`));
  await Promise.all(paths.map((path) => writeFile(path, randomBytes(bytes))));
  return paths;
}

/** Leaves the app, does `deed` to what the browser keeps for it, and comes back. */
async function away(page: Page, deed: () => Promise<unknown>): Promise<void> {
  const address = page.url();
  page.on("dialog", (dialog) => void dialog.accept());
  // Not of the app, but of its origin.
  await page.goto(`${new URL(address).origin}/health`);
  await deed();
  await page.goto(address);
}

/** What Golden Retriever keeps: `files` are the bytes, `metadata` the list. */
async function changeStore(page: Page, store: "files" | "metadata", records?: unknown[]): Promise<unknown[]> {
  return await page.evaluate(
    async ([name, put]) => {
      const done = <T>(request: IDBRequest<T>) =>
        new Promise<T>((resolve, reject) => {
          request.onsuccess = () => resolve(request.result);
          request.onerror = () => reject(request.error);
        });
      const database = await done(indexedDB.open("uppy-blobs"));
      const kept = database.transaction([name], "readwrite").objectStore(name);
      const before = await done(kept.getAll());
      if (put !== undefined) {
        await done(kept.clear());
        for (const record of put) await done(kept.put(record));
      }
      database.close();
      // Blobs do not cross over.
      return name === "files" ? [] : before;
    },
    [store, records] as const,
  );
}

const forgetBlobs = (page: Page) => changeStore(page, "files", []);

/** The page takes files, and keeps them for a reload: one tab does. */
async function ready(page: Page): Promise<void> {
  await expect(page.locator(".uppy-Dashboard-inner")).toBeVisible();
  const locks = () => page.evaluate(async () => (await navigator.locks.query()).held?.length ?? 0);
  await expect.poll(locks).toBe(1);
}

const missingRows = (page: Page) => page.locator(".upload-row.missing");

test("files that the browser lost stay in the list over reloads, and are chosen again at once", async ({
  newPerson,
  node,
}, info) => {
  const page = await newPerson();
  const paths = await files(info.outputDir, 12);
  await ready(page);
  await node.kill();
  await chooseFiles(page, paths);
  await expect(page.locator(".upload-row")).toHaveCount(12);
  await node.startAgain();
  // Some may have arrived by now: they are no longer missing.
  await away(page, () => forgetBlobs(page));
  await expect(row(page, "note_111.bin")).toBeVisible();
  const count = await missingRows(page).count();
  expect(count).toBeGreaterThan(0);
  await page.reload();
  await expect(missingRows(page)).toHaveCount(count);
  await expect(summary(page)).toHaveText(text.upload.someMissing(count));
  // What waits for the person is not under way.
  const dialog = await openDialog(page, text.header.uploads);
  await expect(dialog.getByText(text.sessions.runningHere)).toHaveCount(0);
  await page.keyboard.press("Escape");

  const button = page.getByRole("button", { name: text.upload.chooseMissing(count) });
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), button.click()]);
  await chooser.setFiles(paths);
  await expect(missingRows(page)).toHaveCount(0);
  await tilesCount(page, 12);
  await page.reload();
  await tilesCount(page, 12);
  await expect(page.locator(".upload-row")).toHaveCount(0);
});

test("a file that was published is not asked for again, though the browser remembers it as unfinished", async ({
  newPerson,
  node,
}, info) => {
  const page = await newPerson();
  const paths = await files(info.outputDir, 3);
  await ready(page);
  await node.kill();
  await chooseFiles(page, paths);
  await expect(page.locator(".upload-row")).toHaveCount(3);
  const kept = () => changeStore(page, "metadata");
  await expect.poll(async () => JSON.stringify(await kept())).toContain("note_102.bin");
  const before = await kept();
  await node.startAgain();
  await allUploaded(page, 3);
  await away(page, async () => {
    await changeStore(page, "metadata", before);
    await forgetBlobs(page);
  });
  await tilesCount(page, 3);
  await expect(page.locator(".upload-row")).toHaveCount(0);
});

test("a file that had failed starts again by itself after a reload", async ({ newPerson, node }, info) => {
  const [anna, ben] = [await newPerson(), await newPerson()];
  const benPrincipal = await principalOf(ben);
  await grant(anna, benPrincipal, "member");
  const capsule = new URL(anna.url()).hash;
  await ben.goto(`${node.url}/${capsule}`);
  await expect(ben.getByLabel(text.header.capsule, { exact: true }).locator("option")).toHaveCount(2);
  await grant(anna, benPrincipal, "guest");
  // Before the page has noticed.
  const [path = ""] = await files(info.outputDir, 1);
  await chooseFiles(ben, [path]);
  await expect(row(ben, "note_100.bin")).toContainText(text.upload.phases.failed);
  await grant(anna, benPrincipal, "member");
  await ben.reload();
  await allUploaded(ben, 1);
  await tilesCount(ben, 1);
});

test("what was paused stays paused after a reload", async ({ newPerson, node }, info) => {
  const page = await newPerson();
  const [path = ""] = await files(info.outputDir, 1, 30_000_000);
  await ready(page);
  await node.kill();
  await chooseFiles(page, [path]);
  await page.getByRole("button", { name: text.upload.pause("note_100.bin") }).click();
  await expect(row(page, "note_100.bin")).toContainText(text.upload.phases.paused);
  await node.startAgain();
  page.on("dialog", (dialog) => void dialog.accept());
  await page.waitForTimeout(1_000); // Golden Retriever writes twice a second.
  await page.reload();
  await expect(row(page, "note_100.bin")).toContainText(text.upload.phases.paused);
  const onlooker = await Onlooker.of(page, node);
  await page.getByRole("button", { name: text.upload.resume("note_100.bin") }).click();
  await allUploaded(page, 1);
  expect(await onlooker.memories()).toHaveLength(1);
});

test("files that were all there already are not said to be uploaded", async ({ newPerson }, info) => {
  const page = await newPerson();
  const paths = await files(info.outputDir, 3);
  await chooseFiles(page, paths.slice(0, 2));
  await allUploaded(page, 2);
  await page.getByRole("button", { name: text.upload.clear }).click();
  await chooseFiles(page, paths.slice(0, 2));
  await expect(summary(page)).toHaveText(text.upload.allDone(2, 2));
  await page.getByRole("button", { name: text.upload.clear }).click();
  await chooseFiles(page, paths);
  await expect(summary(page)).toHaveText(text.upload.allDone(3, 2));
});
