// Writes a folder that a browser can be shown: a page with a place for a file, and the two Workers, each in one file. The SDK's
// own Workers are where the SDK looks for them.
import { writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { build } from "esbuild";

const [folder, tusPackages] = process.argv.slice(2);
const here = import.meta.dirname;
const sdk = dirname(createRequire(import.meta.url).resolve("@keepsake/sdk"));
const options = {
  bundle: true,
  format: "esm",
  platform: "browser",
  target: "es2022",
  nodePaths: [tusPackages],
};
for (const [entry, to] of [
  [join(here, "worker-sdk.mjs"), "platform/worker-sdk.js"],
  [join(sdk, "background/worker.js"), "background/worker.js"],
  [join(sdk, "derivatives/worker.js"), "platform/worker.js"],
  [join(here, "worker-tus.mjs"), "worker-tus.js"],
]) {
  await build({ ...options, entryPoints: [entry], outfile: join(folder, to), logLevel: "error" });
}
await writeFile(join(folder, "index.html"), '<!doctype html><title>Bench</title><input type="file" />\n');
