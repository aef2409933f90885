// Capsules that strangers give: shown apart, called nobody's own, left by the thousand; and who sees what one adds.
// It owns no state.

import type { Page } from "@playwright/test";
import { faults } from "../src/axe.ts";
import { grant, openDialog, principalOf, text } from "../src/page.ts";
import { many, stranger } from "../src/stranger.ts";
import { expect, test } from "../src/test.ts";

const COUNT = process.env.KEEPSAKE_FULL === undefined ? 300 : 1_000;
/** A list has room for a thousand, the own one among them. */
const LISTED = Math.min(COUNT, 999);

const capsules = (page: Page) => page.getByLabel(text.header.capsule, { exact: true });
const button = (page: Page, count: number) =>
  page.getByRole("button", { name: text.given.button(count), exact: true });

test("many capsules that look like one's own are none of it, and are all left", async ({
  newPerson,
  node,
}) => {
  test.setTimeout(400_000);
  const anna = await newPerson();
  const principal = await principalOf(anna);
  const own = new URL(anna.url()).hash;
  const maker = await stranger(node);
  await maker.people.nameSelf({ name: text.people.you });
  const ids: string[] = [];
  await many(COUNT, async () => {
    const { id } = await maker.capsules.createAbout(text.header.mine);
    ids.push(id);
    await maker.capsules.grant(id, principal, "owner");
  });

  await expect(button(anna, LISTED)).toBeVisible();
  await expect(capsules(anna).locator("option")).toHaveText([text.header.mine]);
  await expect.poll(() => new URL(anna.url()).hash).toBe(own);
  await anna.reload();
  await expect(button(anna, LISTED)).toBeVisible();
  await expect.poll(() => new URL(anna.url()).hash, { message: "the own one opens" }).toBe(own);

  // What one says yes to is among one's own, however full the list is.
  const ben = await stranger(node);
  const { id: wanted } = await ben.capsules.createAbout("Grandma");
  await anna.goto(`${node.url}/#invite=${await ben.invitations.create(wanted, "member")}`);
  await anna.getByRole("dialog").getByRole("button", { name: text.invites.accept }).click();
  await expect(capsules(anna).locator("option:checked")).toContainText("Grandma");
  await expect(capsules(anna)).toHaveValue(wanted);
  await capsules(anna).selectOption(own.slice(1));
  await expect(capsules(anna).locator("option")).toHaveCount(2);
  await capsules(anna).selectOption(wanted);
  await expect(anna.locator(".readers")).toBeVisible();

  const pressed = Date.now();
  const dialog = await openDialog(anna, text.given.group);
  await expect(dialog.locator(".line")).toHaveCount(50);
  expect(Date.now() - pressed, "milliseconds until the dialog is drawn").toBeLessThan(3_000);
  expect(await faults(anna, "many given")).toEqual([]);
  // Whatever they are called, they are told with their maker's principal.
  await expect(dialog.locator(".line").first()).toContainText(maker.principal.toText().slice(0, 5));
  await dialog.getByRole("button", { name: text.given.more(50) }).click();
  await expect(dialog.locator(".line")).toHaveCount(100);

  // Looked at, and even accepted, one is still its maker's.
  await dialog.getByRole("button", { name: text.given.look }).first().click();
  await expect(capsules(anna).locator("option:checked")).toContainText("given by");
  await anna.locator(".not-accepted").getByRole("button", { name: text.given.accept }).click();
  await expect(anna.locator(".not-accepted")).toHaveCount(0);
  const names = await capsules(anna).locator("option").allTextContents();
  expect(names.filter((name) => name === text.header.mine)).toHaveLength(1);
  expect(names).toHaveLength(3);
  await expect(capsules(anna).locator("option:checked")).toContainText(", by ");

  // Two cannot be left at first: the others are.
  const stubborn = ids.slice(-2);
  let isStubborn = true;
  await anna.route("**/call", async (route) => {
    const body = route.request().postDataBuffer()?.toString("latin1") ?? "";
    const isHeld = stubborn.some((id) => body.includes("capsules_leave") && body.includes(id));
    if (isStubborn && isHeld) await route.fulfill({ status: 403, body: "no" });
    else await route.continue();
  });
  const given = await openDialog(anna, text.given.group);
  const all = given.getByRole("button", { name: /^Leave all/ });
  await all.click();
  const question = anna.getByRole("dialog").last();
  await expect(question.getByText(text.given.leaveAllLead)).toBeVisible();
  expect(await faults(anna, "before leaving all")).toEqual([]);
  await question.getByRole("button", { name: /^Leave all/ }).click();
  await expect(given.getByRole("progressbar")).toBeVisible();
  // It goes on while one does something else.
  await anna.keyboard.press("Escape");
  await expect(given).toBeHidden();
  await expect(button(anna, 2)).toBeVisible({ timeout: 200_000 });
  const rest = await openDialog(anna, text.given.group);
  await expect(rest.locator(".wrong")).toContainText("2 could not be left");
  await expect(rest.locator(".line")).toHaveCount(2);
  isStubborn = false;
  await rest.getByRole("button", { name: text.given.leaveAll(2) }).click();
  await anna
    .getByRole("dialog")
    .last()
    .getByRole("button", { name: text.given.leaveAll(2) })
    .click();
  await expect(rest.getByText(text.given.allLeft(2))).toBeVisible();
  await expect(rest.locator(".line")).toHaveCount(0);
  await anna.keyboard.press("Escape");
  await expect(capsules(anna).locator("option")).toHaveCount(3);
  expect(await maker.capsules.list()).toHaveLength(COUNT);
});

