// A host by invitation, and capsules that others gave: who comes in, and what is called one's own. It owns no state.

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { faults } from "../src/axe.ts";
import { RunningNode } from "../src/node.ts";
import { beginAsNew, openDialog, principalOf, text, tiles, tilesCount } from "../src/page.ts";
import { tenPhotos } from "../src/photos.ts";
import { appDist, keepsakeProgram } from "../src/places.ts";
import { expect, test } from "../src/test.ts";

const capsules = (page: Page) => page.getByLabel(text.header.capsule, { exact: true });

/** Runs the program as somebody with keys in `home`. */
function run(home: string, url: string, ...args: string[]): Record<string, unknown> {
  const env = { ...process.env, KEEPSAKE_HOME: home, KEEPSAKE_NODE: url };
  return JSON.parse(execFileSync(keepsakeProgram, [...args, "--json"], { env, encoding: "utf8" }));
}

test("a host by invitation takes in whoever opens its link, once", async ({ browser, scratch }) => {
  const home = join(scratch, "operator");
  const { principal } = run(home, "http://127.0.0.1:1", "identity", "show") as { principal: string };
  const node = await RunningNode.start([
    "--app",
    appDist,
    "--admission",
    "invited",
    "--controller",
    principal,
  ]);
  const { address } = run(home, node.url, "admin", "invite") as { address: string };
  const open = async (link: string) => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(link);
    await beginAsNew(page);
    return page;
  };
  const stranger = await open(node.url);
  await expect(stranger.getByText(text.errors.notAdmitted)).toBeVisible();
  const invited = await open(address);
  await expect(invited.getByText(text.notices.invitedHere)).toBeVisible();
  await expect(capsules(invited).locator("option")).toHaveText([text.header.mine]);
  await expect
    .poll(() => invited.url(), { message: "the code does not stay in the address" })
    .not.toContain("invite");
  const late = await open(address);
  await expect(late.getByText(text.invites.used)).toBeVisible();
  await node.remove();
});

test("a capsule about somebody that a stranger made is not called their own", async ({
  newPerson,
  node,
  scratch,
}) => {
  const anna = await newPerson();
  const principal = await principalOf(anna);
  const home = join(scratch, "stranger");
  const { id } = run(home, node.url, "capsule", "create", "--about", principal) as { id: string };
  run(home, node.url, "capsule", "grant", id, principal, "owner");
  // Its name stays out of sight until somebody asks for it.
  const given = await openDialog(anna, text.given.group);
  await expect(capsules(anna).locator("option")).toHaveText([text.header.mine]);
  await expect(given.locator(".line")).toHaveCount(1);
  await given.getByRole("button", { name: text.given.look }).click();
  const chosen = capsules(anna).locator("option:checked");
  await expect(chosen).toContainText("given by");
  await expect(capsules(anna).locator("optgroup")).toHaveAttribute("label", text.given.group);
  // Nor by its own address.
  await anna.goto(`${new URL(anna.url()).origin}/#${id}`);
  await anna.reload();
  await expect(capsules(anna)).toHaveValue(id);
  const sharing = await openDialog(anna, text.header.share);
  await expect(sharing.getByRole("heading").first()).toContainText("given by");
});

test("an invitation into a capsule asks first, and whatever its maker calls it, it is theirs", async ({
  newPerson,
  node,
  scratch,
}) => {
  const anna = await newPerson();
  const home = join(scratch, "stranger");
  const { id } = run(home, node.url, "capsule", "create", "--about", "nobody") as { id: string };
  run(home, node.url, "capsule", "rename", id, text.header.mine);
  const { code } = run(home, node.url, "capsule", "invite", id, "member") as { code: string };
  const open = async () => {
    await anna.goto(`${new URL(anna.url()).origin}/#invite=${code}`);
    const question = anna.getByRole("dialog");
    await expect(question).toContainText(text.invites.roles.member);
    await expect
      .poll(() => anna.url(), { message: "the code does not stay in the address" })
      .not.toContain("invite");
    return question;
  };
  const first = await open();
  expect(await faults(anna, "the question of an invitation")).toEqual([]);
  await first.getByRole("button", { name: text.invites.decline }).click();
  await expect(first).toBeHidden();
  await expect(capsules(anna).locator("option")).toHaveText([text.header.mine]);
  const second = await open();
  await second.getByRole("button", { name: text.invites.accept }).click();
  await expect(anna.getByText(text.notices.invitedInto)).toBeVisible();
  await expect(capsules(anna).locator("option")).toHaveCount(2);
  const names = await capsules(anna).locator("option").allTextContents();
  expect(names.filter((name) => name === text.header.mine)).toHaveLength(1);
  expect(names).toContainEqual(expect.stringContaining(", by "));
});

test("a link shows what it covers to somebody without a key, and nothing from its end on", async ({
  newPerson,
  node,
  scratch,
  browser,
}) => {
  const home = join(scratch, "owner");
  const anna = await newPerson();
  const [one, two] = (await tenPhotos(anna, scratch)).slice(0, 2);
  const shown = run(home, node.url, "upload", one ?? "") as { memory_id: string; capsule_id: string };
  run(home, node.url, "upload", two ?? "");
  const share = (...args: string[]) =>
    run(home, node.url, "capsule", "share", shown.capsule_id, ...args) as {
      address: string;
      principal: string;
    };
  const open = async (link: string) => {
    const page = await (await browser.newContext()).newPage();
    const asked: string[] = [];
    page.on("request", (request) => asked.push(`${request.url()} ${JSON.stringify(request.headers())}`));
    await page.goto(link);
    return { page, asked };
  };
  const all = share();
  const whole = await open(all.address);
  await tilesCount(whole.page, 2);
  await tiles(whole.page).first().click();
  await expect(whole.page.getByRole("dialog").locator("img.sharp")).toBeVisible();
  await whole.page.keyboard.press("Escape");
  // The step back in the browser's history takes a moment.
  await expect.poll(() => whole.page.evaluate(() => history.state)).toBeNull();
  expect(whole.page.url(), "the secret stays in the address: a reload shows the same").toBe(all.address);
  await whole.page.reload();
  await tilesCount(whole.page, 2);
  const secret = /#link=(.+)$/.exec(all.address)?.[1] ?? "none";
  expect(whole.asked.filter((line) => line.includes(secret))).toEqual([]);
  expect(await faults(whole.page, "page of a link")).toEqual([]);

  const some = await open(share(shown.memory_id, "--no-download").address);
  await tilesCount(some.page, 1);
  run(home, node.url, "capsule", "unshare", shown.capsule_id, all.principal);
  await whole.page.reload();
  await expect(whole.page.getByText(text.notices.linkEnded)).toBeVisible();
  await tilesCount(whole.page, 0);
});
