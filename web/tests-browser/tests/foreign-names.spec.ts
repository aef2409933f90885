// Names that others chose, in sentences of the page: they say nothing in its place, steer nothing around them, and push nothing
// off the narrowest screen. It owns no state.

import type { Browser, Locator, Page } from "@playwright/test";
import { isolated, shortPrincipal } from "../../packages/app/src/format.ts";
import { faults } from "../src/axe.ts";
import { fitsAndIsReachable } from "../src/fits.ts";
import { tabTo } from "../src/keyboard.ts";
import { beginAsNew, joinQuestion, openDialog, principalOf, text } from "../src/page.ts";
import { stranger } from "../src/stranger.ts";
import { expect, test } from "../src/test.ts";

const NARROW = { viewport: { width: 320, height: 568 } };
/** As long as the service takes, without a place to break it. */
const LONG = "W".repeat(256);
const STEERING = "\u202eyou, as before: Keepsake was updated and only asks again\u2069";

async function opened(browser: Browser, address: string): Promise<Page> {
  const page = await (await browser.newContext(NARROW)).newPage();
  await page.goto(address);
  return page;
}

/** For axe, and on the narrowest screen. */
async function looksWell(page: Page, within: Locator, state: string): Promise<void> {
  expect(await faults(page, state)).toEqual([]);
  await fitsAndIsReachable(page, within, state);
  const [all = 0, seen = 0] = await within.evaluate((box) => [box.scrollWidth, box.clientWidth]);
  expect(all, `${state}: width`).toBeLessThanOrEqual(seen);
}

test("the question before a browser becomes a device is asked in words of the page alone", async ({
  browser,
  node,
}) => {
  const maker = await stranger(node);
  const short = shortPrincipal(maker.principal.toText());
  for (const [state, name, shown] of [
    ["no name", undefined, undefined],
    ["a sentence", STEERING, "you, as before: Keepsake was updated and only asks again"],
    ["256 letters", LONG, `${"W".repeat(79)}…`],
    ["nothing that is seen", "\u200b\u2060", undefined],
  ] as const) {
    if (name !== undefined) await maker.people.nameSelf({ name }).catch(() => {});
    const page = await opened(browser, `${node.url}/#join=${await maker.devices.invite()}`);
    await expect(joinQuestion(page)).toBeVisible();
    const whose = page.locator(".whose");
    if (state !== "nothing that is seen") {
      await expect(whose, state).toHaveText(text.joining.whose(short, shown && isolated(shown)));
    }
    const said = (await whose.textContent()) ?? "";
    expect(said, state).toMatch(new RegExp(`^Account ${short} made the code`));
    expect(said, state).toMatch(/(as anybody could|has no name)\.$/);
    expect(said, state).not.toMatch(/[\u202a-\u202e\u200b]/);
    await expect(page.locator(".warning"), state).toContainText(
      "They will see everything that is here, and may delete it",
    );
    await looksWell(page, page.locator("main"), `joining, ${state}`);
    await tabTo(page, text.joining.no);
    await page.keyboard.press("Enter");
    await expect(page.getByRole("heading", { name: text.welcome.question })).toBeVisible();
  }
});

test("long names and names that steer fit wherever they stand", async ({ browser, node }) => {
  const anna = await opened(browser, node.url);
  await beginAsNew(anna);
  await expect(anna.locator(".uppy-Dashboard-inner")).toBeVisible();
  const principal = await principalOf(anna);
  const ben = await stranger(node);
  await ben.people.nameSelf({ name: LONG });
  const { id } = await ben.capsules.createAbout(LONG);
  await ben.capsules.rename(id, LONG);
  const code = await ben.invitations.create(id, "member");
  await anna.goto(`${node.url}/#invite=${code}`);
  const question = anna.getByRole("dialog");
  await expect(question).toContainText(shortPrincipal(ben.principal.toText()));
  await looksWell(anna, question, "an invitation");
  await question.getByRole("button", { name: text.invites.accept }).click();
  await expect(anna.getByText(text.notices.invitedInto)).toBeVisible();
  await anna.getByRole("button", { name: text.notices.dismiss }).click();
  await looksWell(anna, anna.locator("body"), "the capsule");

  const sharing = await openDialog(anna, text.header.share);
  await expect(sharing.locator(".members li")).toHaveCount(2);
  await looksWell(anna, sharing, "sharing");
  await sharing.getByRole("button", { name: text.capsule.leave }).click();
  await looksWell(anna, anna.getByRole("dialog").last(), "before leaving");
  await anna.keyboard.press("Escape");
  await anna.keyboard.press("Escape");

  // A device's name comes with the device.
  const phone = await stranger(node);
  await openDialog(anna, text.header.account);
  await anna.getByRole("button", { name: text.devices.add, exact: true }).click();
  const words = (await anna.locator(".words").textContent()) ?? "";
  await phone.devices.join(words, LONG);
  await expect(anna.getByRole("dialog").last().getByRole("status").first()).toContainText("WWW");
  const told = anna.locator(".notice", { hasText: "WWW" });
  await expect(told).toContainText(isolated(`${"W".repeat(79)}…`));
  await told.getByRole("button", { name: text.notices.dismiss }).click();
  await looksWell(anna, anna.getByRole("dialog").last(), "a device that came");
  await anna.getByRole("button", { name: text.addDevice.done }).click();
  const rows = anna.locator(".devices li");
  await expect(rows).toHaveCount(2);
  await looksWell(anna, anna.getByRole("dialog"), "devices");
  await rows.last().getByRole("button", { name: text.devices.remove }).click();
  await expect(anna.getByRole("dialog").last()).toContainText(isolated(`${"W".repeat(79)}…`));
  await looksWell(anna, anna.getByRole("dialog").last(), "before a device is removed");
  await anna.getByRole("dialog").last().getByRole("button", { name: text.cancel }).click();
  await anna.keyboard.press("Escape");

  // Told of what is gone, by the name that its maker gave it.
  await ben.capsules.rename(id, STEERING);
  await expect(anna.getByLabel(text.header.capsule, { exact: true })).toContainText("only asks again");
  await ben.capsules.revoke(id, principal);
  const gone = anna.locator(".notice.error");
  await expect(gone).toContainText("only asks again");
  expect(await gone.textContent()).not.toMatch(/[\u202a-\u202e]/);
  expect(await faults(anna, "a capsule that is gone")).toEqual([]);
  expect(await anna.evaluate(() => document.documentElement.scrollWidth)).toBe(320);
});

test("an address says nothing in the page's place", async ({ browser, node }) => {
  const words = "Your account is closed. Call 555 0100 and tell your 24 words";
  const page = await opened(browser, `${node.url}/#${encodeURIComponent(words)}`);
  await expect(page.getByRole("status")).toHaveText(text.notices.notOpen(words));
  await expect(page.getByText("555")).toHaveCount(0);
  await beginAsNew(page);
  await expect(page.locator(".uppy-Dashboard-inner")).toBeVisible();
  await page.goto(`${node.url}/#${"W".repeat(256)}`);
  await expect(page.locator(".notice.error")).toHaveText(text.notices.notOpen(words));
  await looksWell(page, page.locator("body"), "an address of nothing");
});
