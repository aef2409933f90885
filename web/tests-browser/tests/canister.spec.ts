// The canister's own host, as a browser sees it: its pages come through the HTTP gateway, and agents on them reach it by
// the same origin.

import { expect, test } from "../src/test.ts";

test("a page of the canister's host is answered by the canister and talks to it", async ({
  page,
  canister,
}) => {
  const response = await page.goto(`${canister.pageUrl}/asset/mem_1/original`);
  expect(response?.status()).toBe(401);
  expect(response?.headers()["x-gateway-road"]).toBe("agreed");
  const status = await page.evaluate(async () => {
    const answer = await fetch("/api/v2/status");
    return [answer.status, new Uint8Array(await answer.arrayBuffer()).length > 133];
  });
  expect(status).toEqual([200, true]);
});
