// A capsule that is public: whoever has its link looks at it, adds nothing, and loses it when it is private again.
// It owns no state.

import type { Page } from "@playwright/test";
import { faults } from "../src/axe.ts";
import {
  allUploaded,
  beginAsNew,
  chooseFiles,
  dropFiles,
  openDialog,
  text,
  tiles,
  tilesCount,
} from "../src/page.ts";
import { tenPhotos } from "../src/photos.ts";
import { expect, test } from "../src/test.ts";

const capsules = (page: Page) => page.getByLabel(text.header.capsule, { exact: true });

/** The number of the capsule that an address, or a page, names. */
function numberOf(place: string | Page): number {
  return Number(/#capsule_(\d+)$/.exec(typeof place === "string" ? place : place.url())?.[1]);
}

/** Turns "anyone with the link" on or off; returns the link. */
async function setPublic(page: Page, isPublic: boolean): Promise<string> {
  const dialog = await openDialog(page, text.header.share);
  const anyone = dialog.getByLabel(text.sharing.anyone);
  await expect(anyone).toBeChecked({ checked: !isPublic });
  await anyone.click();
  await expect(dialog.getByText(isPublic ? text.notices.madePublic : text.notices.madePrivate)).toBeVisible();
  await expect(anyone).toBeChecked({ checked: isPublic });
  const link = await dialog.locator(".link-sharing code").textContent();
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  return link ?? "";
}

test("anyone with the link looks and adds nothing; made private again, they lose it at once", async ({
  newPerson,
}, info) => {
  const anna = await newPerson();
  const ben = await newPerson();
  const photos = (await tenPhotos(anna, info.outputDir)).slice(0, 2);
  await chooseFiles(anna, photos);
  await allUploaded(anna, 2);
  const link = await setPublic(anna, true);
  expect(new URL(link).hash).toBe(new URL(anna.url()).hash);

  // Ben's page is open already: the link changes its hash only.
  await tilesCount(ben, 0);
  await ben.goto(link);
  await tilesCount(ben, 2);
  await expect(ben.locator(".tile .picture.loaded")).toHaveCount(2);
  await expect(capsules(ben).locator("option")).toHaveCount(2);
  await expect(capsules(ben).locator("option:checked")).toContainText(text.sharing.roles.guest);
  await expect(ben.getByText(text.upload.readOnly)).toBeVisible();
  await expect(ben.locator(".uppy-Dashboard-inner")).toHaveCount(0);
  // And so does a page that opens with it, after a reload too.
  await ben.reload();
  await tilesCount(ben, 2);

  await tiles(ben).first().click();
  const viewer = ben.locator("dialog.viewer");
  const picture = viewer.locator("img.sharp");
  await expect(viewer.locator(".picture.loaded")).toBeVisible();
  await expect(viewer.locator(".details .hash")).toBeVisible();
  await expect(viewer.getByRole("button", { name: text.viewer.remove })).toHaveCount(0);
  const address = new URL((await picture.getAttribute("src")) ?? "");
  expect((await ben.request.get(address.href)).status()).toBe(200);
  expect(await faults(ben, "viewer of a visitor")).toEqual([]);
  await ben.keyboard.press("Escape");
  const sharing = await openDialog(ben, text.header.share);
  await expect(sharing.getByText(text.sharing.linkOpensForAll)).toBeVisible();
  await expect(sharing.getByLabel(text.sharing.anyone)).toHaveCount(0);
  // Who its members are is not told to everybody.
  await expect(sharing.locator(".members li")).toHaveCount(0);
  expect(await faults(ben, "sharing, seen by a visitor")).toEqual([]);
  await ben.keyboard.press("Escape");
  await expect(sharing).toBeHidden();

  await setPublic(anna, false);
  // Neither the token that Ben has nor the bare address opens the picture from this moment on.
  expect([401, 403, 404]).toContain((await ben.request.get(address.href)).status());
  expect([401, 403, 404]).toContain((await ben.request.get(address.origin + address.pathname)).status());
  await expect(ben.getByText("You can no longer see", { exact: false })).toBeVisible();
  await expect(capsules(ben).locator("option")).toHaveText([text.header.mine]);
  await tilesCount(ben, 0);
});

test("whoever has nothing here looks without a key; one click gives them a capsule of their own", async ({
  newPerson,
}, info) => {
  const anna = await newPerson();
  const photos = (await tenPhotos(anna, info.outputDir)).slice(0, 1);
  await chooseFiles(anna, photos);
  await allUploaded(anna, 1);
  const link = await setPublic(anna, true);

  const visitor = await newPerson(link);
  await tilesCount(visitor, 1);
  await expect(visitor.locator(".tile .picture.loaded")).toHaveCount(1);
  await expect(capsules(visitor).locator("option")).toHaveCount(1);
  for (const name of [text.header.newCapsule, text.header.uploads, text.header.account]) {
    await expect(visitor.getByRole("button", { name, exact: true })).toHaveCount(0);
  }
  expect(await faults(visitor, "a visitor's page")).toEqual([]);
  await tiles(visitor).first().click();
  await expect(visitor.locator("dialog.viewer .picture.loaded")).toBeVisible();
  await visitor.keyboard.press("Escape");

  // Nothing was made for the visitor until now: Anna's next capsule has the next number.
  const made = await openDialog(anna, text.header.newCapsule);
  await made.getByRole("textbox").first().fill("Grandmother");
  await made.getByRole("button", { name: text.newCapsule.create }).click();
  await expect.poll(() => numberOf(anna)).toBe(numberOf(link) + 1);
  const keep = visitor.getByRole("button", { name: text.signIn.keepOwn });
  await keep.click();
  await beginAsNew(visitor);
  await expect(capsules(visitor).locator("option")).toHaveText([text.header.mine]);
  await expect(visitor.locator(".uppy-Dashboard-inner")).toBeVisible();
  await expect(keep).toHaveCount(0);
  expect(numberOf(visitor)).toBe(numberOf(link) + 2);
  // From now on the browser has a key, and the link opens beside what is one's own.
  await visitor.goto(link);
  await tilesCount(visitor, 1);
  await expect(capsules(visitor).locator("option")).toHaveCount(2);
});

test("made private again, whoever has nothing here is told, and the page stays usable", async ({
  newPerson,
}) => {
  const anna = await newPerson();
  const link = await setPublic(anna, true);
  const visitor = await newPerson(link);
  await expect(visitor.getByRole("button", { name: text.signIn.keepOwn })).toBeVisible();
  await setPublic(anna, false);
  await expect(visitor.getByText(text.notices.notOpen(new URL(link).hash.slice(1)))).toBeVisible();
  await beginAsNew(visitor);
  await expect(capsules(visitor).locator("option")).toHaveText([text.header.mine]);
});

test("a visitor's own capsule is one choice away, and the public one leaves the list then", async ({
  newPerson,
}) => {
  const anna = await newPerson();
  const ben = await newPerson();
  const link = await setPublic(anna, true);
  await ben.goto(link);
  await expect(ben.getByText(text.upload.readOnly)).toBeVisible();
  await capsules(ben).selectOption({ label: text.header.mine });
  await expect(ben.locator(".uppy-Dashboard-inner")).toBeVisible();
  await expect(capsules(ben).locator("option")).toHaveText([text.header.mine]);
  await expect.poll(() => new URL(ben.url()).hash).not.toBe(new URL(link).hash);
});

test("a link to what is not there, or not shared, says so and leaves the page usable", async ({
  newPerson,
}) => {
  const anna = await newPerson();
  const ben = await newPerson();
  for (const page of [anna, ben]) {
    await expect(capsules(page).locator("option")).toHaveText([text.header.mine]);
  }
  const own = new URL(ben.url()).hash;
  expect(own).toMatch(/^#capsule_/);
  for (const hash of [new URL(anna.url()).hash, "#capsule_999999", "#nonsense"]) {
    await ben.goto(new URL(hash, ben.url()).href);
    await expect(ben.getByText(text.notices.notOpen(hash.slice(1)))).toBeVisible();
    await expect(capsules(ben).locator("option")).toHaveText([text.header.mine]);
    await expect.poll(() => new URL(ben.url()).hash).toBe(own);
  }
  await expect(ben.locator(".uppy-Dashboard-inner")).toBeVisible();
});

test("files dropped where a visitor may not add are refused with a message, and the page stays", async ({
  newPerson,
}, info) => {
  const anna = await newPerson();
  const ben = await newPerson();
  await ben.goto(await setPublic(anna, true));
  await expect(ben.getByText(text.upload.readOnly)).toBeVisible();
  const address = ben.url();
  const [photo] = await tenPhotos(anna, info.outputDir);
  await dropFiles(ben, [photo ?? ""], ben.locator(".gallery"));
  await expect(ben.locator(".notice.error")).toHaveText(text.upload.readOnly);
  await expect.poll(() => ben.url()).toBe(address);
  await tilesCount(anna, 0);
});

test("the link is copied by its button", async ({ newPerson }) => {
  const page = await newPerson();
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  const dialog = await openDialog(page, text.header.share);
  expect(await faults(page, "sharing, seen by the owner")).toEqual([]);
  await dialog.getByRole("button", { name: text.sharing.copyLink }).click();
  await expect(dialog.getByText(text.copied)).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(page.url());
});
