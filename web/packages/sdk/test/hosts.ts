// The two hosts of the service, for tests that both have to pass. Owns the list.

import { missing, RunningCanister } from "./canister.js";
import { RunningNode } from "./node.js";
import type { Host } from "./serving.js";

interface Kind {
  name: string;
  /** Why it cannot be had here. */
  skip: string | false;
  start: () => Promise<Host>;
}

export const HOSTS: readonly Kind[] = [
  { name: "the node", skip: false, start: () => RunningNode.start() },
  { name: "the canister's module", skip: missing(), start: () => RunningCanister.start() },
];
