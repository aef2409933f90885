// Invitations as they are made, passed on, used and taken back in the page; those onto a host; an operator's gift.
// It owns no state.

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { faults } from "../src/axe.ts";
import { openDialog, principalOf, text } from "../src/page.ts";
import { keepsakeProgram } from "../src/places.ts";
import { qrText } from "../src/qr.ts";
import { stranger } from "../src/stranger.ts";
import { expect, test } from "../src/test.ts";

const capsules = (page: Page) => page.getByLabel(text.header.capsule, { exact: true });

interface Made {
  address: string;
  words: string;
}

/** Makes an invitation in the dialog that is open, and puts it away. */
async function invite(
  page: Page,
  wanted: { uses?: string; label?: string; room?: string } = {},
): Promise<Made> {
  const dialog = page.getByRole("dialog").last();
  await dialog.getByRole("button", { name: text.invites.make }).click();
  if (wanted.uses !== undefined) await dialog.getByLabel(text.invites.uses).fill(wanted.uses);
  if (wanted.label !== undefined) await dialog.getByLabel(text.invites.label).fill(wanted.label);
  if (wanted.room !== undefined) await dialog.getByLabel(text.invites.toHostQuota).fill(wanted.room);
  await dialog.getByRole("button", { name: text.invites.create }).click();
  const made = dialog.locator(".made");
  await expect(made.getByRole("heading")).toBeFocused();
  const [address = "", words = ""] = await made.locator("code").allTextContents();
  expect(await qrText(made.getByRole("img", { name: text.invites.picture }))).toBe(address);
  expect(await faults(page, "an invitation that was made")).toEqual([]);
  await made.getByRole("button", { name: text.sharing.done }).click();
  await expect(made).toHaveCount(0);
  return { address, words };
}

test("an invitation is made, passed on as a link or in words, used as often as it may be, and taken back", async ({
  newPerson,
}) => {
  const [anna, ben, carl] = [await newPerson(), await newPerson(), await newPerson()];
  const dialog = await openDialog(anna, text.header.share);
  const { address, words } = await invite(anna, { uses: "2", label: "For the 👪 of Ben" });
  const line = dialog.locator(".line", { hasText: "For the 👪 of Ben" });
  await expect(line).toContainText(text.invites.left(2, 2));
  await expect(line).toContainText(text.sharing.roles.member);

  await ben.goto(address);
  const question = ben.getByRole("dialog");
  await expect(question).toContainText((await principalOfHidden(anna)).slice(0, 5));
  await question.getByRole("button", { name: text.invites.accept }).click();
  await expect(capsules(ben).locator("option")).toHaveCount(2);
  await expect(ben.locator(".readers")).toBeVisible();

  // Read to Carl on the telephone.
  const making = await openDialog(carl, text.header.newCapsule);
  const field = making.getByLabel(text.invites.wordsOrLink);
  await field.fill("one two three");
  await making.getByRole("button", { name: text.invites.see }).click();
  await expect(making.getByText("3 words were found, and 12 are needed.")).toBeVisible();
  expect(await faults(carl, "new capsule, with words that are wrong")).toEqual([]);
  await field.fill(words.toUpperCase());
  await carl.keyboard.press("Enter");
  await carl.getByRole("dialog").getByRole("button", { name: text.invites.accept }).click();
  await expect(capsules(carl).locator("option")).toHaveCount(2);

  const dora = await newPerson(address);
  await expect(dora.getByText(text.invites.used)).toBeVisible();
  await expect(capsules(dora).locator("option")).toHaveText([text.header.mine]);
  // Whoever came in by it comes in by it again.
  await ben.goto(address);
  await expect(capsules(ben).locator("option:checked")).toContainText(text.sharing.roles.member);
  await expect(ben.locator(".notice.error")).toHaveCount(0);

  const other = await invite(anna, { label: "Another" });
  await dialog.getByRole("button", { name: text.invites.revokeNamed("Another") }).click();
  await expect(dialog.getByText(text.invites.revoked)).toBeVisible();
  await expect(dialog.locator(".line", { hasText: "Another" })).toHaveCount(0);
  await dora.goto(other.address);
  await expect(dora.getByText(text.invites.unknown)).toBeVisible();
  await dora.goto(`${new URL(dora.url()).origin}/#invite=abc`);
  await expect(dora.getByText(text.invites.malformed)).toBeVisible();
});

