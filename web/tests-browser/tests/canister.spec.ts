// The canister's own host, as a browser sees it: its answers come through the HTTP gateway. What the page there does is in
// `canister-page`.

import { expect, test } from "../src/test.ts";

test("an address of the canister's host is answered by the canister", async ({ page, canister }) => {
  const response = await page.goto(`${canister.pageUrl}/asset/mem_1/original`);
  expect(response?.status()).toBe(401);
  expect(response?.headers()["x-gateway-road"]).toBe("agreed");
});
