// A node at home as the browser of another device meets it: by a name, without and with https. It owns the name.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type BrowserContextOptions, chromium, type Page } from "@playwright/test";
import { RunningNode } from "../src/node.ts";
import { allUploaded, beginAsNew, chooseFiles, text, tilesCount } from "../src/page.ts";
import { appDist, keepsakeProgram, repository } from "../src/places.ts";
import { expect, test } from "../src/test.ts";

const NAME = "photos.home";

/** Runs `look` in a browser for which the name leads to this machine. */
async function from(
  node: RunningNode,
  options: BrowserContextOptions,
  look: (page: Page) => Promise<void>,
): Promise<void> {
  const { executablePath, args = [] } = test.info().project.use.launchOptions ?? {};
  const rules = `--host-resolver-rules=MAP ${NAME} 127.0.0.1`;
  const browser = await chromium.launch({ executablePath, args: [...args, rules] });
  try {
    const page = await (await browser.newContext(options)).newPage();
    await page.goto(`${new URL(node.url).protocol}//${NAME}:${new URL(node.url).port}/`);
    await beginAsNew(page);
    await look(page);
  } finally {
    await browser.close();
    await node.remove();
  }
}

test("by http the page says why it does not open, and what whoever runs the node does", async () => {
  const node = await RunningNode.start(["--host", NAME, "--app", appDist, "--admission", "everybody"]);
  await from(node, {}, async (page) => {
    await expect(page.getByRole("alert")).toHaveText(text.errors.insecure);
    const said = (await page.getByRole("alert").textContent()) ?? "";
    const guide = /docs\/\S+\.md/.exec(said)?.[0];
    expect(guide).toBeDefined();
    expect(existsSync(join(repository, guide ?? ""))).toBe(true);
    for (const option of said.match(/--[a-z-]+/g) ?? []) {
      const help = spawnSync(keepsakeProgram, ["serve", "--help"], {
        cwd: repository,
        encoding: "utf8",
      });
      expect(help.stdout).toContain(option);
    }
  });
});

test("by https, with a certificate of the node's own, photos go in and are there again", async ({
  scratch,
  images,
}) => {
  const [certificate, key] = [join(scratch, "cert.pem"), join(scratch, "key.pem")];
  const made = spawnSync("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
    ...["-subj", `/CN=${NAME}`, "-addext", `subjectAltName=DNS:${NAME}`, "-keyout", key, "-out", certificate],
  ]);
  test.skip(made.error !== undefined, "needs openssl");
  const options = [
    "--host",
    NAME,
    "--app",
    appDist,
    "--admission",
    "everybody",
    "--tls-cert",
    certificate,
    "--tls-key",
    key,
  ];
  const node = await RunningNode.start(options);
  expect(node.url).toMatch(new RegExp(`^https://${NAME}:`));
  await from(node, { ignoreHTTPSErrors: true }, async (page) => {
    await chooseFiles(page, [join(images, "turned_1.png")]);
    await allUploaded(page, 1);
    await page.reload();
    await tilesCount(page, 1);
  });
});
