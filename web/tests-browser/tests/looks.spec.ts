// How the page looks: light and dark, and on a phone. It owns no state.

import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { devices, type Page } from "@playwright/test";
import { fitsAndIsReachable } from "../src/fits.ts";
import {
  allUploaded,
  beginAsNew,
  chooseFiles,
  openDialog,
  row,
  text,
  tiles,
  tilesCount,
} from "../src/page.ts";
import { tenPhotos } from "../src/photos.ts";
import { expect, test } from "../src/test.ts";

/** How light the page's ground is, 0 to 255. */
async function lightness(page: Page): Promise<number> {
  return await page.evaluate(() => {
    const [red = 0, green = 0, blue = 0] = (
      getComputedStyle(document.body).backgroundColor.match(/[\d.]+/g) ?? []
    ).map(Number);
    return (red + green + blue) / 3;
  });
}

async function chooseTheme(page: Page, name: "auto" | "light" | "dark"): Promise<void> {
  const dialog = await openDialog(page, text.header.account);
  await dialog.getByLabel(text.account.theme).selectOption(name);
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
}

test("colours follow the device until somebody chooses, and the choice is kept over a reload", async ({
  newPerson,
}) => {
  const page = await newPerson();
  const dashboard = page.locator(".uppy-Dashboard");
  await expect(dashboard).toBeVisible();
  await page.emulateMedia({ colorScheme: "dark" });
  await expect.poll(() => lightness(page)).toBeLessThan(80);
  await expect(dashboard).toHaveAttribute("data-uppy-theme", "dark");
  await page.emulateMedia({ colorScheme: "light" });
  await expect.poll(() => lightness(page)).toBeGreaterThan(200);
  await expect(dashboard).toHaveAttribute("data-uppy-theme", "light");

  await chooseTheme(page, "dark");
  await expect.poll(() => lightness(page)).toBeLessThan(80);
  await page.reload();
  await expect(dashboard).toHaveAttribute("data-uppy-theme", "dark");
  expect(await lightness(page)).toBeLessThan(80);

  await page.emulateMedia({ colorScheme: "dark" });
  await chooseTheme(page, "light");
  await page.reload();
  await expect(dashboard).toHaveAttribute("data-uppy-theme", "light");
  expect(await lightness(page)).toBeGreaterThan(200);

  await chooseTheme(page, "auto");
  await expect.poll(() => lightness(page)).toBeLessThan(80);
});

test("on a phone nothing is wider than the screen, and everything can be touched", async ({
  browser,
  appUrl,
}, info) => {
  const { defaultBrowserType: _, ...phone } = devices["iPhone SE"];
  const context = await browser.newContext(phone);
  const page = await context.newPage();
  await page.goto(appUrl);
  await beginAsNew(page);
  await expect(page.getByText(text.gallery.empty)).toBeVisible();
  await expect(page.locator(".uppy-Dashboard-inner")).toBeVisible();
  await fitsAndIsReachable(page, page.locator("body"), "empty");

  await mkdir(info.outputDir, { recursive: true });
  const large = join(info.outputDir, "A film with a rather long name of many words, for narrow screens.bin");
  await writeFile(large, randomBytes(60_000_000));
  const photos = await tenPhotos(page, info.outputDir);
  await chooseFiles(page, photos);
  await allUploaded(page, 10);
  await tilesCount(page, 10);
  await chooseFiles(page, [large]);
  await page.getByRole("button", { name: "Pause A film" }).tap();
  await expect(row(page, "A film")).toContainText(text.upload.phases.paused);
  await fitsAndIsReachable(page, page.locator("body"), "gallery and uploads");

  for (const name of [text.header.share, text.header.newCapsule, text.header.uploads, text.header.account]) {
    const dialog = await openDialog(page, name);
    await fitsAndIsReachable(page, dialog, name);
    await dialog.getByRole("button", { name: text.close }).tap();
    await expect(dialog).toBeHidden();
  }
  await tiles(page).first().tap();
  const viewer = page.locator("dialog.viewer");
  await expect(viewer.locator(".details .hash")).toBeVisible();
  await expect(viewer.locator(".picture.loaded")).toBeVisible();
  await fitsAndIsReachable(page, viewer, "viewer");
  await viewer.getByRole("button", { name: text.viewer.next }).tap();
  await expect(viewer).toContainText("2 of 1");
  await context.close();
});
