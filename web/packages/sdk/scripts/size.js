// What the SDK costs a page: bundles it as a page would and counts gzipped bytes. Owns the counting only.

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

async function gzipped(entry, external = []) {
  const { outputFiles } = await build({
    stdin: { contents: `export * from ${JSON.stringify(entry)}`, resolveDir: root },
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "es2022",
    external,
  });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
}

/** What is loaded later, by itself. */
const later = ["mcl-wasm", "hash-wasm", "@scure/bip39"];

const rows = {
  "the SDK with @icp-sdk/core": await gzipped("./dist/index.js", later),
  "of that, the SDK's own files": await gzipped("./dist/index.js", [
    ...later,
    "@icp-sdk/*",
    "@noble/*",
    "idb-keyval",
  ]),
  "Worker that hashes, verifies and sends": await gzipped("./dist/background/worker.js", later),
  "its wasm that verifies": await gzipped("./dist/verify/bls-wasm.js"),
  "its wasm that hashes": await gzipped("./dist/hash/wasm.js"),
  "its words, loaded when some are first wanted": await gzipped("@scure/bip39/wordlists/english.js"),
  "Worker that makes the pictures": await gzipped("./dist/derivatives/worker.js"),
};
for (const [what, bytes] of Object.entries(rows)) {
  console.log(`${String(Math.round(bytes / 100) / 10).padStart(6)} kB  ${what}`);
}
