// The committed bindings are what the IC's own generator makes of keepsake.did.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const committed = join(here, "..", "generated");
const did = join(here, "..", "..", "..", "crates", "keepsake-api", "keepsake.did");

/** The program of the generator's package. */
function generator() {
  const main = createRequire(import.meta.url).resolve("@icp-sdk/bindgen/core");
  const root = main.slice(0, main.lastIndexOf(join("@icp-sdk", "bindgen")));
  const folder = join(root, "@icp-sdk", "bindgen");
  const { bin } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return join(folder, bin["icp-bindgen"]);
}

test("the committed bindings equal the generator's output", () => {
  const made = mkdtempSync(join(tmpdir(), "keepsake-bindings-"));
  try {
    const options = ["--did-file", did, "--out-dir", made, "--actor-disabled", "--declarations-flat", "--force"];
    execFileSync(process.execPath, [generator(), ...options], { stdio: "pipe" });
    assert.deepEqual(readdirSync(made).sort(), readdirSync(committed).sort());
    for (const name of readdirSync(made)) {
      const same = readFileSync(join(made, name), "utf8") === readFileSync(join(committed, name), "utf8");
      assert.ok(same, `${name} is out of date: run \`npm run generate\` in web/tests-agents`);
    }
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
});
