// How the page is built: hashed files under /assets/, and a bound on the JavaScript of the first page view.
// It owns the bound; what is loaded later is named by the dynamic imports in src/.

import { gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

const FIRST_LOAD_BYTES_MAX = 300 * 1024;
/** Modules that the first page view imports by itself, though dynamically: they count. */
const LOADED_AT_ONCE = ["src/ui/UploadArea.tsx"];

export default defineConfig({
  plugins: [firstLoad()],
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1024,
  },
  worker: { format: "es" },
  resolve: { dedupe: ["preact", "@icp-sdk/core"] },
});

/** Counts what the first page view loads, prints it, and fails the build above the bound. */
function firstLoad(): Plugin {
  return {
    name: "keepsake-first-load",
    apply: "build",
    generateBundle(_options, bundle) {
      const chunks = Object.values(bundle).filter((file) => file.type === "chunk");
      const byName = new Map(chunks.map((chunk) => [chunk.fileName, chunk]));
      const waiting = chunks.filter(
        (chunk) =>
          chunk.isEntry || LOADED_AT_ONCE.some((module) => chunk.facadeModuleId?.endsWith(`/${module}`)),
      );
      if (waiting.length !== 1 + LOADED_AT_ONCE.length) {
        this.error(`expected the entry and ${LOADED_AT_ONCE.join(", ")} as chunks: correct vite.config.ts`);
      }
      const counted = new Set<string>();
      let bytes = 0;
      for (let chunk = waiting.pop(); chunk !== undefined; chunk = waiting.pop()) {
        if (counted.has(chunk.fileName)) continue;
        counted.add(chunk.fileName);
        bytes += gzipSync(chunk.code, { level: 9 }).length;
        for (const name of chunk.imports) {
          const imported = byName.get(name);
          if (imported !== undefined) waiting.push(imported);
        }
      }
      const kib = (bytes / 1024).toFixed(1);
      const line = `first load: ${kib} KiB of gzipped JavaScript in ${counted.size} files (at most 300)`;
      if (bytes > FIRST_LOAD_BYTES_MAX) this.error(`${line}: load the heavy part later, or leave it out`);
      console.log(line);
    },
  };
}
