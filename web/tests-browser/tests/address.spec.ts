// What the page's own address says: who serves it, where messages and pictures are, and whose key is used.
// It owns no state.

import { addressByFile, addressOfCanister } from "../../packages/app/src/canister-address.ts";
import { allUploaded, beginAsNew, chooseFiles, openDialog, text, tilesCount } from "../src/page.ts";
import { tenPhotos } from "../src/photos.ts";
import { expect, test } from "../src/test.ts";

const ID = "uxrrr-q7777-77774-qaaaq-cai";

for (const domain of ["icp0.io", "ic0.app", "icp.net"]) {
  test(`at ${domain} the Internet Computer's API host is used, and Internet Identity`, () => {
    const page = `https://${ID}.${domain}`;
    expect(addressOfCanister(new URL(page))).toEqual({
      host: "https://icp-api.io",
      assetHost: page,
      canisterId: ID,
      isInternetComputer: true,
    });
  });
}

for (const page of [
  `http://${ID}.localhost:8000`,
  `http://${ID}.localhost`,
  `https://${ID}.photos.example`,
  `https://${ID}.icp0.io.example`,
]) {
  test(`at ${page} the page talks to its own origin, with the browser's key`, () => {
    expect(addressOfCanister(new URL(page))).toEqual({
      host: page,
      assetHost: page,
      canisterId: ID,
      isInternetComputer: false,
    });
  });
}

for (const page of [
  "http://127.0.0.1:4943",
  "http://localhost:4943",
  "https://photos.example",
  `http://${ID}`,
  "https://icp0.io",
]) {
  test(`${page} names no canister: the host is asked`, () => {
    expect(addressOfCanister(new URL(page))).toBeUndefined();
  });
}

test("at any other address the file beside the page tells whose it is, or nothing does", () => {
  const page = new URL("https://photos.example");
  const own = { host: page.origin, assetHost: page.origin, canisterId: ID, isInternetComputer: false };
  expect(addressByFile(page, { canister_id: ID })).toEqual(own);
  expect(addressByFile(page, { canister_id: ID, internet_computer: "yes" })).toEqual(own);
  expect(addressByFile(page, { canister_id: ID, internet_computer: true })).toEqual({
    ...own,
    host: "https://icp-api.io",
    isInternetComputer: true,
  });
  for (const file of [undefined, null, 7, "text", [], {}, { canister_id: 7 }, { canister_id: "photos" }]) {
    expect(addressByFile(page, file)).toBeUndefined();
  }
});

test("under a canister's local name everything works, with the browser's key and this origin only", async ({
  node,
  browser,
}, info) => {
  const { port } = new URL(node.url);
  const origin = `http://${node.canisterId}.localhost:${port}`;
  const context = await browser.newContext();
  const page = await context.newPage();
  const origins = new Set<string>();
  page.on("request", (request) => {
    if (request.url().startsWith("http")) origins.add(new URL(request.url()).origin);
  });
  await page.goto(origin);
  await beginAsNew(page);
  const [photo] = await tenPhotos(page, info.outputDir);
  await chooseFiles(page, [photo ?? ""]);
  await allUploaded(page, 1);
  await tilesCount(page, 1);
  await expect(page.locator(".tile .picture.loaded")).toHaveCount(1);
  const dialog = await openDialog(page, text.header.account);
  await expect(dialog.getByText(text.devices.this, { exact: false })).toBeVisible();
  expect([...origins]).toEqual([origin]);
  await context.close();
});
