// What a person does with the page, and what they see: drop files, wait for uploads, open a memory.
// It owns the ways to find things; each spec owns what it expects of them.

import { expect, type Locator, type Page } from "@playwright/test";
import { text } from "../../packages/app/src/text.ts";

export { text };

/**
 * Chooses that one is new here, where the page asks. Whoever has a key is not asked, nor who only looks, nor where the page
 * says that it cannot open.
 */
export async function beginAsNew(page: Page): Promise<void> {
  const isNew = page.getByRole("button", { name: text.welcome.isNew });
  const others = [
    page.locator("header.bar"),
    page.locator(".plain").getByRole("alert"),
    page.getByLabel(text.links.passwordOf),
    joinQuestion(page),
  ];
  await expect(others.reduce((one, other) => one.or(other), isNew).first()).toBeVisible();
  if (await isNew.isVisible()) await isNew.click();
}

/** What the page asks when it is opened by the code for a device. */
export function joinQuestion(page: Page): Locator {
  return page.getByRole("heading", { name: text.joining.title });
}

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
      timeout: 150_000,
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
  // Some tell a number behind their name, as “Uploads (3)”.
  const name = new RegExp(`^${button.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}( \\(\\d+\\))?$`);
  await page.getByRole("button", { name }).first().click();
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

/** The row of a member in the sharing dialog, by their principal. */
export function memberRow(dialog: Locator, principal: string): Locator {
  return dialog.locator(".members li", { has: dialog.page().locator(`[title="${principal}"]`) });
}

/** Gives somebody a role in the open capsule, by their principal. */
export async function grant(page: Page, principal: string, role: string): Promise<void> {
  const dialog = await openDialog(page, text.header.share);
  const byPrincipal = dialog.locator("details", { hasText: text.sharing.byPrincipal });
  await byPrincipal.locator("summary").click();
  await byPrincipal.getByLabel(text.sharing.principal, { exact: true }).fill(principal);
  await byPrincipal.getByLabel(text.sharing.role).selectOption(role);
  await byPrincipal.getByRole("button", { name: text.sharing.grant }).click();
  await expect(memberRow(dialog, principal)).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
}

/** Takes somebody's role away, in the sharing dialog. */
export async function takeAway(dialog: Locator, principal: string): Promise<void> {
  const row = memberRow(dialog, principal);
  await row.getByRole("button", { name: text.people.more }).click();
  await row.getByRole("button", { name: text.people.takeAway }).click();
  await expect(row).toHaveCount(0);
}

/** Says yes to the one capsule that was given, and opens it. */
export async function acceptGiven(page: Page): Promise<void> {
  const dialog = await openDialog(page, text.given.group);
  await dialog.getByRole("button", { name: text.given.look }).click();
  await expect(dialog).toBeHidden();
  await page.locator(".not-accepted").getByRole("button", { name: text.given.accept }).click();
  await expect(page.locator(".not-accepted")).toHaveCount(0);
}
