// Sharing for everybody: each dialog without a serious fault that axe finds, on the narrowest screen too, and the whole of
// it by keyboard alone. It owns no state.

import type { Locator, Page } from "@playwright/test";
import { shortPrincipal } from "../../packages/app/src/format.ts";
import { faults } from "../src/axe.ts";
import { fitsAndIsReachable } from "../src/fits.ts";
import { tabTo } from "../src/keyboard.ts";
import { allUploaded, chooseFiles, grant, openDialog, text, tiles } from "../src/page.ts";
import { tenPhotos } from "../src/photos.ts";
import { stranger } from "../src/stranger.ts";
import { expect, test } from "../src/test.ts";

/** A name as long as the service takes, without a place to break it. */
const LONG = "Wolfeschlegelsteinhausenbergerdorff".repeat(8).slice(0, 250);

for (const { name, scheme, width, height } of [
  { name: "desktop, light", scheme: "light", width: 1280, height: 800 },
  { name: "the narrowest phone, dark", scheme: "dark", width: 320, height: 568 },
] as const) {
  test(`every dialog of sharing: ${name}`, async ({ newPerson, node }, info) => {
    const narrow = async (page: Page) => {
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
      await page.setViewportSize({ width, height });
    };
    const found: string[] = [];
    const look = async (page: Page, within: Locator, state: string) => {
      found.push(...(await faults(page, state)));
      await fitsAndIsReachable(page, within, state);
      const [all = 0, seen = 0] = await within.evaluate((box) => [box.scrollWidth, box.clientWidth]);
      expect(all, `${state}: width of the dialog`).toBeLessThanOrEqual(seen);
    };
    const anna = await newPerson();
    await narrow(anna);
    const ben = await stranger(node);
    await ben.people.nameSelf({ name: LONG, colour: 0xfaf0e6 });
    await chooseFiles(anna, (await tenPhotos(anna, info.outputDir)).slice(0, 1));
    await allUploaded(anna, 1);
    await grant(anna, ben.principal.toText(), "member");

    const dialog = await openDialog(anna, text.header.share);
    const rows = dialog.locator(".members li");
    await rows.nth(1).getByRole("button", { name: text.people.more }).click();
    await rows.nth(0).getByRole("button", { name: text.people.more }).click();
    await dialog.getByRole("button", { name: text.capsule.rename }).click();
    await dialog.getByRole("button", { name: text.invites.make }).click();
    await dialog.getByLabel(text.invites.label).fill("W".repeat(80));
    await dialog.getByRole("button", { name: text.links.make }).click();
    await dialog.locator("summary").click();
    await look(anna, dialog, "sharing, with every form open");
    await dialog.getByRole("button", { name: text.invites.create }).click();
    await dialog.getByRole("button", { name: text.links.create }).click();
    await expect(dialog.locator(".made")).toHaveCount(2);
    await look(anna, dialog, "sharing, with what was made");
    const invitation = (await dialog.locator(".made code").first().textContent()) ?? "";
    for (let left = 2; left > 0; left -= 1) {
      await dialog.getByRole("button", { name: text.sharing.done }).first().click();
    }
    await look(anna, dialog, "sharing, with lists");
    await anna.keyboard.press("Escape");
    await look(anna, anna.locator("main"), "the page with a reader");

    await tiles(anna).first().click();
    await anna.locator("dialog.viewer").getByRole("button", { name: text.links.share }).click();
    const share = anna.getByRole("dialog", { name: text.links.shareTitle(1) });
    await look(anna, share, "sharing a memory");
    await share.getByLabel(text.links.password).fill("horse");
    await share.getByRole("button", { name: text.links.create }).click();
    const link = (await share.locator(".made code").textContent()) ?? "";
    await look(anna, share, "a link to a memory");

    const carl = await newPerson(link);
    await narrow(carl);
    await look(carl, carl.locator("main"), "the password of a link");
    const dora = await newPerson(invitation);
    await narrow(dora);
    const question = dora.getByRole("dialog");
    await look(dora, question, "the question of an invitation");
    await question.getByRole("button", { name: text.invites.decline }).click();

    const own = await dora.evaluate(() => location.hash);
    const { principal } = await principalInAccount(dora);
    for (const about of [LONG, "Grandma", "\u202eammdnarG"]) {
      const { id } = await ben.capsules.createAbout(about);
      await ben.capsules.grant(id, principal, "member");
    }
    await expect(dora.getByRole("button", { name: text.given.button(3) })).toBeVisible();
    await look(dora, dora.locator("header"), "the header with what was given");
    const given = await openDialog(dora, text.given.group);
    await look(dora, given, "what was given");
    await given.getByRole("button", { name: text.given.leaveAll(3) }).click();
    await look(dora, dora.getByRole("dialog").last(), "before leaving all");
    await dora.getByRole("dialog").last().getByRole("button", { name: text.cancel }).click();
    await given.getByRole("button", { name: text.given.look }).first().click();
    await expect(dora.locator(".not-accepted")).toBeVisible();
    expect(await dora.evaluate(() => location.hash)).not.toBe(own);
    await look(dora, dora.locator("body"), "a capsule that was given");
    const making = await openDialog(dora, text.header.newCapsule);
    await look(dora, making, "new capsule");
    expect(found).toEqual([]);
  });
}

