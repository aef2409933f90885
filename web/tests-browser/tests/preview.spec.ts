// A link whose owner lets its address tell what it shows: what a program for chats gets, and what whoever opens it sees. The page works
// at that path, and leaves it where no link is opened. It owns no state.

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { faults } from "../src/axe.ts";
import { text, tiles, tilesCount } from "../src/page.ts";
import { tenPhotos } from "../src/photos.ts";
import { keepsakeProgram } from "../src/places.ts";
import { expect, test } from "../src/test.ts";

/** The program, as somebody with keys of their own. */
function run(home: string, node: string, ...args: string[]): unknown {
  const env = { ...process.env, KEEPSAKE_HOME: home, KEEPSAKE_NODE: node };
  return JSON.parse(execFileSync(keepsakeProgram, [...args, "--json"], { env, encoding: "utf8" }));
}

/** The content of a tag, as a browser reads it: by its parser, and without running anything. */
async function tag(page: Page, html: string, name: string): Promise<string | undefined> {
  return await page.evaluate(
    ([html, name]) => {
      const read = new DOMParser().parseFromString(html ?? "", "text/html");
      const found = read.querySelectorAll(`head > meta[property="${name}"], head > meta[name="${name}"]`);
      return found.length === 1 ? (found[0]?.getAttribute("content") ?? undefined) : undefined;
    },
    [html, name],
  );
}

test("a chat sees a title and a picture, whoever opens the link sees the photos, and after its end nobody anything", async ({
  browser,
  newPerson,
  node,
  scratch,
}) => {
  const home = join(scratch, "owner");
  const anna = await newPerson();
  const [one = ""] = await tenPhotos(anna, scratch);
  const shown = run(home, node.url, "upload", one) as { memory_id: string; capsule_id: string };
  const name = `Summer <img src=x onerror="document.title='run'"> & 'sea' </head>`;
  run(home, node.url, "capsule", "rename", shown.capsule_id, name);
  const share = (...args: string[]) =>
    run(home, node.url, "capsule", "share", shown.capsule_id, ...args) as {
      address: string;
      path: string | null;
      principal: string;
    };
  const link = share("--preview");
  expect(link.address).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/l\/[\w-]{22}#link=[\w-]{22}$/);

  // As a program for chats asks: without the fragment.
  const asked = await anna.request.get(node.url + link.path);
  const html = await asked.text();
  expect(await tag(anna, html, "og:title")).toBe(name);
  expect(await tag(anna, html, "robots")).toBe("noindex");
  const picture = await anna.request.get((await tag(anna, html, "og:image")) ?? "");
  expect([picture.status(), picture.headers()["content-type"]]).toEqual([200, "image/jpeg"]);
  expect((await picture.body()).length).toBeGreaterThan(1_000);

  // As a person does: the page works at this path, with its policy.
  const refused: string[] = [];
  const ben = await (await browser.newContext()).newPage();
  ben.on("console", (message) => {
    if (message.type() === "error") refused.push(message.text());
  });
  const requests: string[] = [];
  ben.on("request", (request) => requests.push(request.url()));
  await ben.goto(link.address);
  await tilesCount(ben, 1);
  await expect(ben.locator(".tile .picture.loaded")).toHaveCount(1);
  await tiles(ben).first().click();
  await expect(ben.getByRole("dialog").locator("img.sharp")).toBeVisible();
  await ben.keyboard.press("Escape");
  await expect(ben.getByRole("dialog")).toBeHidden();
  await expect
    .poll(() => ben.url(), { message: "a reload, or whoever gets the address, sees the same" })
    .toBe(link.address);
  await ben.reload();
  await tilesCount(ben, 1);
  expect(await ben.title()).not.toBe("run");
  expect(await faults(ben, "page at a link's own path")).toEqual([]);
  expect(refused).toEqual([]);
  const secret = link.address.split("#link=")[1] ?? "none";
  expect(requests.filter((url) => url.includes(secret))).toEqual([]);

  // A plain link tells nothing, at no path.
  expect(share().path).toBeNull();

  run(home, node.url, "capsule", "unshare", shown.capsule_id, link.principal);
  const index = await (await anna.request.get(node.url)).text();
  const after = await anna.request.get(node.url + link.path);
  expect([after.status(), await after.text()]).toEqual([200, index]);
  const guessed = await anna.request.get(`${node.url}/l/AAAAAAAAAAAAAAAAAAAAAA`);
  expect([guessed.status(), await guessed.text()]).toEqual([200, index]);
  expect((await anna.request.get(`${node.url}${link.path}/picture`)).status()).toBe(404);
  await ben.reload();
  await expect(ben.getByText(text.notices.linkEnded)).toBeVisible();
  await tilesCount(ben, 0);
});

test("a link's path is left by whoever opens no link there", async ({ newPerson, node }) => {
  const anna = await newPerson(`${node.url}/l/AAAAAAAAAAAAAAAAAAAAAA`);
  // The own capsule is made, and opened, a moment after the page is drawn.
  await expect(anna).toHaveURL(/\/#capsule_\d+$/);
  await expect.poll(() => new URL(anna.url()).pathname).toBe("/");
});
