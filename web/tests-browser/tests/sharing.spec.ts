// The sharing dialog between two people: what they are called, what each may, how a capsule is called and left.
// It owns no state.

import type { Locator, Page } from "@playwright/test";
import { acceptGiven, grant, memberRow, openDialog, principalOf, takeAway, text } from "../src/page.ts";
import { expect, test } from "../src/test.ts";

const capsules = (page: Page) => page.getByLabel(text.header.capsule, { exact: true });
const readers = (page: Page) => page.locator(".readers");

/** Says what somebody is called, in their row or in one's own. */
async function name(row: Locator, label: string, called: string, colour?: string): Promise<void> {
  if ((await row.getByLabel(label).count()) === 0) {
    await row.getByRole("button", { name: text.people.more }).click();
  }
  await row.getByLabel(label).fill(called);
  if (colour !== undefined) await row.locator(`.swatch[title="${colour}"]`).click();
  await row.getByRole("button", { name: text.people.save }).click();
  await expect(row.getByText(text.people.saved)).toBeVisible();
}

/** Ben is in Anna's capsule, and has said yes to it. */
async function annaAndBen(newPerson: () => Promise<Page>, role: string) {
  const [anna, ben] = [await newPerson(), await newPerson()];
  const [annasPrincipal, bensPrincipal] = [await principalOf(anna), await principalOf(ben)];
  await grant(anna, bensPrincipal, role);
  await acceptGiven(ben);
  return { anna, ben, annasPrincipal, bensPrincipal };
}

test("people are called what one calls them, else what they call themselves, else by their principal", async ({
  newPerson,
}) => {
  const { anna, ben, annasPrincipal, bensPrincipal } = await annaAndBen(newPerson, "member");
  const annas = await openDialog(anna, text.header.share);
  const bens = await openDialog(ben, text.header.share);
  await expect(memberRow(annas, bensPrincipal).locator("bdi")).toContainText(bensPrincipal.slice(0, 5));
  await name(memberRow(bens, bensPrincipal), text.people.ownName, "Benjamin", text.people.colours.orange);
  await name(memberRow(annas, annasPrincipal), text.people.ownName, "Anna");

  // What they call themselves is seen where the capsule is opened anew.
  await anna.reload();
  await ben.reload();
  await expect(readers(anna)).toHaveText(/^\u2068Benjamin\u2069 sees what you add here\.$/);
  await expect(readers(ben)).toContainText(text.people.capsuleOf("\u2068Anna\u2069"));
  await expect(capsules(ben).locator("option:checked")).toContainText(text.capsule.of("\u2068Anna\u2069"));

  const again = await openDialog(anna, text.header.share);
  const row = memberRow(again, bensPrincipal);
  await expect(row.locator(".person-mark")).toHaveCSS("background-color", "rgb(161, 74, 0)");
  await name(row, text.people.theirName, "Little brother", text.people.colours.green);
  await expect(row.locator("bdi")).toHaveText("Little brother");
  await expect(row.locator(".person-mark")).toHaveCSS("background-color", "rgb(46, 112, 49)");
  await expect(row.locator(".quiet").first()).toContainText(bensPrincipal.slice(0, 5));
  await expect(row.locator("code")).toHaveText(bensPrincipal);
  await anna.keyboard.press("Escape");
  await expect(readers(anna)).toContainText("Little brother");
  // It is kept, and it is Anna's alone.
  await anna.reload();
  await expect(readers(anna)).toContainText("Little brother");
  const own = await openDialog(ben, text.header.share);
  await expect(memberRow(own, bensPrincipal).locator("bdi")).toHaveText("Benjamin");
  await ben.keyboard.press("Escape");

  const last = await openDialog(anna, text.header.share);
  await name(memberRow(last, bensPrincipal), text.people.theirName, "");
  await expect(memberRow(last, bensPrincipal).locator("bdi")).toHaveText("Benjamin");
});

