// Two people, two browsers: what each may see of the other. It owns no state.

import type { Page } from "@playwright/test";
import {
  acceptGiven,
  allUploaded,
  chooseFiles,
  grant,
  openDialog,
  principalOf,
  takeAway,
  text,
  tiles,
  tilesCount,
} from "../src/page.ts";
import { tenPhotos } from "../src/photos.ts";
import { expect, test } from "../src/test.ts";

const capsules = (page: Page) => page.getByLabel(text.header.capsule, { exact: true });

test("two people cannot see each other's capsules", async ({ newPerson, appUrl }, info) => {
  const anna = await newPerson();
  const ben = await newPerson();
  const [photo] = await tenPhotos(anna, info.outputDir);
  await chooseFiles(anna, [photo ?? ""]);
  await allUploaded(anna, 1);
  await expect(capsules(ben).locator("option")).toHaveText([text.header.mine]);
  await tilesCount(ben, 0);
  expect(await principalOf(anna)).not.toBe(await principalOf(ben));

  // Not by the address of the capsule either.
  const hash = new URL(anna.url()).hash;
  await ben.goto(`${appUrl}${hash}`);
  await ben.reload();
  await expect(capsules(ben).locator("option")).toHaveText([text.header.mine]);
  await tilesCount(ben, 0);
  await expect.poll(() => new URL(ben.url()).hash).not.toBe(hash);
});

test("a guest looks and cannot add; revoked, the guest loses access at once", async ({ newPerson }, info) => {
  const anna = await newPerson();
  const ben = await newPerson();
  const [photo] = await tenPhotos(anna, info.outputDir);
  await chooseFiles(anna, [photo ?? ""]);
  await allUploaded(anna, 1);
  const benPrincipal = await principalOf(ben);
  await grant(anna, benPrincipal, "guest");

  await acceptGiven(ben);
  await expect(capsules(ben).locator("option")).toHaveCount(2);
  await expect(ben.getByText(text.upload.readOnly)).toBeVisible();
  await tilesCount(ben, 1);
  await tiles(ben).first().click();
  const picture = ben.getByRole("dialog").locator("img.sharp");
  await expect(picture).toBeVisible();
  const address = await picture.getAttribute("src");
  await expect(ben.getByRole("button", { name: text.viewer.remove })).toBeHidden();
  await ben.keyboard.press("Escape");

  const dialog = await openDialog(anna, text.header.share);
  await takeAway(dialog, benPrincipal);
  // The token that Ben has for the picture is worth nothing from this moment on.
  const response = await ben.request.get(address ?? "");
  expect([401, 403, 404]).toContain(response.status());
  await expect(ben.getByText("You can no longer see", { exact: false })).toBeVisible();
  await expect(capsules(ben).locator("option")).toHaveText([text.header.mine]);
  await tilesCount(ben, 0);
});

test("a member adds; a capsule about somebody is made, opened and kept in the address", async ({
  newPerson,
}, info) => {
  const anna = await newPerson();
  const ben = await newPerson();
  const dialog = await openDialog(anna, text.header.newCapsule);
  await dialog.getByLabel(text.newCapsule.subject).fill("Grandma");
  await anna.keyboard.press("Enter");
  await expect(dialog).toBeHidden();
  await expect(capsules(anna).locator("option:checked")).toHaveText("Grandma");
  await anna.reload();
  await expect(capsules(anna).locator("option:checked")).toHaveText("Grandma");

  await grant(anna, await principalOf(ben), "member");
  await acceptGiven(ben);
  const [photo] = await tenPhotos(ben, info.outputDir);
  await chooseFiles(ben, [photo ?? ""]);
  await allUploaded(ben, 1);
  await tilesCount(anna, 1);
});

test("the key stays in the browser and cannot be taken out", async ({ newPerson }) => {
  const page = await newPerson();
  const before = await principalOf(page);
  await page.reload();
  expect(await principalOf(page)).toBe(before);
  const isExtractable = await page.evaluate(
    () =>
      new Promise<boolean>((resolve, reject) => {
        const opening = indexedDB.open("keepsake-identity");
        opening.onerror = reject;
        opening.onsuccess = () => {
          const asked = opening.result.transaction("keys").objectStore("keys").get("identity");
          asked.onsuccess = () => resolve((asked.result as CryptoKeyPair).privateKey.extractable);
        };
      }),
  );
  expect(isExtractable).toBe(false);
});
