// Uploaded files that are programs: no way of the browser runs them on the page's origin. Each way is first shown to work
// with the same bytes when they are not uploaded. It owns no state.

import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Page } from "@playwright/test";
import type { RunningNode } from "../src/node.ts";
import { keepsakeProgram } from "../src/places.ts";
import { expect, test } from "../src/test.ts";

const run = promisify(execFile);

/** Tells that it runs, wherever that is. */
const SCRIPT = `new BroadcastChannel("ran").postMessage("ran");`;
const STYLE = "body { outline-width: 77px; outline-style: solid }";
const MODULE = `{ "ran": true }`;

/** Uploads a file by the program; its addresses, by id and by kind, without the origin. */
async function upload(node: RunningNode, scratch: string, name: string, text: string): Promise<string[]> {
  const path = join(scratch, name);
  await writeFile(path, text);
  const env = { ...process.env, KEEPSAKE_HOME: join(scratch, "keeper"), KEEPSAKE_NODE: node.url };
  const keepsake = async (...args: string[]) =>
    (await run(keepsakeProgram, [...args, "--json"], { env })).stdout;
  const { memory_id } = JSON.parse((await keepsake("upload", path)).trim().split("\n").at(-1) ?? "") as {
    memory_id: string;
  };
  const { links } = JSON.parse(await keepsake("link", memory_id)) as { links: { url: string }[] };
  const url = new URL(links[0]?.url ?? "");
  return [url.pathname + url.search, `/asset/${memory_id}/original${url.search}`];
}

/** What ran of what is at these addresses, by every way that a page has. */
async function whatRuns(
  page: Page,
  at: { script: string; style: string; module: string },
): Promise<string[]> {
  return await page.evaluate(async ({ script, style, module }) => {
    const ran: string[] = [];
    const told = (way: string, begin: () => unknown) =>
      new Promise<void>((resolve) => {
        const channel = new BroadcastChannel("ran");
        const end = (happened: boolean) => {
          if (happened) ran.push(way);
          channel.close();
          resolve();
        };
        channel.onmessage = () => end(true);
        setTimeout(() => end(false), 1_000);
        Promise.resolve()
          .then(begin)
          .catch(() => undefined);
      });
    const element = (name: string, properties: object) =>
      document.head.append(Object.assign(document.createElement(name), properties));
    await told("script", () => element("script", { src: script }));
    await told("module", () => element("script", { src: script, type: "module" }));
    // By an address of its own: a module runs once.
    await told("import", () => import(`${script}#import`));
    await told("worker", () => new Worker(script));
    await told("module worker", () => new Worker(script, { type: "module" }));
    await told("shared worker", () => new SharedWorker(script));
    const json = await import(module, { with: { type: "json" } }).catch(() => undefined);
    if (json?.default.ran) ran.push("json module");
    element("link", { rel: "stylesheet", href: style });
    const css = await import(style, { with: { type: "css" } }).catch(() => undefined);
    if (css?.default instanceof CSSStyleSheet) ran.push("css module");
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    if (getComputedStyle(document.body).outlineWidth === "77px") ran.push("style sheet");
    return ran;
  }, at);
}

test("nothing that was uploaded runs on the page's origin", async ({ node, page, scratch }) => {
  const [scripts, styles, modules] = [
    await upload(node, scratch, "program.js", SCRIPT),
    await upload(node, scratch, "style.css", STYLE),
    await upload(node, scratch, "module.json", MODULE),
  ];
  for (const [at, script] of scripts.entries()) {
    await page.goto(node.url);
    expect(await whatRuns(page, { script, style: styles[at] ?? "", module: modules[at] ?? "" })).toEqual([]);
    const registered = await page.evaluate(
      async (address) =>
        await navigator.serviceWorker.register(address).then(
          () => "registered",
          (error: Error) => error.name,
        ),
      script,
    );
    expect(registered).not.toBe("registered");
    // The bytes are there for whoever asks for bytes, and their type says nothing.
    const fetched = await page.evaluate(async (address) => {
      const response = await fetch(address);
      return [response.status, response.headers.get("content-type"), await response.text()];
    }, script);
    expect(fetched).toEqual([200, "application/octet-stream", SCRIPT]);
  }
});

test("the same bytes run where the page's own server has them", async ({ node, page }) => {
  const own: Record<string, [string, string]> = {
    "/own.js": ["text/javascript", SCRIPT],
    "/own.css": ["text/css", STYLE],
    "/own.json": ["application/json", MODULE],
  };
  await page.context().route(
    (url) => url.pathname in own,
    (route) => {
      const [contentType, body] = own[new URL(route.request().url()).pathname] ?? ["", ""];
      return route.fulfill({ contentType, body });
    },
  );
  await page.goto(node.url);
  const ran = await whatRuns(page, { script: "/own.js", style: "/own.css", module: "/own.json" });
  expect(ran).toEqual([
    "script",
    "module",
    "import",
    "worker",
    "module worker",
    "shared worker",
    "json module",
    "css module",
    "style sheet",
  ]);
});