test("names of any kind keep their places, and none looks like nobody's", async ({ newPerson }) => {
  const { anna, ben, annasPrincipal, bensPrincipal } = await annaAndBen(newPerson, "member");
  const dialog = await openDialog(ben, text.header.share);
  const own = memberRow(dialog, bensPrincipal);
  const shown = own.locator("bdi");
  await name(own, text.people.ownName, "👩‍👩‍👧 دينا");
  await expect(shown).toHaveText("👩‍👩‍👧 دينا");
  await expect(own.locator(".person-mark")).toHaveText("👩‍👩‍👧");
  // Signs that turn the text around them are left out.
  await name(own, text.people.ownName, "Anna\u202egnihtyna");
  await expect(shown).toHaveText("Anna gnihtyna");
  // What nobody sees is no name.
  await name(own, text.people.ownName, "\u200b\u3164");
  await expect(shown).toContainText(bensPrincipal.slice(0, 5));
  // A thousand letters: as many as there is room for, and they stay within the dialog.
  await name(own, text.people.ownName, "W".repeat(1000));
  await expect(shown).toHaveText(/^W{80}$/);
  const width = await dialog.evaluate((element) => [element.scrollWidth, element.clientWidth]);
  expect(width[0]).toBe(width[1]);
  await name(own, text.people.ownName, "");
  await expect(shown).toContainText(bensPrincipal.slice(0, 5));
  await ben.keyboard.press("Escape");

  const annas = await openDialog(anna, text.header.share);
  await name(memberRow(annas, annasPrincipal), text.people.ownName, "   ");
  await expect(memberRow(annas, annasPrincipal).locator("bdi")).toContainText(annasPrincipal.slice(0, 5));
});

test("an owner changes what others may and takes it away; what is no principal is refused", async ({
  newPerson,
}) => {
  const { anna, ben, bensPrincipal } = await annaAndBen(newPerson, "guest");
  await expect(ben.getByText(text.upload.readOnly)).toBeVisible();
  const dialog = await openDialog(anna, text.header.share);
  await memberRow(dialog, bensPrincipal).getByRole("combobox").selectOption("member");
  await expect(ben.locator(".uppy-Dashboard-inner")).toBeVisible();
  await expect(memberRow(dialog, bensPrincipal).getByRole("combobox")).toHaveValue("member");

  await dialog.locator("summary", { hasText: text.sharing.byPrincipal }).click();
  const field = dialog.getByLabel(text.sharing.principal, { exact: true });
  for (const wrong of ["mum@example.com", "aaaaa-aaa", `${bensPrincipal}x`, "🙂", "   ", "x".repeat(1000)]) {
    await field.fill(wrong);
    await dialog.getByRole("button", { name: text.sharing.grant }).click();
    await expect(dialog.getByText(text.errors.principal)).toBeVisible();
    await field.fill("");
  }
  await expect(dialog.locator(".members li")).toHaveCount(2);
  await takeAway(dialog, bensPrincipal);
  await expect(ben.getByText("You can no longer see", { exact: false })).toBeVisible();
  await expect(capsules(ben).locator("option")).toHaveText([text.header.mine]);
});

test("a capsule is renamed by its owners, and left by whoever wants to, after a question", async ({
  newPerson,
}) => {
  const { anna, ben, annasPrincipal } = await annaAndBen(newPerson, "member");
  const bens = await openDialog(ben, text.header.share);
  await expect(bens.getByRole("button", { name: text.capsule.rename })).toHaveCount(0);
  await expect(bens.getByText(text.sharing.ownersOnly)).toBeVisible();
  await expect(memberRow(bens, annasPrincipal).getByRole("combobox")).toHaveCount(0);

  const annas = await openDialog(anna, text.header.share);
  await expect(annas.getByText(text.capsule.lastOwner)).toBeVisible();
  await annas.getByRole("button", { name: text.capsule.rename }).click();
  await annas.getByLabel(text.capsule.name).fill("  Summer at the lake  ");
  await anna.keyboard.press("Enter");
  await expect(capsules(anna).locator("option:checked")).toHaveText("Summer at the lake");
  await expect(capsules(ben).locator("option:checked")).toContainText("Summer at the lake\u2069, by");
  await annas.getByRole("button", { name: text.capsule.rename }).click();
  await annas.getByLabel(text.capsule.name).fill("");
  await anna.keyboard.press("Enter");
  await expect(capsules(anna).locator("option:checked")).toHaveText(text.header.mine);

  await bens.getByRole("button", { name: text.capsule.leave }).click();
  const question = ben.getByRole("dialog").last();
  await expect(question.getByText(text.capsule.leaveLead)).toBeVisible();
  await question.getByRole("button", { name: text.capsule.leave }).click();
  await expect(ben.getByRole("dialog")).toHaveCount(0);
  await expect(capsules(ben).locator("option")).toHaveText([text.header.mine]);
  await expect(ben.locator(".notice.error")).toHaveCount(0);
  await expect(annas.locator(".members li")).toHaveCount(1);
  await expect(readers(anna)).toHaveCount(0);
});
