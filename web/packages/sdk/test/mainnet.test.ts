// The root key: built in for the Internet Computer, whatever somebody between would send; fetched from any other host.

import assert from "node:assert/strict";
import { test } from "node:test";
import { isMainnet, Keepsake } from "@keepsake/sdk";

const CANISTER = "uxrrr-q7777-77774-qaaaq-cai";

/** What a client asks for when it connects to a host that never answers. */
async function askedFor(host: string): Promise<string[]> {
  const asked: string[] = [];
  const fetch = (input: RequestInfo | URL) => {
    asked.push(new URL(input instanceof Request ? input.url : input).href);
    return Promise.reject(new TypeError("no network in this test"));
  };
  await assert.rejects(
    Keepsake.connect({ host, canisterId: CANISTER, fetch, retry: { unreachableMaxMs: 1 } }),
  );
  return asked;
}

for (const host of [
  "https://icp-api.io",
  "https://icp0.io",
  `https://${CANISTER}.icp0.io`,
  `https://${CANISTER}.ic0.app`,
  `https://${CANISTER}.icp.net`,
  `https://${CANISTER}.raw.icp0.io`,
  "https://ICP-API.io.",
]) {
  test(`the root key is never asked for at ${host}`, async () => {
    assert.ok(isMainnet(new URL(host)));
    const asked = await askedFor(host);
    assert.ok(
      asked.some((url) => url.endsWith("/query")),
      asked.join(" "),
    );
    assert.deepEqual(
      asked.filter((url) => url.includes("/status")),
      [],
    );
  });
}

for (const host of [
  "http://127.0.0.1:4943",
  `http://${CANISTER}.localhost:8000`,
  "https://keepsake.example",
  "https://icp0.io.example",
  "https://notic0.app",
]) {
  test(`the root key is fetched from ${host} itself, before anything else`, async () => {
    assert.ok(!isMainnet(new URL(host)));
    const asked = await askedFor(host);
    assert.ok(asked.length > 0);
    for (const url of asked) assert.equal(url, `${host}/api/v2/status`);
  });
}
