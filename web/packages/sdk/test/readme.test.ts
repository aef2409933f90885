// The README's examples run: those for Node against a node, those for browsers as far as the type checker.

import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Ed25519KeyIdentity } from "@icp-sdk/core/identity";
import { fileIdentity } from "@keepsake/sdk/node";
import { RunningNode } from "./node.js";
import { missingS3, RunningS3 } from "./s3-server.js";
import { pictureLike, randomBytes, sha256 } from "./world.js";

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

    const signedIn = join(place, "signed-in.mjs");
    await writeFile(signedIn, await example("signed-in"));
    const person = (await fileIdentity(key)).getPrincipal().toText();
    const people = join(place, "people.mjs");
    await writeFile(people, await example("people"));
    assert.deepEqual(await run(people), ["2 ways in", "link"]);
    assert.deepEqual(await run(signedIn), [
      "delegation_expired",
      `${person} may look and add for eight hours`,
    ]);
  } finally {
    await node.remove();
    await rm(place, { recursive: true, force: true });
  }
});

test("the example with a bucket", { skip: missingS3() }, async () => {
  const s3 = await RunningS3.start();
  const node = await RunningNode.start(s3.options(2 << 20));
  const plain = await RunningNode.start();
  try {
    const [script, file] = [join(place, "bucket.mjs"), join(place, "photo.png")];
    await writeFile(script, await example("bucket"));
    await writeFile(file, pictureLike(2_000_000));
    const run = async ({ url, canisterId }: RunningNode) => {
      const key = join(place, "key.json");
      const env = { ...process.env, KEEPSAKE_HOST: url, KEEPSAKE_CANISTER: canisterId, KEEPSAKE_KEY: key };
      const { stdout } = await promisify(execFile)(process.execPath, [script, file], { env });
      return stdout.trim().split("\n");
    };
    assert.deepEqual(await run(node), ["307", "2000000 bytes came back"]);
    assert.deepEqual(await run(plain), ["s3_not_configured"]);
  } finally {
    await node.remove();
    await plain.remove();
    await s3.remove();
    await rm(place, { recursive: true, force: true });
  }
});

test("the examples for browsers are typed as they say", async () => {
  const scripts = ["browser", "passkey"].map((name) => [name, join(place, `${name}.ts`)] as const);
  for (const [name, script] of scripts) {
    await writeFile(script, await example(name));
  }
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
    const more = ["--lib", "es2023,dom,dom.iterable", ...scripts.map(([, script]) => script)];
    execFileSync(process.execPath, [tsc, ...options, ...more], { stdio: "pipe", cwd: root });
  } finally {
    await rm(place, { recursive: true, force: true });
  }
});