async function principalInAccount(page: Page): Promise<{ principal: string }> {
  const dialog = await openDialog(page, text.header.account);
  const principal = (await dialog.locator("code").first().textContent()) ?? "";
  await page.keyboard.press("Escape");
  return { principal };
}

test("people, invitations and links by keyboard alone", async ({ newPerson, node }) => {
  const page = await newPerson();
  const { keyboard } = page;
  const ben = (await stranger(node)).principal.toText();
  await grant(page, ben, "guest");
  await tabTo(page, text.header.share);
  await keyboard.press("Enter");
  const dialog = page.getByRole("dialog");

  await tabTo(page, text.capsule.rename);
  await keyboard.press("Enter");
  await expect(dialog.getByLabel(text.capsule.name)).toBeFocused();
  await keyboard.type("Our photos");
  await keyboard.press("Enter");
  await expect(dialog.getByRole("heading").first()).toContainText("Our photos");
  await expect(dialog.getByRole("button", { name: text.capsule.rename })).toBeFocused();

  await tabTo(page, text.people.moreOf(shortPrincipal(ben)));
  await keyboard.press("Enter");
  await tabTo(page, text.people.theirName);
  await keyboard.type("Ben");
  await tabTo(page, text.people.noColour);
  await keyboard.press("ArrowRight");
  await keyboard.press("ArrowRight");
  await expect(dialog.getByRole("radio", { name: text.people.colours.orange })).toBeChecked();
  await keyboard.press("Enter");
  await expect(dialog.locator(".members").getByText("Ben", { exact: true })).toBeVisible();

  await tabTo(page, text.invites.make);
  await keyboard.press("Enter");
  await expect(dialog.locator(".boxed").getByLabel(text.sharing.role)).toBeFocused();
  await tabTo(page, text.invites.label);
  await keyboard.type("By keyboard");
  await keyboard.press("Enter");
  await expect(dialog.locator(".made").getByRole("heading")).toBeFocused();
  await tabTo(page, text.sharing.done);
  await keyboard.press("Enter");
  await expect(dialog.getByRole("button", { name: text.invites.make })).toBeFocused();
  await tabTo(page, text.invites.revokeNamed("By keyboard"));
  await keyboard.press("Enter");
  await expect(dialog.locator(".line")).toHaveCount(0);
  await expect(dialog.getByRole("button", { name: text.invites.make })).toBeFocused();

  await tabTo(page, text.links.make);
  await keyboard.press("Enter");
  await expect(dialog.getByLabel(text.sharing.ends)).toBeFocused();
  await tabTo(page, text.links.create);
  await keyboard.press("Enter");
  await tabTo(page, text.sharing.done);
  await keyboard.press("Enter");
  await expect(dialog.getByRole("button", { name: text.links.make })).toBeFocused();
  await tabTo(page, text.links.endNamed(text.links.whole));
  await keyboard.press("Enter");
  await expect(dialog.locator(".line")).toHaveCount(0);
  await expect(dialog.getByRole("button", { name: text.links.make })).toBeFocused();
  await keyboard.press("Escape");
  await expect(dialog).toBeHidden();
});
