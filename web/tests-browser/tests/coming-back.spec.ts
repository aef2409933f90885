// A browser that was cleared: its person comes back by a passkey, or by the words of a recovery sheet. It owns no state.

import { readFile } from "node:fs/promises";
import type { Browser, BrowserContext, Locator, Page } from "@playwright/test";
import { authenticator, syncPasskeys } from "../src/authenticator.ts";
import { faults } from "../src/axe.ts";
import {
  allUploaded,
  beginAsNew,
  chooseFiles,
  openDialog,
  principalOf,
  text,
  tiles,
  tilesCount,
} from "../src/page.ts";
import { tenPhotos } from "../src/photos.ts";
import { expect, test } from "../src/test.ts";

/** A passkey belongs to a name, not to a number. */
function named(url: string): string {
  return url.replace("127.0.0.1", "localhost");
}

/** A browser that never was here, at the page's first question. */
async function fresh(browser: Browser, address: string): Promise<{ page: Page; context: BrowserContext }> {
  const context = await browser.newContext({ acceptDownloads: true });
  const page = await context.newPage();
  await page.goto(named(address));
  return { page, context };
}

async function comeBack(page: Page, title: string): Promise<Locator> {
  await page.getByRole("button", { name: text.welcome.before }).click();
  return page.locator(".way").filter({ has: page.getByRole("heading", { name: title }) });
}

async function begun(browser: Browser, address: string, scratch: string): Promise<Page> {
  const { page } = await fresh(browser, address);
  await beginAsNew(page);
  await chooseFiles(page, (await tenPhotos(page, scratch)).slice(0, 1));
  await allUploaded(page, 1);
  await expect(page.getByText(text.secondWay.lead)).toBeVisible();
  return page;
}

test("a passkey is a way back, on this machine and on others", async ({ browser, appUrl, scratch }) => {
  const laptop = await begun(browser, appUrl, scratch);
  const here = await authenticator(laptop);
  await openDialog(laptop, text.header.account);
  await laptop.getByRole("button", { name: text.devices.addPasskey }).click();
  await expect(laptop.getByText(text.devices.passkeyAdded)).toBeVisible();
  await expect(laptop.locator(".devices li")).toHaveCount(2);
  await expect(laptop.locator(".devices li").nth(1)).toContainText(text.devices.passkey);
  await laptop.keyboard.press("Escape");
  await expect(laptop.getByText(text.secondWay.lead)).toBeHidden();
  const principal = await principalOf(laptop);

  const other = await fresh(browser, appUrl);
  const there = await authenticator(other.page);
  await syncPasskeys(here, there);
  const passkey = await comeBack(other.page, text.comeBack.passkey);
  await passkey.getByRole("button", { name: text.comeBack.usePasskey }).click();
  await tilesCount(other.page, 1);
  expect(await principalOf(other.page)).toBe(principal);
  await expect(other.page.locator(".tile .picture.loaded")).toHaveCount(1);
  // The session outlasts a reload, and ends by hand; the browser has no key of its own.
  await other.page.reload();
  await tilesCount(other.page, 1);
  await openDialog(other.page, text.header.account);
  await expect(other.page.locator(".devices li")).toHaveCount(2);
  await other.page.getByRole("button", { name: text.signIn.signOut }).click();
  await expect(other.page.getByRole("heading", { name: text.welcome.question })).toBeVisible();

  // Who stays signed in is a device.
  const again = await comeBack(other.page, text.comeBack.passkey);
  await again.getByLabel(text.comeBack.stay).check();
  await again.getByRole("button", { name: text.comeBack.usePasskey }).click();
  await tilesCount(other.page, 1);
  await openDialog(other.page, text.header.account);
  await expect(other.page.locator(".devices li")).toHaveCount(3);
  await expect(laptop.getByText("is one of your devices now", { exact: false })).toBeVisible();

  // A passkey that was removed opens nothing.
  await other.page
    .locator(".devices li")
    .filter({ hasText: text.devices.passkeyDevice("") })
    .getByRole("button", { name: text.devices.remove })
    .click();
  await other.page
    .getByRole("dialog")
    .last()
    .getByRole("button", { name: text.devices.remove, exact: true })
    .click();
  await expect(other.page.locator(".devices li")).toHaveCount(2);
  const third = await fresh(browser, appUrl);
  const elsewhere = await authenticator(third.page);
  await syncPasskeys(here, elsewhere);
  const gone = await comeBack(third.page, text.comeBack.passkey);
  await gone.getByRole("button", { name: text.comeBack.usePasskey }).click();
  await expect(gone.getByRole("alert")).toContainText("does not know the passkey");
  await third.page.reload();
  await expect(third.page.getByRole("heading", { name: text.welcome.question })).toBeVisible();
});

