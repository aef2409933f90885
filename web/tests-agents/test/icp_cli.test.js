// icp-cli, the Internet Computer's own command line tool, unmodified against a real node: an update, a query, the module's
// interface, an upload with its publish, a refusal. Its checks are at their defaults: it verifies every certificate.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { SEED, randomBytes, sha256 } from "../src/bytes.js";
import { startNode } from "../src/node.js";

const here = dirname(fileURLToPath(import.meta.url));
const did = join(here, "..", "..", "..", "crates", "keepsake-api", "keepsake.did");

/** The program; none on a machine that its makers build none for. */
function program() {
  try {
    return createRequire(import.meta.url).resolve("@icp-sdk/icp-cli-linux-x64/bin/icp");
  } catch {
    return undefined;
  }
}

const icp = program();
const skip = icp === undefined ? "icp-cli has no package for this machine" : false;

describe("icp-cli", { skip }, () => {
  let node;
  let home;
  before(async () => {
    node = await startNode();
    home = mkdtempSync(join(tmpdir(), "keepsake-icp-"));
    await run("identity", "new", "keeper", "--storage", "plaintext", "--output-seed", join(home, "seed"));
    await run("identity", "default", "keeper");
  });
  after(async () => {
    await node?.stop();
    rmSync(home, { recursive: true, force: true });
  });

  /** Runs the program in a home of its own, so that nothing of the user's is read or written. */
  function run(...words) {
    const env = { PATH: process.env.PATH, HOME: home, DO_NOT_TRACK: "1" };
    return new Promise((resolve, reject) => {
      execFile(icp, words, { cwd: home, env }, (error, stdout, stderr) => {
        if (error) {
          reject(new Error(`${words.join(" ")}: ${stderr}`));
        } else {
          resolve(stdout);
        }
      });
    });
  }

  function call(method, argument, ...more) {
    const network = ["--network", node.url, "--root-key", "fetch"];
    return run("canister", "call", node.canisterId, method, argument, ...network, ...more);
  }

  const capsuleId = async () => /id = "(capsule_\d+)"/.exec(await call("capsules_create", "(null)"))[1];

  test("an update makes the own capsule, and a query lists it", async () => {
    const principal = (await run("identity", "principal")).trim();
    const made = await call("capsules_create", "(null)");
    assert.match(made, new RegExp(`principal "${principal}"`));
    assert.match(await call("capsules_list", "()", "--query"), new RegExp(`id = "${await capsuleId()}"`));
  });

  test("the interface is read from the node's metadata", async () => {
    const network = ["--network", node.url, "--root-key", "fetch"];
    const shown = await run("canister", "metadata", node.canisterId, "candid:service", ...network);
    assert.equal(shown.trim(), readFileSync(did, "utf8").trim());
  });

  test("a session takes a chunk from a file of arguments and becomes a blob", async () => {
    const bytes = randomBytes(300_000, SEED);
    const text = (part) => [...part].map((byte) => `\\${byte.toString(16).padStart(2, "0")}`).join("");
    const begun = await call("uploads_begin", `("${await capsuleId()}", 1 : nat32, "icp", null)`);
    const session = /Ok = ([\d_]+) : nat64/.exec(begun)[1];
    const file = join(home, "chunk");
    writeFileSync(file, `(${session} : nat64, 0 : nat32, blob "${text(bytes)}")`);
    const network = ["--network", node.url, "--root-key", "fetch"];
    const put = await run("canister", "call", node.canisterId, "uploads_put_chunk", "--args-file", file, ...network);
    assert.match(put, /Ok/);
    const finished = await call(
      "uploads_finish",
      `(${session} : nat64, blob "${text(sha256(bytes))}", ${bytes.length} : nat64)`,
    );
    assert.match(finished, /size = 300_000 : nat64/);
  });

  test("a method that is not there is rejected in words", async () => {
    await assert.rejects(call("nonsense", "()"), /there is no update method 'nonsense'/);
  });
});
