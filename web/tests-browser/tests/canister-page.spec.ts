// The page as the canister itself serves it: brought there by `keepsake site set`, proven to a real HTTP gateway, and
// talking to the canister through its own origin. It owns the controller's key.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Response } from "@playwright/test";
import { RunningCanister } from "../src/canister.ts";
import { allUploaded, beginAsNew, chooseFiles, tiles, tilesCount } from "../src/page.ts";
import { tenPhotos } from "../src/photos.ts";
import { appDist, keepsakeProgram } from "../src/places.ts";
import { expect, test } from "../src/test.ts";

const run = promisify(execFile);

test("the canister serves the page proven, and the page works", async ({ page, scratch }, info) => {
  const missing = RunningCanister.missing();
  test.skip(missing !== undefined, missing);
  const keeper = async (args: readonly string[], env: Record<string, string> = {}): Promise<unknown> => {
    const environment = { ...process.env, KEEPSAKE_HOME: join(scratch, "keeper"), ...env };
    const { stdout } = await run(keepsakeProgram, [...args, "--json"], { env: environment });
    return JSON.parse(stdout);
  };
  const { principal } = (await keeper(["identity", "show"])) as { principal: string };
  const canister = await RunningCanister.start(["--controller", principal]);
  try {
    const there = { KEEPSAKE_NODE: canister.url, KEEPSAKE_CANISTER: canister.canisterId };
    const set = (await keeper(["site", "set", appDist], there)) as { files: number; sent: number };
    expect(set.files).toBeGreaterThan(2);
    expect(set.sent).toBe(set.files);
    // Nothing has changed, so nothing is sent.
    expect(await keeper(["site", "set", appDist], there)).toEqual({ files: set.files, sent: 0 });

    const roads = new Map<string, string | undefined>();
    page.on("response", (response: Response) => {
      const { pathname } = new URL(response.url());
      if (!pathname.startsWith("/api/")) roads.set(pathname, response.headers()["x-gateway-road"]);
    });
    const problems: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error") problems.push(message.text());
    });
    const opened = await page.goto(`${canister.pageUrl}/`);
    expect(opened?.status()).toBe(200);
    expect(await opened?.text()).toBe(await readFile(join(appDist, "index.html"), "utf8"));

    await beginAsNew(page);
    await expect(page.locator(".uppy-Dashboard-inner")).toBeVisible();
    const photos = (await tenPhotos(page, info.outputDir)).slice(0, 2);
    await chooseFiles(page, photos);
    await allUploaded(page, 2);
    await tilesCount(page, 2);
    await page.reload();
    await tilesCount(page, 2);
    const picture = tiles(page).first().locator("img").last();
    await expect
      .poll(() => picture.evaluate((image: HTMLImageElement) => image.naturalWidth), { timeout: 30_000 })
      .toBeGreaterThan(100);

    const files = [...roads].filter(([pathname]) => !pathname.startsWith("/asset/"));
    expect(files.length).toBeGreaterThan(2);
    for (const [pathname, road] of files) expect(road, pathname).toBe("verified");
    // By the browser: Node knows no names below localhost.
    const fetched = (path: string) =>
      page.evaluate(async (path) => {
        const response = await fetch(path, { cache: "reload" });
        const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await response.arrayBuffer()));
        const road = response.headers.get("x-gateway-road");
        return { status: response.status, road, sha256: Array.from(digest) };
      }, path);
    for (const name of await readdir(join(appDist, "assets"))) {
      const bytes = await readFile(join(appDist, "assets", name));
      const sha256 = Array.from(createHash("sha256").update(bytes).digest());
      expect(await fetched(`/assets/${name}`), name).toEqual({ status: 200, road: "verified", sha256 });
    }
    expect(problems).toEqual([]);
    expect(await fetched("/nothing/here")).toMatchObject({ status: 404, road: "verified" });
  } finally {
    await canister.remove();
  }
});
