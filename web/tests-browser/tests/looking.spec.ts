// Looking at a memory: its address, the browser's Back, and what a browser cannot show. Owns no state.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import {
  allUploaded,
  chooseFiles,
  grant,
  memberRow,
  openDialog,
  principalOf,
  row,
  text,
  tiles,
  tilesCount,
} from "../src/page.ts";
import { tenPhotos } from "../src/photos.ts";
import { stranger } from "../src/stranger.ts";
import { expect, test } from "../src/test.ts";

const hash = (page: Page) => new URL(page.url()).hash;

test("Back closes the viewer and not the page; the address names the memory", async ({ newPerson }, info) => {
  const page = await newPerson();
  const photos = await tenPhotos(page, info.outputDir);
  await chooseFiles(page, photos.slice(0, 2));
  await allUploaded(page, 2);
  await tilesCount(page, 2);
  const capsule = hash(page);
  const dialog = page.getByRole("dialog");

  await tiles(page).first().click();
  await expect(dialog).toBeVisible();
  await expect.poll(() => hash(page)).toMatch(new RegExp(`^${capsule}/mem_\\d+$`));
  const first = hash(page);
  await page.keyboard.press("ArrowRight");
  await expect.poll(() => hash(page)).not.toBe(first);
  await page.goBack();
  await expect(dialog).toBeHidden();
  await expect.poll(() => hash(page)).toBe(capsule);
  await tilesCount(page, 2);

  await page.goForward();
  await expect(dialog).toBeVisible();
  await page.reload();
  await expect(dialog.locator("img.sharp")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  await expect.poll(() => hash(page)).toBe(capsule);

  // As a link, in a page of its own.
  const other = await page.context().newPage();
  await other.goto(`${new URL(page.url()).origin}/${first}`);
  await expect(other.getByRole("dialog").locator("img.sharp")).toBeVisible();
  await other.keyboard.press("Escape");
  await expect(other.getByRole("dialog")).toBeHidden();
  // The step back in the browser's history takes a moment.
  await expect.poll(() => hash(other)).toBe(capsule);
});

test("a video that the browser cannot play says so", async ({ newPerson }, info) => {
  const page = await newPerson();
  await mkdir(info.outputDir, { recursive: true });
  const path = join(info.outputDir, "clip.mp4");
  await writeFile(
    path,
    Buffer.concat([Buffer.from("000000186674797069736f6d", "hex"), Buffer.alloc(5000, 7)]),
  );
  await chooseFiles(page, [path]);
  await allUploaded(page, 1);
  await tiles(page).first().click();
  await expect(page.getByRole("dialog").getByText(text.viewer.cannotPlay)).toBeVisible();
});

test("a small picture is not blown up", async ({ newPerson, scratch }) => {
  const page = await newPerson();
  const path = join(scratch, "small.png");
  await writeFile(path, Buffer.from(await drawn(page, 20), "base64"));
  await chooseFiles(page, [path]);
  await allUploaded(page, 1);
  await tiles(page).first().click();
  const picture = page.getByRole("dialog").locator("img.sharp");
  await expect(picture).toBeVisible();
  expect((await picture.boundingBox())?.width).toBeLessThanOrEqual(20);
});

/** A square of so many pixels, a PNG in base64. */
async function drawn(page: Page, side: number): Promise<string> {
  return await page.evaluate((size) => {
    const canvas = document.createElement("canvas");
    canvas.width = size;
    canvas.height = size;
    canvas.getContext("2d")?.fillRect(0, 0, size / 2, size);
    return canvas.toDataURL("image/png").split(",")[1] ?? "";
  }, side);
}

test("nobody leaves a capsule by one tap, nor makes themselves less in it", async ({ newPerson, node }) => {
  const page = await newPerson();
  const own = await principalOf(page);
  const ben = await stranger(node);
  await grant(page, ben.principal.toText(), "owner");
  const before = await openDialog(page, text.header.share);
  // Who has not said yes may go at any time, and the capsule would be nobody's.
  await expect(before.getByText(text.capsule.lastOwner)).toBeVisible();
  await expect(before.getByRole("button", { name: text.capsule.leave, exact: true })).toHaveCount(0);
  await page.keyboard.press("Escape");
  await ben.capsules.accept(hash(page).slice(1));
  const dialog = await openDialog(page, text.header.share);
  await dialog.getByRole("button", { name: text.capsule.leave, exact: true }).click();
  const question = page.getByRole("dialog", { name: text.capsule.leaveTitle(text.header.mine) });
  await expect(question.getByText(text.capsule.leaveLead)).toBeVisible();
  await question.getByRole("button", { name: text.cancel }).click();
  const role = memberRow(dialog, own).getByRole("combobox");
  await role.selectOption("guest");
  const less = page.getByRole("dialog", { name: text.people.lessTitle(text.sharing.roles.guest) });
  await less.getByRole("button", { name: text.cancel }).click();
  await expect(role).toHaveValue("owner");
  await page.reload();
  await expect(page.locator(".uppy-Dashboard-inner")).toBeVisible();
  await expect(memberRow(await openDialog(page, text.header.share), own).getByRole("combobox")).toHaveValue(
    "owner",
  );
});

test("what systems leave in folders is no memory; a file of a folder is called by its path", async ({
  newPerson,
}, info) => {
  const page = await newPerson();
  const folder = join(info.outputDir, "2019");
  await mkdir(join(folder, "Paris", "@eaDir"), { recursive: true });
  for (const [path, bytes] of [
    ["Paris/a.txt", "a"],
    ["Paris/@eaDir/a.txt", "thumb"],
    ["Thumbs.db", "thumbs"],
    [".DS_Store", ""],
    ["b.txt", "b"],
  ] as const) {
    await writeFile(join(folder, path), bytes);
  }
  await page.locator(".uppy-Dashboard-input[webkitdirectory]").first().setInputFiles(folder);
  await allUploaded(page, 2);
  await tilesCount(page, 2);
  await expect(tiles(page).filter({ hasText: "2019/Paris/a.txt" })).toBeVisible();
  await expect(page.locator(".notice.error")).toHaveCount(0);
  await expect(row(page, "Thumbs.db")).toHaveCount(0);
});
