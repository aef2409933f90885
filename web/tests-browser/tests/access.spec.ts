// Everybody can use the page: no serious fault that axe finds, and the whole road by keyboard alone. It owns no state.

import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { shortPrincipal } from "../../packages/app/src/format.ts";
import { faults } from "../src/axe.ts";
import { tabTo } from "../src/keyboard.ts";
import {
  allUploaded,
  chooseFiles,
  dropFiles,
  openDialog,
  row,
  text,
  tiles,
  tilesCount,
} from "../src/page.ts";
import { tenPhotos } from "../src/photos.ts";
import { expect, test } from "../src/test.ts";

const OUTSIDER = "rrkah-fqaaa-aaaaa-aaaaq-cai";

for (const { name, scheme, width, height } of [
  { name: "desktop, light", scheme: "light", width: 1280, height: 800 },
  { name: "phone, dark", scheme: "dark", width: 390, height: 844 },
] as const) {
  test(`axe finds no serious fault: ${name}`, async ({ newPerson }, info) => {
    const page = await newPerson();
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    await page.setViewportSize({ width, height });
    const found: string[] = [];
    await expect(page.getByText(text.gallery.empty)).toBeVisible();
    found.push(...(await faults(page, "empty")));

    await mkdir(info.outputDir, { recursive: true });
    const large = join(info.outputDir, "large.bin");
    await writeFile(large, randomBytes(100_000_000));
    await chooseFiles(page, [large]);
    await page.getByRole("button", { name: text.upload.pause("large.bin") }).click();
    await expect(row(page, "large.bin")).toContainText(text.upload.phases.paused);
    found.push(...(await faults(page, "uploading")));
    await openDialog(page, text.header.uploads);
    found.push(...(await faults(page, "sessions")));
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: text.upload.cancel("large.bin") }).click();

    const empty = join(info.outputDir, "empty.txt");
    await writeFile(empty, "");
    await dropFiles(page, [...(await tenPhotos(page, info.outputDir)).slice(0, 3), empty]);
    await allUploaded(page, 3);
    await tilesCount(page, 3);
    found.push(...(await faults(page, "gallery with a message")));

    await tiles(page).first().click();
    await expect(page.getByRole("dialog").locator(".details")).toBeVisible();
    found.push(...(await faults(page, "viewer")));
    await page.getByRole("button", { name: text.viewer.remove }).click();
    found.push(...(await faults(page, "confirm")));
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    for (const button of [text.header.share, text.header.newCapsule, text.header.account]) {
      const dialog = await openDialog(page, button);
      found.push(...(await faults(page, button)));
      await page.keyboard.press("Escape");
      await expect(dialog).toBeHidden();
    }
    expect(found).toEqual([]);
  });
}

test("the whole road by keyboard alone", async ({ newPerson }, info) => {
  const page = await newPerson();
  const photos = (await tenPhotos(page, info.outputDir)).slice(0, 3);
  await expect(page.locator(".uppy-Dashboard-inner")).toBeVisible();
  const { keyboard } = page;
  // Playwright catches choosers of files only while somebody listens, and takes a moment to begin.
  page.on("filechooser", () => {});

  // Choose files.
  await tabTo(page, text.uppy.dashboard.browseFiles);
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), keyboard.press("Enter")]);
  await chooser.setFiles(photos);
  await allUploaded(page, 3);
  await tilesCount(page, 3);

  // To the photos by the link that is first on the page, through them, into the viewer, on, and back.
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  await page.reload();
  await tilesCount(page, 3);
  // The count is there before the photos are: what follows goes to the first of them.
  await expect(tiles(page)).toHaveCount(3);
  await keyboard.press("Tab");
  await expect(page.locator(".skip")).toBeFocused();
  await keyboard.press("Enter");
  await keyboard.press("Tab");
  await expect(tiles(page).nth(0)).toBeFocused();
  await keyboard.press("End");
  await expect(tiles(page).nth(2)).toBeFocused();
  await keyboard.press("ArrowLeft");
  await expect(tiles(page).nth(1)).toBeFocused();
  await keyboard.press("Enter");
  const viewer = page.locator("dialog.viewer");
  await expect(viewer).toContainText(text.viewer.position(2, 3));
  await keyboard.press("ArrowRight");
  await expect(viewer).toContainText(text.viewer.position(3, 3));
  await keyboard.press("Home");
  await expect(viewer).toContainText(text.viewer.position(1, 3));

  // Download and delete.
  await tabTo(page, text.viewer.download);
  const [download] = await Promise.all([page.waitForEvent("download"), keyboard.press("Enter")]);
  expect(download.suggestedFilename()).toContain(".jpg");
  await tabTo(page, text.viewer.remove);
  await keyboard.press("Enter");
  await expect(page.getByText(text.viewer.removeLead)).toBeVisible();
  await tabTo(page, text.viewer.removeConfirm);
  await keyboard.press("Enter");
  await expect(viewer).toContainText(text.viewer.position(1, 2));
  await keyboard.press("Escape");
  await expect(viewer).toBeHidden();
  await tilesCount(page, 2);

  // Make a capsule, share it, take the access away.
  await tabTo(page, text.header.newCapsule);
  await keyboard.press("Enter");
  await tabTo(page, text.newCapsule.subject);
  await keyboard.type("Grandma");
  await keyboard.press("Enter");
  await tilesCount(page, 0);
  await tabTo(page, text.header.share);
  await keyboard.press("Enter");
  await tabTo(page, text.sharing.byPrincipal);
  await keyboard.press("Enter");
  await tabTo(page, text.sharing.principal);
  await keyboard.type(OUTSIDER);
  await keyboard.press("Enter");
  await expect(page.locator(".members li")).toHaveCount(2);
  await tabTo(page, text.people.moreOf(shortPrincipal(OUTSIDER)));
  await keyboard.press("Enter");
  await tabTo(page, text.people.takeAwayFrom(shortPrincipal(OUTSIDER)));
  await keyboard.press("Enter");
  await expect(page.locator(".members li")).toHaveCount(1);
  await tabTo(page, text.sharing.anyone);
  await keyboard.press("Space");
  await expect(page.getByLabel(text.sharing.anyone)).toBeChecked();
  await tabTo(page, text.sharing.copyLink);
  await keyboard.press("Escape");

  // Back to the first capsule.
  await tabTo(page, text.header.capsule);
  await keyboard.press("ArrowUp");
  await tilesCount(page, 2);
});
