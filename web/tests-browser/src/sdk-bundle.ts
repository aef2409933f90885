// The SDK as a bundler gives it to a page, without the app: its entry with some identities, and its Workers.
// Owns the bundling; the folders are laid out as the SDK's own, since its Workers are named by relative addresses.

import { join } from "node:path";
import { build } from "esbuild";
import { sdkDist } from "./places.ts";
import { Site } from "./site.ts";

const ENTRY = `
export * from ${JSON.stringify(join(sdkDist, "index.js"))};
export * from "@icp-sdk/core/identity";
`;

/** Bundles into `folder` and serves it: the SDK is at /platform/sdk.js. */
export async function serveSdk(folder: string): Promise<Site> {
  const options = { bundle: true, format: "esm", platform: "browser", target: "es2022" } as const;
  const stdin = { contents: ENTRY, resolveDir: import.meta.dirname };
  await build({ ...options, stdin, outfile: join(folder, "platform", "sdk.js") });
  for (const [worker, place] of [
    ["background", "background"],
    ["derivatives", "platform"],
  ] as const) {
    const entryPoints = [join(sdkDist, worker, "worker.js")];
    await build({ ...options, entryPoints, outfile: join(folder, place, "worker.js") });
  }
  return await Site.serve({ "/": folder, "/pages/": join(import.meta.dirname, "..", "pages") });
}