test("beside the drop zone stands who made a capsule and who sees what is added", async ({
  newPerson,
  node,
}) => {
  const anna = await newPerson();
  const readers = anna.locator(".readers");
  await expect(anna.locator(".uppy-Dashboard-inner")).toBeVisible();
  await expect(readers).toHaveCount(0);
  const [ben, carl, dora] = [await stranger(node), await stranger(node), await stranger(node)];
  await ben.people.nameSelf({ name: "Ben" });
  await carl.people.nameSelf({ name: "Carl" });
  await grant(anna, dora.principal.toText(), "guest");
  await grant(anna, ben.principal.toText(), "guest");
  await expect(readers).toHaveText(/^\u2068Ben\u2069 and .{5}…?.* see what you add here\.$/);
  await grant(anna, carl.principal.toText(), "guest");
  await expect(readers).toHaveText("\u2068Ben\u2069, \u2068Carl\u2069 and 1 other see what you add here.");
  const dialog = await openDialog(anna, text.header.share);
  await dialog.getByLabel(text.sharing.anyone).click();
  await expect(readers).toHaveText(text.people.readBy(text.people.everybodySees));
  await anna.keyboard.press("Escape");

  const { id } = await ben.capsules.createAbout("Grandma");
  await ben.capsules.grant(id, await principalOf(anna), "member");
  await button(anna, 1).click();
  await anna.getByRole("dialog").getByRole("button", { name: text.given.look }).click();
  await expect(anna.locator(".not-accepted")).toContainText(ben.principal.toText().slice(0, 5));
  await expect(anna.locator(".not-accepted")).toContainText("Ben");
  await expect(readers).toHaveText("\u2068Ben\u2069 sees what you add here.");
  expect(await faults(anna, "a capsule that was given")).toEqual([]);
  await anna.locator(".not-accepted").getByRole("button", { name: text.given.leave }).click();
  await expect(capsules(anna).locator("option")).toHaveText([text.header.mine]);
  await expect(anna.locator(".notice.error")).toHaveCount(0);
});

test("whoever has nothing but what was given is not shown it before they ask", async ({
  newPerson,
  node,
}) => {
  const maker = await stranger(node);
  const { id } = await maker.capsules.createAbout("Words that nobody wants to read");
  await node.kill();
  await node.startAgain(["--admission", "invited"]);
  const page = await newPerson();
  await expect(page.getByText(text.errors.notAdmitted)).toBeVisible();
  await maker.capsules.grant(id, await principalOf(page), "member");
  const waiting = page.locator(".not-accepted");
  await expect(waiting).toContainText(text.given.waiting(1));
  await page.reload();
  await expect(waiting).toContainText(text.given.waiting(1));
  await expect(capsules(page).locator("option")).toHaveCount(0);
  await expect(page.getByText("Words that nobody")).toHaveCount(0);
  expect(await faults(page, "nothing but what was given")).toEqual([]);
  await waiting.getByRole("button", { name: text.given.see }).click();
  await page.getByRole("dialog").getByRole("button", { name: text.given.accept }).click();
  await expect(page.getByRole("dialog").getByText(text.given.none)).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(capsules(page).locator("option:checked")).toContainText("Words that nobody");
  await expect(page.locator(".readers")).toBeVisible();
});
