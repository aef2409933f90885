// Who is shut out, and who is asked: a device that was removed, by whichever key it comes; a person whom the operator blocked; an
// invitation onto the host where somebody has an account. It owns no state.

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { Browser, Page } from "@playwright/test";
import { authenticator, syncPasskeys } from "../src/authenticator.ts";
import { faults } from "../src/axe.ts";
import { fitsAndIsReachable } from "../src/fits.ts";
import { tabTo } from "../src/keyboard.ts";
import { RunningNode } from "../src/node.ts";
import { beginAsNew, openDialog, principalOf, text, tilesCount } from "../src/page.ts";
import { appDist, keepsakeProgram } from "../src/places.ts";
import { expect, test } from "../src/test.ts";

/** A passkey belongs to a name, not to a number. */
const named = (url: string) => url.replace("127.0.0.1", "localhost");

async function opened(browser: Browser, address: string): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  await page.goto(address);
  return page;
}

/** Runs the program as whoever has keys in `home`. */
function run(home: string, url: string, ...args: string[]): Record<string, unknown> {
  const env = { ...process.env, KEEPSAKE_HOME: home, KEEPSAKE_NODE: url };
  return JSON.parse(execFileSync(keepsakeProgram, [...args, "--json"], { env, encoding: "utf8" }) || "{}");
}

async function startControlled(home: string, ...options: string[]): Promise<RunningNode> {
  const { principal } = run(home, "http://127.0.0.1:1", "identity", "show") as { principal: string };
  return await RunningNode.start(["--app", appDist, "--controller", principal, ...options]);
}

/** In the open list of devices: removes the one that its row says this of. */
async function removeDevice(page: Page, says: string): Promise<void> {
  const rows = page.locator(".devices li");
  const before = await rows.count();
  await rows.filter({ hasText: says }).getByRole("button", { name: text.devices.remove }).click();
  const question = page.getByRole("dialog").last();
  await expect(question).toContainText("Codes that were waiting end");
  await expect(question).toContainText("Invitations and links that it made stay");
  expect(await faults(page, "before a device is removed")).toEqual([]);
  await question.getByRole("button", { name: text.devices.remove, exact: true }).click();
  await expect(rows).toHaveCount(before - 1);
}

function way(page: Page, title: string) {
  return page.locator(".way").filter({ has: page.getByRole("heading", { name: title }) });
}

test("a passkey that was removed is told so in the session that it opened", async ({ browser, appUrl }) => {
  const laptop = await opened(browser, named(appUrl));
  await beginAsNew(laptop);
  const here = await authenticator(laptop);
  await openDialog(laptop, text.header.account);
  await laptop.getByRole("button", { name: text.devices.addPasskey }).click();
  await expect(laptop.locator(".devices li")).toHaveCount(2);

  const guest = await opened(browser, named(appUrl));
  await syncPasskeys(here, await authenticator(guest));
  await guest.getByRole("button", { name: text.welcome.before }).click();
  await way(guest, text.comeBack.passkey).getByRole("button", { name: text.comeBack.usePasskey }).click();
  await tilesCount(guest, 0);

  await removeDevice(laptop, text.devices.passkeyDevice(""));
  await expect(guest.getByRole("status")).toHaveText(text.welcome.removedPasskey);
  expect(await faults(guest, "a passkey that was removed")).toEqual([]);
  // Until another way in was taken.
  await guest.reload();
  await expect(guest.getByRole("status")).toHaveText(text.welcome.removedPasskey);
  await way(guest, text.comeBack.passkey).getByRole("button", { name: text.comeBack.usePasskey }).click();
  await expect(guest.getByRole("alert")).toContainText(/does not know the passkey|was removed from its/);
  await guest.getByRole("button", { name: text.welcome.back }).click();
  await guest.getByRole("button", { name: text.welcome.isNew }).click();
  await tilesCount(guest, 0);
  await guest.reload();
  await tilesCount(guest, 0);
});

