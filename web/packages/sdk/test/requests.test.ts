// Requests in Node: the form of answers, and what goes along to a host that another one names. It needs no Keepsake node.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { nodeFetch } from "../dist/platform/node-fetch.js";
import { plainAnswer, plainHeaders } from "../dist/platform/plain-answer.js";
import { randomBytes } from "./world.js";

/** A server for as long as `use` lasts. */
async function serving<R>(listener: RequestListener, use: (url: string) => Promise<R>): Promise<R> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test("an answer is to the agent what `Response` is", async () => {
  const whole = new TextEncoder().encode("before|a text with ü|after");
  const bytes = whole.subarray(7, whole.length - 6);
  const init = { status: 429, statusText: "Too Many Requests", headers: { "retry-after": "7", "x-a": "b" } };
  const theirs = new Response(bytes, init);
  const ours = plainAnswer(init.status, init.statusText, init.headers, bytes, "http://host/path");
  const told = async (response: Response) => {
    const headers: [string, string][] = [];
    response.headers.forEach((value, name) => {
      headers.push([name, value]);
    });
    const { ok, status, statusText } = response;
    const [again, text] = [response.clone(), await response.text()];
    const { byteLength } = await again.arrayBuffer();
    return { ok, status, statusText, text, byteLength, headers, entries: [...response.headers.entries()] };
  };
  assert.deepEqual(await told(ours), await told(theirs));
  assert.equal(ours.headers.get("retry-after"), "7");
  assert.equal(ours.url, "http://host/path");
  assert.equal(plainAnswer(204, "", {}, new Uint8Array(), "").ok, true);
  assert.equal(plainAnswer(300, "", {}, new Uint8Array(), "").ok, false);
});

test("headers are taken in every form that `fetch` takes", () => {
  const expected = { "x-a": "1", "x-b": "2" };
  assert.deepEqual(plainHeaders(expected), expected);
  assert.deepEqual(plainHeaders(new Headers(expected)), expected);
  assert.deepEqual(plainHeaders(Object.entries(expected) as [string, string][]), expected);
  assert.deepEqual(plainHeaders(undefined), {});
});

test("a body arrives whole after a redirect, and no secret goes to another host", {
  timeout: 60_000,
}, async () => {
  const body = randomBytes(2_000_000);
  const headers = { Authorization: "Bearer secret", "Keepsake-Chunk": "3" };
  const met: { headers: IncomingHttpHeaders; bytes: Uint8Array }[] = [];
  const takes: RequestListener = async (request, response) => {
    const parts: Uint8Array[] = [];
    for await (const part of request) {
      parts.push(part);
    }
    met.push({ headers: request.headers, bytes: Buffer.concat(parts) });
    response.writeHead(204).end();
  };
  const put = (url: string) => nodeFetch(new URL(url), { method: "PUT", headers, body }, () => {});
  await serving(takes, async (other) => {
    const moves: RequestListener = (request, response) => {
      request.resume();
      if (request.url === "/here") {
        takes(request, response);
        return;
      }
      const location = request.url === "/own" ? "/here" : other;
      request.once("end", () => response.writeHead(307, { location }).end());
    };
    await serving(moves, async (own) => {
      assert.equal((await put(`${own}/own`)).status, 204);
      assert.equal((await put(`${own}/other`)).status, 204);
    });
  });
  const seen = met.map(({ headers: { authorization, "keepsake-chunk": chunk } }) => [authorization, chunk]);
  assert.deepEqual(seen, [
    ["Bearer secret", "3"],
    [undefined, "3"],
  ]);
  assert.ok(met.every(({ bytes }) => Buffer.from(body).equals(bytes)));
});
