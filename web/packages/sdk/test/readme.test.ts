// The README's examples run: the one for Node against a node, the one for browsers as far as the type checker.

import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Ed25519KeyIdentity } from "@icp-sdk/core/identity";
import { RunningNode } from "./node.js";
import { randomBytes, sha256 } from "./world.js";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
/** Within the package, so that its name resolves. */
const place = join(root, "dist-test", "examples");

async function example(name: string): Promise<string> {
  const text = await readFile(join(root, "README.md"), "utf8");
  const [, code] = new RegExp(`<!-- example: ${name} -->\\s*\`\`\`\\w+\\n(.*?)\`\`\``, "s").exec(text) ?? [];
  assert.ok(code, `the README has no example ${name}`);
  await mkdir(place, { recursive: true });
  return code;
}

test("the examples for Node, with one key for both", async () => {
  const node = await RunningNode.start();
  try {
    const [script, file] = [join(place, "node.mjs"), join(place, "photo.bin")];
    const bytes = randomBytes(2_000_000);
    await writeFile(script, await example("node"));
    await writeFile(file, bytes);
    const key = join(place, "key.json");
    const env = {
      ...process.env,
      KEEPSAKE_HOST: node.url,
      KEEPSAKE_CANISTER: node.canisterId,
      KEEPSAKE_KEY: key,
    };
    const run = async (...args: string[]) =>
      (await promisify(execFile)(process.execPath, args, { env })).stdout.trim().split("\n");
    const [first, second, third] = await run(script, file);
    assert.match(first ?? "", new RegExp(`^mem_\\d+ ${sha256(bytes)} is new$`));
    assert.match(second ?? "", /^mem_\d+ photo.bin original$/);
    assert.equal(third, "2000000 bytes came back");
    // The key was kept: it is the same person, who has the file already.
    assert.match((await run(script, file))[0] ?? "", /was there already$/);
    assert.equal((await stat(key)).mode & 0o777, 0o600);

    const sharing = join(place, "sharing.mjs");
    await writeFile(sharing, await example("sharing"));
    const friend = Ed25519KeyIdentity.generate().getPrincipal().toText();
    const [members, photo, ...rest] = await run(sharing, friend);
    assert.ok(members?.includes(`${friend} is guest`) && members.includes(" is owner"), members);
    assert.deepEqual([photo, ...rest], ["photo.bin 200", "no more", "last_owner"]);
  } finally {
    await node.remove();
    await rm(place, { recursive: true, force: true });
  }
});

test("the example for browsers is typed as it says", async () => {
  const script = join(place, "browser.ts");
  await writeFile(script, await example("browser"));
  try {
    const tsc = join(
      dirname(createRequire(import.meta.url).resolve("typescript/package.json")),
      "bin",
      "tsc",
    );
    const options = [
      "--ignoreConfig",
      "--noEmit",
      "--strict",
      "--skipLibCheck",
      "--target",
      "es2022",
      "--module",
      "nodenext",
    ];
    const more = ["--lib", "es2023,dom,dom.iterable", script];
    execFileSync(process.execPath, [tsc, ...options, ...more], { stdio: "pipe", cwd: root });
  } finally {
    await rm(place, { recursive: true, force: true });
  }
});