test("a sheet and a browser that were removed are told so", async ({ browser, appUrl }) => {
  const laptop = await opened(browser, appUrl);
  await beginAsNew(laptop);
  await openDialog(laptop, text.header.account);
  await laptop.getByRole("button", { name: text.devices.addSheet }).click();
  await laptop.getByRole("button", { name: text.recovery.make }).click();
  const words = (await laptop.locator(".sheet-words li").allTextContents()).join(" ");
  await laptop.getByRole("button", { name: text.recovery.have }).click();
  const places = await laptop.locator(".recovery label").allTextContents();
  for (const [at, label] of places.entries()) {
    const place = Number(/\d+/.exec(label)?.[0]);
    await laptop
      .locator(".recovery")
      .getByRole("textbox")
      .nth(at)
      .fill(words.split(" ")[place - 1] ?? "");
  }
  await laptop.getByRole("button", { name: text.recovery.finish }).click();
  await expect(laptop.locator(".devices li")).toHaveCount(2);

  const recover = async (page: Page) => {
    await page.getByRole("button", { name: text.welcome.before }).click();
    await way(page, text.comeBack.sheet).getByLabel(text.comeBack.words).fill(words);
    await way(page, text.comeBack.sheet).getByRole("button", { name: text.comeBack.useWords }).click();
  };
  const phone = await opened(browser, appUrl);
  await recover(phone);
  await tilesCount(phone, 0);
  await expect(laptop.locator(".devices li")).toHaveCount(3);
  await removeDevice(laptop, "Recovery sheet");
  const late = await opened(browser, appUrl);
  await recover(late);
  await expect(late.getByRole("alert")).toContainText("These words are right");
  await expect(late.getByRole("alert")).toContainText("removed");

  await laptop.locator(".devices li").last().getByRole("button", { name: text.devices.remove }).click();
  await laptop
    .getByRole("dialog")
    .last()
    .getByRole("button", { name: text.devices.remove, exact: true })
    .click();
  await expect(phone.getByRole("status")).toHaveText(text.welcome.removed);
});

test("whom the operator shut out is told who did it, and is offered nothing", async ({
  browser,
  scratch,
}) => {
  const home = join(scratch, "operator");
  const node = await startControlled(home);
  const anna = await opened(browser, node.url);
  await beginAsNew(anna);
  await expect(anna.locator(".uppy-Dashboard-inner")).toBeVisible();
  const principal = await principalOf(anna);
  run(home, node.url, "admin", "block", principal);
  // A page that is open is told, too.
  const told = anna.getByRole("alert");
  await expect(told).toHaveText(text.blocked.lead);
  await anna.reload();
  await expect(told).toHaveText(text.blocked.lead);
  await expect(anna.locator(".uppy-Dashboard-inner, .drop-place")).toHaveCount(0);
  expect(await faults(anna, "shut out")).toEqual([]);
  await anna.setViewportSize({ width: 320, height: 568 });
  await fitsAndIsReachable(anna, anna.locator("body"), "shut out");
  await tabTo(anna, text.tryAgain);
  await anna.keyboard.press("Enter");
  await expect(told).toHaveText(text.blocked.lead);
  run(home, node.url, "admin", "unblock", principal);
  await anna.getByRole("button", { name: text.tryAgain }).click();
  await expect(anna.locator(".uppy-Dashboard-inner")).toBeVisible();
  await node.remove();
});

test("whoever has an account is asked before an invitation onto the host is used", async ({
  browser,
  scratch,
}) => {
  const home = join(scratch, "operator");
  const node = await startControlled(home);
  const { address } = run(home, node.url, "admin", "invite", "--quota", "1GB") as { address: string };
  const isUsed = () => JSON.stringify(run(home, node.url, "admin", "invitations")).includes('"uses":1');
  const anna = await opened(browser, node.url);
  await beginAsNew(anna);
  await expect(anna.locator(".uppy-Dashboard-inner")).toBeVisible();
  await anna.goto(address);
  const question = anna.getByRole("dialog");
  await expect(question).toContainText(text.invites.leadHostRoom("1 GB"));
  await expect(question).toContainText(text.invites.hasAccount);
  expect(await faults(anna, "an invitation onto the host")).toEqual([]);
  await anna.setViewportSize({ width: 320, height: 568 });
  await fitsAndIsReachable(anna, question, "an invitation onto the host");
  await tabTo(anna, text.invites.decline);
  await anna.keyboard.press("Enter");
  await expect(question).toBeHidden();
  expect(isUsed()).toBe(false);

  // Typed, it asks too.
  await anna.getByRole("button", { name: text.header.newCapsule }).click();
  await anna.getByLabel(text.invites.wordsOrLink).fill(address);
  await anna.getByRole("button", { name: text.invites.see }).click();
  await question.getByRole("button", { name: text.invites.accept }).click();
  await expect(anna.getByText(text.invites.invitedHere("1 GB"))).toBeVisible();
  expect(isUsed()).toBe(true);
  await node.remove();
});