test("what is wrong with a passkey is said in a sentence, and nothing is half done", async ({
  browser,
  appUrl,
}) => {
  const none = await fresh(browser, appUrl);
  const { cdp, id } = await authenticator(none.page);
  const way = await comeBack(none.page, text.comeBack.passkey);
  const use = way.getByRole("button", { name: text.comeBack.usePasskey });
  await use.click();
  await expect(way.getByRole("alert")).toContainText("No passkey was used");
  await none.page.getByRole("button", { name: text.welcome.back }).click();
  await none.page.getByRole("button", { name: text.welcome.isNew }).click();
  await tilesCount(none.page, 0);
  await openDialog(none.page, text.header.account);
  await cdp.send("WebAuthn.setUserVerified", { authenticatorId: id, isUserVerified: false });
  await none.page.getByRole("button", { name: text.devices.addPasskey }).click();
  await expect(none.page.getByRole("alert")).toContainText("No passkey was used");
  await expect(none.page.locator(".devices li")).toHaveCount(1);

  // By a number, passkeys belong to nobody.
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(appUrl);
  const numbered = await comeBack(page, text.comeBack.passkey);
  await numbered.getByRole("button", { name: text.comeBack.usePasskey }).click();
  await expect(numbered.getByRole("alert")).toHaveText(text.errors.passkeyNeedsName);

  // A browser that has none at all.
  const old = await browser.newContext();
  await old.addInitScript(() => Reflect.deleteProperty(globalThis, "PublicKeyCredential"));
  const oldPage = await old.newPage();
  await oldPage.goto(named(appUrl));
  const without = await comeBack(oldPage, text.comeBack.passkey);
  await without.getByRole("button", { name: text.comeBack.usePasskey }).click();
  await expect(without.getByRole("alert")).toContainText("This browser has no passkeys");
});

