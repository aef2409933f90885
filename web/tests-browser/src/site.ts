// A small server of files for pages under test, until the page is served by the node that it talks to.
// Owns paths and content types. Caches nothing, so that a rebuilt page is seen.

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".map": "application/json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".wasm": "application/wasm",
  ".webmanifest": "application/manifest+json",
};

/** Files by the first part of their path. */
export class Site {
  /** Without a slash at its end. */
  readonly url: string;
  readonly #close: () => Promise<void>;

  private constructor(url: string, close: () => Promise<void>) {
    this.url = url;
    this.#close = close;
  }

  /** Serves each folder below its prefix, the longest first; `/` is a prefix too. */
  static async serve(folders: Readonly<Record<string, string>>): Promise<Site> {
    const prefixes = Object.keys(folders).sort((a, b) => b.length - a.length);
    const server = createServer(async (request, response) => {
      const path = normalize(decodeURIComponent(new URL(request.url ?? "/", "http://site").pathname));
      const prefix = prefixes.find((candidate) => path.startsWith(candidate));
      const name = prefix === undefined ? "" : path.slice(prefix.length) || "index.html";
      try {
        const body = await readFile(join(folders[prefix ?? ""] ?? "", name));
        response.setHeader("content-type", TYPES[extname(name)] ?? "application/octet-stream");
        response.setHeader("cache-control", "no-store");
        response.end(body);
      } catch {
        response.writeHead(path === "/favicon.ico" ? 204 : 404).end();
      }
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    return new Site(`http://127.0.0.1:${port}`, async () => {
      server.closeAllConnections();
      server.close();
    });
  }

  async close(): Promise<void> {
    await this.#close();
  }
}
