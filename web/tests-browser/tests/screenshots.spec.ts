// Takes the screenshots in docs/screenshots: `KEEPSAKE_SCREENSHOTS=1 npx playwright test screenshots`.
// Without that it leaves the files alone. It owns those files.

import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import {
  allUploaded,
  chooseFiles,
  dropFiles,
  grant,
  openDialog,
  row,
  text,
  tiles,
  tilesCount,
} from "../src/page.ts";
import { repository } from "../src/places.ts";
import { scenery } from "../src/scenery.ts";
import { expect, test } from "../src/test.ts";

const folder = join(repository, "docs", "screenshots");
const SOMEBODY = "rrkah-fqaaa-aaaaa-aaaaq-cai";

test.skip(process.env.KEEPSAKE_SCREENSHOTS === undefined, "KEEPSAKE_SCREENSHOTS=1 takes them anew");

test("screenshots of the main states", async ({ newPerson, browser, appUrl }, info) => {
  await mkdir(folder, { recursive: true });
  const stranger = await (await browser.newContext()).newPage();
  await stranger.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
  await stranger.goto(appUrl);
  await expect(stranger.getByRole("heading", { name: text.welcome.question })).toBeVisible();
  await shot(stranger, "welcome");
  await stranger.getByRole("button", { name: text.welcome.before }).click();
  await shot(stranger, "come-back");

  const page = await newPerson();
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
  const pictures = await scenery(page, 24, info.outputDir);
  await dropFiles(page, pictures);
  await allUploaded(page, 24);
  await tilesCount(page, 24);
  await page.getByRole("button", { name: text.upload.clear }).click();
  await picturesShown(page);
  await shot(page, "gallery");

  const large = join(info.outputDir, "Our summer.mov");
  await writeFile(large, randomBytes(100_000_000));
  await chooseFiles(page, [large, ...(await scenery(page, 26, info.outputDir)).slice(24)]);
  await expect(row(page, "Our summer.mov")).toContainText("left");
  await shot(page, "uploading");
  await page.getByRole("button", { name: text.upload.pause("Our summer.mov") }).click();
  await expect(page.locator(".upload-row.done")).toHaveCount(2);
  const unfinished = await openDialog(page, text.header.uploads);
  await expect(unfinished.getByText("Our summer.mov")).toBeVisible();
  await shot(page, "unfinished");
  await page.keyboard.press("Escape");
  await expect(unfinished).toBeHidden();
  await page.getByRole("button", { name: text.upload.cancel("Our summer.mov") }).click();
  await expect(row(page, "Our summer.mov")).toBeHidden();
  await expect(page.getByRole("button", { name: text.header.uploads, exact: true })).toBeVisible();
  await allUploaded(page, 2);
  await page.getByRole("button", { name: text.upload.clear }).click();

  await tiles(page).nth(3).click();
  await expect(page.locator(".stage .picture.loaded")).toBeVisible();
  await expect(page.locator(".details .hash")).toBeVisible();
  await shot(page, "viewer");
  await page.keyboard.press("Escape");

  await grant(page, SOMEBODY, "member");
  const sharing = await openDialog(page, text.header.share);
  await sharing.getByLabel(text.sharing.anyone).click();
  await expect(page.locator(".members li")).toHaveCount(2);
  await page.getByRole("button", { name: text.notices.dismiss }).click();
  await shot(page, "sharing");
  await page.keyboard.press("Escape");

  const visitor = await newPerson(page.url());
  await visitor.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
  await expect(visitor.getByText(text.upload.readOnly)).toBeVisible();
  await tilesCount(visitor, 26);
  await picturesShown(visitor);
  await shot(visitor, "visitor");

  await openDialog(page, text.header.account);
  await expect(page.locator(".devices li")).toHaveCount(1);
  await shot(page, "you");
  await page.getByRole("button", { name: text.devices.add, exact: true }).click();
  await expect(page.locator(".words")).toBeVisible();
  await shot(page, "add-device");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: text.devices.addSheet }).click();
  await page.getByRole("button", { name: text.recovery.make }).click();
  await expect(page.locator(".sheet-words li")).toHaveCount(24);
  await shot(page, "recovery-sheet");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");

  await page.emulateMedia({ colorScheme: "dark", reducedMotion: "reduce" });
  await picturesShown(page);
  await shot(page, "dark");

  await page.setViewportSize({ width: 390, height: 844 });
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
  await picturesShown(page);
  await shot(page, "phone");
  await tiles(page).nth(0).click();
  await expect(page.locator(".stage .picture.loaded")).toBeVisible();
  await shot(page, "phone-viewer");
});

async function shot(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(folder, `${name}.png`), animations: "disabled" });
}

/** Every picture in view is sharp, and no message lies over them. */
async function picturesShown(page: Page): Promise<void> {
  await expect(page.locator(".notice")).toHaveCount(0);
  await expect(page.locator(".tile .picture:not(.loaded)")).toHaveCount(0);
}
