// Somebody else, with the SDK in Node and a key of their own: who invites, gives and names as people far away do.
// It owns nothing but the connection.

import { Ed25519KeyIdentity } from "@icp-sdk/core/identity";
import { Keepsake } from "@keepsake/sdk";
import type { RunningNode } from "./node.ts";

export async function stranger(node: RunningNode): Promise<Keepsake> {
  const identity = Ed25519KeyIdentity.generate();
  return await Keepsake.connect({ host: node.url, canisterId: node.canisterId, identity });
}

/** Runs `deed` for each number below `count`, some at a time. */
export async function many(count: number, deed: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async () => {
    for (let index = next++; index < count; index = next++) await deed(index);
  };
  await Promise.all(Array.from({ length: 16 }, lane));
}