/** Behind a dialog that stays open. */
async function principalOfHidden(page: Page): Promise<string> {
  return (await page.locator(".members bdi").first().getAttribute("title")) ?? "";
}

test("an invitation whose time ran out says so; numbers that make no sense are not taken", async ({
  newPerson,
  node,
}) => {
  const maker = await stranger(node);
  const { id } = await maker.capsules.createAbout("Grandma");
  const code = await maker.invitations.create(id, "guest", { expiresAt: new Date(Date.now() + 1_500) });
  await expect
    .poll(() =>
      maker.invitations.read(code).then(
        () => "good",
        (error: { code?: string }) => error.code,
      ),
    )
    .toBe("code_expired");
  const page = await newPerson(`${node.url}/#invite=${code}`);
  await expect(page.getByText(text.invites.expired)).toBeVisible();

  const dialog = await openDialog(page, text.header.share);
  await dialog.getByRole("button", { name: text.invites.make }).click();
  for (const wrong of ["0", "-1", "1001", "1.5", ""]) {
    await dialog.getByLabel(text.invites.uses).fill(wrong);
    await dialog.getByRole("button", { name: text.invites.create }).click();
    await expect(dialog.getByLabel(text.invites.uses)).toBeFocused();
  }
  await expect(dialog.locator(".made")).toHaveCount(0);
  await dialog.getByRole("button", { name: text.cancel }).click();
  const long = await invite(page, { uses: "1000", label: "x".repeat(1000) });
  expect(long.words.split(" ")).toHaveLength(12);
  await expect(dialog.locator(".line bdi")).toHaveText(/^x{80}$/);
});

test("whoever controls a host invites onto it; what an operator gave is shown to the members", async ({
  newPerson,
  node,
  scratch,
}) => {
  const home = join(scratch, "operator");
  const run = (...args: string[]) => {
    const env = { ...process.env, KEEPSAKE_HOME: home, KEEPSAKE_NODE: node.url };
    return JSON.parse(execFileSync(keepsakeProgram, [...args, "--json"], { env, encoding: "utf8" }));
  };
  const { principal: operator } = run("identity", "show") as { principal: string };
  const anna = await newPerson();
  const annasPrincipal = await principalOf(anna);
  const lost = await stranger(node);
  const { id } = await lost.capsules.createAbout("Grandma");

  await node.kill();
  await node.startAgain([
    ...["--controller", operator, "--controller", annasPrincipal],
    ...["--admission", "invited"],
  ]);
  await anna.reload();
  await expect(anna.locator(".uppy-Dashboard-inner")).toBeVisible();
  await openDialog(anna, text.header.share);
  await anna.getByRole("button", { name: text.invites.toHost }).click();
  const onto = anna.getByRole("dialog", { name: text.invites.toHost });
  const { address } = await invite(anna, { room: "5", label: "Neighbours" });
  await expect(onto.locator(".line")).toContainText(text.invites.roomOf("5 GB"));
  const ben = await newPerson(address);
  await expect(ben.getByText(text.invites.invitedHere("5 GB"))).toBeVisible();
  await expect(capsules(ben).locator("option")).toHaveText([text.header.mine]);
  await onto.getByRole("button", { name: text.invites.revokeNamed("Neighbours") }).click();
  await expect(onto.locator(".line")).toHaveCount(0);
  const dora = await newPerson(address);
  await expect(dora.getByText(text.invites.unknown)).toBeVisible();
  const nobody = await openDialog(ben, text.header.share);
  await expect(nobody.getByRole("button", { name: text.invites.toHost })).toHaveCount(0);

  run("admin", "give", id, await principalOfHidden(anna));
  await anna.keyboard.press("Escape");
  await anna.keyboard.press("Escape");
  await anna.goto(`${node.url}/#${id}`);
  const gift = await openDialog(anna, text.header.share);
  await expect(gift.getByText("whoever runs this host")).toContainText("made you an owner");
  expect(await faults(anna, "a capsule that an operator gave")).toEqual([]);
});
