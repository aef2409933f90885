// Links as they are made in the page: what whoever opens one sees, and that it sees nothing else, and nothing any more
// once it has ended. It owns no state.

import type { Locator, Page } from "@playwright/test";
import { faults } from "../src/axe.ts";
import { allUploaded, chooseFiles, openDialog, text, tiles, tilesCount } from "../src/page.ts";
import { tenPhotos } from "../src/photos.ts";
import { qrText } from "../src/qr.ts";
import { stranger } from "../src/stranger.ts";
import { expect, test } from "../src/test.ts";

interface Wanted {
  password?: string;
  noOriginals?: boolean;
  preview?: boolean;
  label?: string;
  ends?: keyof typeof text.sharing.endsAfter;
}

/** Makes a link by the form in the dialog; gives its address. */
async function makeLink(dialog: Locator, wanted: Wanted = {}): Promise<string> {
  const { password, noOriginals, preview, label, ends } = wanted;
  if (preview) await dialog.getByLabel(text.links.preview).check();
  if (password !== undefined) await dialog.getByLabel(text.links.password).fill(password);
  if (noOriginals) await dialog.getByLabel(text.links.originals).uncheck();
  if (label !== undefined) await dialog.getByLabel(text.links.label).fill(label);
  if (ends !== undefined) await dialog.getByLabel(text.sharing.ends).selectOption(ends);
  await dialog.getByRole("button", { name: text.links.create }).click();
  const made = dialog.locator(".made");
  await expect(made.getByRole("heading")).toBeFocused();
  const address = (await made.locator("code").textContent()) ?? "";
  expect(await qrText(made.getByRole("img", { name: text.links.picture }))).toBe(address);
  return address;
}

async function withPhotos(page: Page, folder: string): Promise<void> {
  await chooseFiles(page, (await tenPhotos(page, folder)).slice(0, 2));
  await allUploaded(page, 2);
  await tilesCount(page, 2);
}

test("a link to the capsule shows it to whoever has it, who adds nothing; ended, it shows nothing at once", async ({
  newPerson,
}, info) => {
  const anna = await newPerson();
  await withPhotos(anna, info.outputDir);
  const dialog = await openDialog(anna, text.header.share);
  await dialog.getByRole("button", { name: text.links.make }).click();
  expect(await faults(anna, "making a link")).toEqual([]);
  const address = await makeLink(dialog, { label: "For grandma", ends: "week" });
  expect(await faults(anna, "a link that was made")).toEqual([]);
  await dialog.getByRole("button", { name: text.sharing.done }).click();
  const line = dialog.locator(".line", { hasText: "For grandma" });
  await expect(line).toContainText(text.links.whole);
  await expect(anna.locator(".readers")).toHaveText(text.people.linksSee(1, false));

  const grandma = await newPerson(address);
  await tilesCount(grandma, 2);
  await expect(grandma.locator(".tile .picture.loaded")).toHaveCount(2);
  await expect(grandma.locator(".readers")).toContainText("You look by a link, until");
  await expect(grandma.locator(".uppy-Dashboard-inner")).toHaveCount(0);
  for (const name of [text.header.share, text.header.newCapsule, text.header.account]) {
    await expect(grandma.getByRole("button", { name, exact: true })).toHaveCount(0);
  }
  await tiles(grandma).first().click();
  const viewer = grandma.locator("dialog.viewer");
  await expect(viewer.locator(".picture.loaded")).toBeVisible();
  await expect(viewer.getByRole("link", { name: text.viewer.download })).toBeVisible();
  for (const name of [text.viewer.remove, text.links.share]) {
    await expect(viewer.getByRole("button", { name, exact: true })).toHaveCount(0);
  }
  const picture = (await viewer.locator("img.sharp").getAttribute("src")) ?? "";
  expect((await grandma.request.get(picture)).status()).toBe(200);
  await grandma.keyboard.press("Escape");
  await expect.poll(() => grandma.url()).toBe(address);
  expect(await faults(grandma, "by a link")).toEqual([]);

  await line.getByRole("button", { name: text.links.endNamed("For grandma") }).click();
  await expect(dialog.getByText(text.links.revoked)).toBeVisible();
  expect([401, 403, 404]).toContain((await grandma.request.get(picture)).status());
  // Her page is told without being asked.
  await expect(grandma.getByText(text.notices.linkEnded)).toBeVisible();
  await tilesCount(grandma, 0);
  await expect(anna.locator(".readers")).toHaveCount(0);
});

