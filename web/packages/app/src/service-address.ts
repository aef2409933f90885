// Where the service is. It asks the host for what the address of the page does not say.

import { ABOUT, addressByFile, addressOfCanister, type ServiceAddress } from "./canister-address.js";
import { text } from "./text.js";

/** @throws Error where nobody answers, or neither a Keepsake node nor a canister's page does */
export async function findService(): Promise<ServiceAddress> {
  const page = new URL(devHost() ?? location.origin);
  // A node tells of itself at /health, where a canister has nothing.
  const found =
    addressOfCanister(page) ??
    addressByFile(page, await json(new URL("/health", page))) ??
    addressByFile(page, await json(new URL(ABOUT, page)));
  if (found === undefined) throw new Error(text.errors.noNodeHere(page.origin));
  return found;
}

/** Undefined where there is no such page, or one of another kind. */
async function json(url: URL): Promise<unknown> {
  const response = await fetch(url);
  return response.ok ? await response.json().catch(() => undefined) : undefined;
}

/** While developing, the page and the node have different addresses: `?host=http://127.0.0.1:4943`. */
function devHost(): string | undefined {
  if (!import.meta.env.DEV) return undefined;
  return new URLSearchParams(location.search).get("host") ?? undefined;
}