test("a recovery sheet is made, checked, and opens the account where the browser was cleared", async ({
  browser,
  appUrl,
  scratch,
}) => {
  const laptop = await begun(browser, appUrl, scratch);
  const principal = await principalOf(laptop);
  const make = async () => {
    await openDialog(laptop, text.header.account);
    await laptop.getByRole("button", { name: text.devices.addSheet }).click();
    const sheet = laptop.getByRole("dialog", { name: text.recovery.title });
    await sheet.getByRole("button", { name: text.recovery.make }).click();
    return { sheet, words: await sheet.locator(".sheet-words li").allTextContents() };
  };
  const { sheet, words } = await make();
  expect(words).toHaveLength(24);
  expect(await faults(laptop, "recovery sheet")).toEqual([]);
  const saving = laptop.waitForEvent("download");
  await sheet.getByRole("button", { name: text.recovery.save }).click();
  const saved = await saving;
  expect(saved.suggestedFilename()).toBe(text.recovery.fileName);
  const file = await readFile(await saved.path(), "utf8");
  expect([...file.matchAll(/^ ?\d+\. ([a-z]+)$/gm)].map(([, word]) => word)).toEqual(words);
  expect(file).toContain(principal);
  expect(file).toContain(new URL(named(appUrl)).origin);
  // On paper there is the sheet, and nothing else.
  const printed = laptop.evaluate(
    () =>
      new Promise<void>((resolve) => {
        // The browser's own window would stay open, and keep the page from being printed by the test.
        globalThis.print = resolve;
      }),
  );
  await sheet.getByRole("button", { name: text.recovery.print }).click();
  await printed;
  await laptop.emulateMedia({ media: "print" });
  // What fades takes a moment.
  await expect
    .poll(() =>
      laptop.evaluate(() =>
        [...document.querySelectorAll("button, header, li, dt, h1, h2, h3")]
          .filter((element) => element.checkVisibility({ visibilityProperty: true }))
          .map((element) => element.tagName)
          .sort(),
      ),
    )
    .toEqual([...Array(3).fill("DT"), "H3", ...Array(24).fill("LI")]);
  // However many photos lie below.
  await laptop.addStyleTag({ content: "main { min-height: 5000px }" });
  const paper = (await laptop.pdf()).toString("latin1");
  expect(paper.match(/\/Type\s*\/Page\b/g), "one page").toHaveLength(1);
  await laptop.emulateMedia({ media: "screen" });

  await sheet.getByRole("button", { name: text.recovery.have }).click();
  expect(await faults(laptop, "check of the recovery sheet")).toEqual([]);
  const fields = sheet.getByRole("textbox");
  const places = (await sheet.locator("label").allTextContents()).map((label) =>
    Number(/\d+/.exec(label)?.[0]),
  );
  expect(places).toHaveLength(2);
  const right = places.map((place) => words[place - 1] ?? "");
  await fields.nth(0).fill(right[0] ?? "");
  await fields.nth(1).fill("wrong");
  await sheet.getByRole("button", { name: text.recovery.finish }).click();
  await expect(sheet.getByRole("alert")).toHaveText(text.recovery.wrong(places[1] ?? 0));
  await fields.nth(1).fill(` ${(right[1] ?? "").slice(0, 4).toUpperCase()} `);
  await sheet.getByRole("button", { name: text.recovery.finish }).click();
  await expect(laptop.getByText(text.recovery.done)).toBeVisible();
  await expect(laptop.locator(".devices li")).toHaveCount(2);
  await laptop.keyboard.press("Escape");
  await expect(laptop.getByText(text.secondWay.lead)).toBeHidden();

  const { page } = await fresh(browser, appUrl);
  const way = await comeBack(page, text.comeBack.sheet);
  const recover = async (typed: string) => {
    await way.getByLabel(text.comeBack.words).fill(typed);
    await way.getByRole("button", { name: text.comeBack.useWords }).click();
  };
  await recover("");
  await expect(way.getByRole("alert")).toHaveCount(0);
  await recover(words.slice(1).join(" "));
  await expect(way.getByRole("alert")).toHaveText("23 words were found, and 24 are needed.");
  await recover(words.with(4, "abandno").join(" "));
  await expect(way.getByRole("alert")).toContainText(
    'Word 5, "abandno", is not one of the words: did you mean',
  );
  await recover(words.with(0, words[0] === "zoo" ? "abandon" : "zoo").join(" "));
  await expect(way.getByRole("alert")).toBeVisible();
  await recover(`${"abandon ".repeat(23)}art`);
  await expect(way.getByRole("alert")).toHaveText(text.comeBack.wordsOfNobody);
  await recover(words.map((word, at) => `${at + 1}. ${word.slice(0, 4).toUpperCase()}`).join("\n"));
  await tilesCount(page, 1);
  expect(await principalOf(page)).toBe(principal);
  await expect(tiles(page)).toHaveCount(1);
  const kept = await page.evaluate(
    () => JSON.stringify({ ...localStorage, ...sessionStorage }) + location.href,
  );
  for (const word of words.filter((word) => word.length > 5)) expect(kept).not.toContain(word);

  // A sheet that was removed opens nothing.
  await openDialog(page, text.header.account);
  await page
    .locator(".devices li")
    .filter({ hasText: "Recovery sheet" })
    .getByRole("button", { name: text.devices.remove })
    .click();
  await page
    .getByRole("dialog")
    .last()
    .getByRole("button", { name: text.devices.remove, exact: true })
    .click();
  await expect(page.locator(".devices li")).toHaveCount(2);
  const late = await fresh(browser, appUrl);
  const closed = await comeBack(late.page, text.comeBack.sheet);
  await closed.getByLabel(text.comeBack.words).fill(words.join(" "));
  await closed.getByRole("button", { name: text.comeBack.useWords }).click();
  await expect(closed.getByRole("alert")).toContainText("These words are right");
  await expect(closed.getByRole("alert")).toContainText("removed");
});
