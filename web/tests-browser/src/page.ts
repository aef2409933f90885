// What a person does with the page, and what they see: drop files, wait for uploads, open a memory.
// It owns the ways to find things; each spec owns what it expects of them.

import { expect, type Locator, type Page } from "@playwright/test";
import { text } from "../../packages/app/src/text.ts";

export { text };

/** Drops files and folders of this machine on the Dashboard, or on another place, as from a file manager. */
export async function dropFiles(
  page: Page,
  paths: readonly string[],
  place: Locator = page.locator(".uppy-Dashboard-inner"),
): Promise<void> {
  await expect(place).toBeVisible();
  const box = await place.boundingBox();
  if (box === null) throw new Error("what to drop on has no place on the page");
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: [...paths], dragOperationsMask: 1 };
  const at = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  for (const type of ["dragEnter", "dragOver", "drop"] as const) {
    await session.send("Input.dispatchDragEvent", { type, ...at, data });
  }
  await session.detach();
}

/** Chooses files by the Dashboard's own input. */
export async function chooseFiles(page: Page, paths: readonly string[]): Promise<void> {
  await page
    .locator(".uppy-Dashboard-input")
    .first()
    .setInputFiles([...paths]);
}

/** Waits until every file of the list is uploaded. */
export async function allUploaded(page: Page, count: number, timeout = 120_000): Promise<void> {
  await expect(summary(page)).toHaveText(text.upload.allDone(count), { timeout });
}

/** The sum above the list of uploads. */
export function summary(page: Page): Locator {
  return page.locator(".uploads-head p");
}

/** The row of one file in the list of uploads. */
export function row(page: Page, name: string): Locator {
  return page.locator(".upload-row", { hasText: name });
}

/** Waits until the original of a file is uploaded to at least `share` of it. */
export async function uploadedShare(page: Page, name: string, share: number): Promise<void> {
  const bar = page.getByRole("progressbar", { name: text.upload.laneOriginal(name) });
  await expect
    .poll(() => bar.evaluate((element: HTMLProgressElement) => element.value / element.max).catch(() => 0), {
      timeout: 60_000,
      intervals: [50],
    })
    .toBeGreaterThanOrEqual(share);
}

/** The tiles of the gallery that are drawn. */
export function tiles(page: Page): Locator {
  return page.locator(".tile");
}

export async function tilesCount(page: Page, count: number): Promise<void> {
  await expect(page.locator(".gallery-head p")).toHaveText(text.gallery.count(count));
}

export async function openDialog(page: Page, button: string): Promise<Locator> {
  await page.getByRole("button", { name: button, exact: false }).first().click();
  const dialog = page.getByRole("dialog");
  await expect(dialog).toBeVisible();
  return dialog;
}

/** The principal that the page shows as the person's own. */
export async function principalOf(page: Page): Promise<string> {
  const dialog = await openDialog(page, text.header.account);
  const principal = await dialog.locator("code").textContent();
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  return principal ?? "";
}

/** Gives somebody a role in the open capsule. */
export async function grant(page: Page, principal: string, role: string): Promise<void> {
  const dialog = await openDialog(page, text.header.share);
  await dialog.getByLabel(text.sharing.principal).fill(principal);
  await dialog.getByLabel(text.sharing.role).selectOption(role);
  await dialog.getByRole("button", { name: text.sharing.grant }).click();
  await expect(dialog.locator(".members code", { hasText: principal })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
}
