// The keys of the nodes that sign answers, remembered for some minutes and shared by the agents of one connection.
// Owns the memory only; agents fetch and verify the keys.

import type { HttpAgentOptions } from "@icp-sdk/core/agent";

type Store = NonNullable<HttpAgentOptions["subnetNodeKeyExpirableStore"]>;
type Keys = NonNullable<Awaited<ReturnType<Store["get"]>>>;

const EXPIRATION_MS = 5 * 60_000;

/** Forgets with the page: a node that was set up anew has other keys. */
export class NodeKeys implements Store {
  readonly expirationTime = EXPIRATION_MS;
  readonly #entries = new Map<string, { keys: Keys; untilMs: number }>();

  async get(key: string): Promise<Keys | undefined> {
    const entry = this.#entries.get(key);
    return entry && entry.untilMs > Date.now() ? entry.keys : undefined;
  }

  async set(key: string, keys: Keys): Promise<void> {
    this.#entries.set(key, { keys, untilMs: Date.now() + EXPIRATION_MS });
  }

  async delete(key: string): Promise<void> {
    this.#entries.delete(key);
  }
}