test("one memory is shared by a link that shows it and nothing else, without its original if so wanted", async ({
  newPerson,
}, info) => {
  const anna = await newPerson();
  await withPhotos(anna, info.outputDir);
  await tiles(anna).first().click();
  const viewer = anna.locator("dialog.viewer");
  const share = viewer.getByRole("button", { name: text.links.share, exact: true });
  await share.click();
  const dialog = anna.getByRole("dialog", { name: text.links.shareTitle(1) });
  // The arrows are the form's, not the viewer's behind it.
  await dialog.getByLabel(text.links.label).fill("Press");
  await anna.keyboard.press("ArrowLeft");
  await expect(viewer).toContainText(text.viewer.position(1, 2));
  const address = await makeLink(dialog, { noOriginals: true, label: "Press", ends: "never" });
  await anna.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  await expect(share).toBeFocused();
  const shown = new URL(anna.url()).hash.split("/")[1];
  await anna.keyboard.press("ArrowRight");
  await expect(viewer).toContainText(text.viewer.position(2, 2));
  const [capsule, hidden] = new URL(anna.url()).hash.slice(1).split("/");
  const original =
    (await viewer.getByRole("link", { name: text.viewer.download }).getAttribute("href")) ?? "";

  const press = await newPerson(address);
  await tilesCount(press, 1);
  await tiles(press).first().click();
  const theirs = press.locator("dialog.viewer");
  await expect(theirs.locator(".picture.loaded")).toBeVisible();
  await expect(theirs.getByRole("link", { name: text.viewer.download })).toHaveCount(0);
  const picture = new URL((await theirs.locator("img.sharp").getAttribute("src")) ?? "");
  expect(picture.pathname).toContain(shown);
  expect((await press.request.get(picture.href)).status()).toBe(200);
  // Its token opens neither the original nor the other memory.
  for (const path of [`/asset/${shown}/original`, new URL(original).pathname]) {
    const response = await press.request.get(`${picture.origin}${path}${picture.search}`);
    expect([401, 403, 404], path).toContain(response.status());
  }
  // Nor does an address without the secret show either.
  const nobody = await newPerson(`${picture.origin}/#${capsule}/${hidden}`);
  await expect(nobody.getByText(text.notices.notOpen(capsule ?? ""))).toBeVisible();

  await anna.keyboard.press("Escape");
  const sharing = await openDialog(anna, text.header.share);
  const line = sharing.locator(".line", { hasText: "Press" });
  await expect(line).toContainText(text.links.some(1));
  await expect(line).toContainText(text.links.noOriginals);
  await expect(line).toContainText(text.sharing.endsNever);
  // It shows one memory: whoever adds something is not told of it as of a reader.
  await expect(anna.locator(".readers")).toHaveCount(0);
});

test("a link with a password asks for it until it is the right one", async ({ newPerson }, info) => {
  const anna = await newPerson();
  await withPhotos(anna, info.outputDir);
  const dialog = await openDialog(anna, text.header.share);
  await dialog.getByRole("button", { name: text.links.make }).click();
  const address = await makeLink(dialog, { password: "пароль 🐎" });
  await expect(dialog.locator(".made")).toContainText(text.links.passwordHelp);
  await dialog.getByRole("button", { name: text.sharing.done }).click();
  await expect(dialog.locator(".line")).toContainText(text.links.withPassword);

  const guest = await newPerson(address);
  const field = guest.getByLabel(text.links.passwordOf);
  await expect(field).toBeFocused();
  expect(await faults(guest, "asking for a password")).toEqual([]);
  await guest.keyboard.press("Enter");
  await expect(field).toBeFocused();
  for (const wrong of ["horse", "пароль", "x".repeat(1000)]) {
    await field.fill(wrong);
    await guest.keyboard.press("Enter");
    await expect(guest.getByText(text.links.wrong)).toBeVisible();
    expect(await faults(guest, "a wrong password")).toEqual([]);
    await field.fill("");
  }
  await field.fill("пароль 🐎");
  await guest.keyboard.press("Enter");
  await tilesCount(guest, 2);
  await expect.poll(() => guest.url()).toBe(address);
  // It is kept nowhere.
  await guest.reload();
  await expect(field).toBeVisible();
});

test("a link may be shown in chats: its address tells a title and a picture, where it takes no password", async ({
  newPerson,
}, info) => {
  const anna = await newPerson();
  await withPhotos(anna, info.outputDir);
  const dialog = await openDialog(anna, text.header.share);
  await dialog.getByRole("button", { name: text.links.make }).click();
  await dialog.getByLabel(text.links.preview).check();
  await expect(dialog.getByText(text.links.previewHelp)).toBeVisible();
  expect(await faults(anna, "a link that is shown in chats")).toEqual([]);
  const address = await makeLink(dialog, { preview: true });
  expect(address).toMatch(/\/l\/[\w-]{22}#link=[\w-]{22}$/);
  await dialog.getByRole("button", { name: text.sharing.done }).click();
  await expect(dialog.locator(".line")).toContainText(text.links.withPreview);

  const asked = await anna.request.get(address);
  const html = await asked.text();
  expect(html).toContain('property="og:title"');
  const [, picture = ""] = /property="og:image" content="([^"]+)"/.exec(html) ?? [];
  expect((await anna.request.get(picture)).headers()["content-type"]).toBe("image/jpeg");
  const ben = await newPerson(address);
  await tilesCount(ben, 2);

  await dialog.getByRole("button", { name: text.links.make }).click();
  const locked = await makeLink(dialog, { preview: true, password: "horse" });
  await expect(dialog.getByLabel(text.links.preview)).toHaveCount(0);
  expect(new URL(locked).pathname).toBe("/");
});

test("a link whose time ran out, or that is not whole, says so", async ({ newPerson, node }) => {
  const maker = await stranger(node);
  const { id } = await maker.capsules.own();
  const { fragment } = await maker.links.create(id, { expiresAt: new Date(Date.now() + 1_500) });
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  const page = await newPerson(`${node.url}/${fragment}`);
  await expect(page.getByText(text.notices.linkEnded)).toBeVisible();
  await tilesCount(page, 0);
  const cut = await newPerson(`${node.url}/${fragment.slice(0, -3)}`);
  await expect(cut.getByText(text.links.malformed)).toBeVisible();
  // A link opens in a page that is open already, too.
  const whole = await maker.links.create(id);
  const anna = await newPerson();
  await expect(anna.locator(".uppy-Dashboard-inner")).toBeVisible();
  await anna.goto(`${node.url}/${whole.fragment}`);
  await expect(anna.getByText(text.upload.readOnly)).toBeVisible();
});
