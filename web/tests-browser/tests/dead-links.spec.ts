// By a link nobody adds anything, whatever the link is: alive, ended, made up, locked, not whole; on a host for everybody and on
// one by invitation. It owns no state.

import { Keepsake, linkFragment, linkIdentity, newLinkSecret } from "@keepsake/sdk";
import type { Browser, Page } from "@playwright/test";
import { faults } from "../src/axe.ts";
import { fitsAndIsReachable } from "../src/fits.ts";
import { tabTo } from "../src/keyboard.ts";
import { RunningNode } from "../src/node.ts";
import { text, tilesCount } from "../src/page.ts";
import { appDist } from "../src/places.ts";
import { stranger } from "../src/stranger.ts";
import { expect, test } from "../src/test.ts";

const NARROW = { viewport: { width: 320, height: 568 } };

/** Drops and pastes a file wherever somebody could, and looks for a place that would take one. */
async function addsNothing(page: Page, state: string): Promise<void> {
  const changes: string[] = [];
  page.on("request", (request) => /\/call|\/put/.test(request.url()) && changes.push(request.url()));
  await page.evaluate(() => {
    const file = new File([new Uint8Array(1_000)], "mine.jpg", { type: "image/jpeg" });
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(file);
    for (const type of ["dragenter", "dragover", "drop"]) {
      document.body.dispatchEvent(
        new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true, composed: true }),
      );
    }
    document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: dataTransfer, bubbles: true }));
  });
  // As long as an upload of so little takes.
  await page.waitForTimeout(500);
  await expect(page.locator(".uppy-Dashboard-inner, .upload-row"), state).toHaveCount(0);
  await expect(page.locator("input[type=file]"), state).toHaveCount(0);
  await expect(page.getByRole("heading", { name: text.upload.title }), state).toHaveCount(0);
  expect(changes, `${state}: messages that change something`).toEqual([]);
}

async function opened(browser: Browser, address: string): Promise<Page> {
  const page = await (await browser.newContext(NARROW)).newPage();
  await page.goto(address);
  return page;
}

for (const admission of ["everybody", "invited"]) {
  test(`by no link is anything added: ${admission}`, async ({ browser }) => {
    const node = await RunningNode.start(["--app", appDist]);
    const owner = await stranger(node);
    const { id } = await owner.capsules.own();
    const [alive, ended, locked] = [
      await owner.links.create(id),
      await owner.links.create(id),
      await owner.links.create(id, { password: "horse" }),
    ];
    const brief = await owner.links.create(id, { expiresAt: new Date(Date.now() + 1_500) });
    await owner.links.revoke(id, ended.principal);
    if (admission === "invited") {
      await node.kill();
      await node.startAgain(["--admission", "invited"]);
    }
    const looking = await opened(browser, `${node.url}/${alive.fragment}`);
    await expect(looking.getByText(text.upload.readOnly)).toBeVisible();
    await addsNothing(looking, "a link that is alive");

    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const madeUp = linkFragment(newLinkSecret());
    for (const [state, fragment] of [
      ["a link whose time ran out", brief.fragment],
      ["a link that was ended", ended.fragment],
      ["a link that nobody made", madeUp],
      ["a link without its password", linkFragment(locked.secret)],
    ] as const) {
      const page = await opened(browser, `${node.url}/${fragment}`);
      await expect(page.getByRole("alert"), state).toHaveText(text.notices.linkEnded);
      await tilesCount(page, 0);
      await addsNothing(page, state);
      expect(await faults(page, state)).toEqual([]);
      await fitsAndIsReachable(page, page.locator("body"), state);
      // What is left to do is reached by keyboard.
      await page.keyboard.press("Escape");
      await tabTo(page, text.signIn.keepOwn);
    }

    const asked = await opened(browser, `${node.url}/${locked.fragment}`);
    await asked.getByLabel(text.links.passwordOf).fill("cow");
    await asked.keyboard.press("Enter");
    await expect(asked.getByText(text.links.wrong)).toBeVisible();
    await addsNothing(asked, "a wrong password");
    const cut = await opened(browser, `${node.url}/${alive.fragment.slice(0, -2)}`);
    await expect(cut.getByRole("alert")).toHaveText(text.links.malformed);
    await addsNothing(cut, "a link that is not whole");
    await node.remove();
  });
}

test("what somebody else's client kept under a key that is no link's is not shown by its address", async ({
  browser,
  node,
}) => {
  const secret = newLinkSecret();
  const identity = await linkIdentity(secret);
  const { url: host, canisterId } = node;
  const forger = await Keepsake.connect({ host, canisterId, identity });
  // As a client would that does not look at whose key it has.
  const made = await forger.serviceActor.capsules_create([]);
  expect(made).toHaveProperty("Ok");
  const page = await opened(browser, `${host}/${linkFragment(secret)}`);
  await expect(page.getByRole("alert")).toHaveText(text.notices.linkEnded);
  await expect(page.getByLabel(text.header.capsule, { exact: true }).locator("option")).toHaveCount(0);
  await expect(page.locator(".uppy-Dashboard-inner")).toHaveCount(0);
});

test("a link that ends while somebody looks leaves them nothing to add to", async ({ browser, node }) => {
  const owner = await stranger(node);
  const { id } = await owner.capsules.own();
  const link = await owner.links.create(id);
  const page = await opened(browser, `${node.url}/${link.fragment}`);
  await expect(page.getByText(text.upload.readOnly)).toBeVisible();
  await owner.links.revoke(id, link.principal);
  await expect(page.getByRole("alert")).toHaveText(text.notices.linkEnded);
  await expect(page.locator(".uppy-Dashboard-inner")).toHaveCount(0);
  await page.reload();
  await expect(page.getByRole("alert")).toHaveText(text.notices.linkEnded);
});
