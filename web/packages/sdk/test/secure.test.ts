// A node with a certificate of its own, from an authority that this machine does not know. Node.js reads whom it trusts once, at its
// start, so each case is a process of its own.

import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { RunningNode } from "./node.js";

/** Uploads, and says what came of it. */
const PROGRAM = `
import { Keepsake } from "@keepsake/sdk";
import { Ed25519KeyIdentity } from "@icp-sdk/core/identity";
const [host, canisterId] = process.argv.slice(1);
try {
  const keepsake = await Keepsake.connect({ host, canisterId, identity: Ed25519KeyIdentity.generate() });
  const upload = keepsake.upload(new File([new Uint8Array(3_000_000).fill(7)], "large.bin"));
  await upload.done;
  console.log("done");
} catch (error) {
  console.log(error.code, error.message);
}
process.exit();
`;

function makeCertificate(certificate: string, key: string): boolean {
  const words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost";
  const names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate];
  try {
    execFileSync("openssl", [...words.split(" "), ...names], { stdio: "pipe" });
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENOENT") return false;
    throw error;
  }
}

test("a node by https is used where its authority is trusted, and named where it is not", async (context) => {
  const folder = await mkdtemp(join(tmpdir(), "keepsake-secure-"));
  const [certificate, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  if (!makeCertificate(certificate, key)) {
    context.skip("needs openssl");
    return;
  }
  const node = await RunningNode.start(["--tls-cert", certificate, "--tls-key", key]);
  assert.match(node.url, /^https:\/\/localhost:/);
  const run = async (env: NodeJS.ProcessEnv) => {
    const args = ["--input-type=module", "-e", PROGRAM, node.url, node.canisterId];
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      env: { ...process.env, ...env },
      cwd: import.meta.dirname,
    });
    return stdout.trim();
  };
  try {
    assert.equal(await run({ NODE_EXTRA_CA_CERTS: certificate }), "done");
    const told = await run({ NODE_EXTRA_CA_CERTS: "" });
    assert.match(told, /^not_authentic .*certificate of https:\/\/localhost:\d+.* is not trusted here/);
    assert.match(told, /NODE_EXTRA_CA_CERTS/);
  } finally {
    await node.remove();
    await rm(folder, { recursive: true, force: true });
  }
});
