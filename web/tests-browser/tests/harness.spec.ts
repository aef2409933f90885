// What the other tests rest on: a node that is killed and comes back with its address and its data.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "../src/test.ts";

test("a killed node is gone, and comes back at the same place", async ({ node, emptyPage }) => {
  const health = () =>
    emptyPage.evaluate(async (url) => await fetch(`${url}/health`).then((answer) => answer.json()), node.url);
  const before = await health();
  expect(before).toMatchObject({ canister_id: node.canisterId });
  await node.kill();
  expect(node.isRunning).toBe(false);
  await expect(health()).rejects.toThrow("Failed to fetch");
  await node.startAgain();
  expect(await health()).toMatchObject({ canister_id: node.canisterId });
  expect(existsSync(join(node.data, "records.redb"))).toBe(true);
});
