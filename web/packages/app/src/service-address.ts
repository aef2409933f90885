// Where the service is. It asks the host for what the address of the page does not say.

import { addressOfCanister, type ServiceAddress } from "./canister-address.js";
import { text } from "./text.js";

/** @throws Error where nobody answers, or no Keepsake node does */
export async function findService(): Promise<ServiceAddress> {
  const page = new URL(devHost() ?? location.origin);
  const found = addressOfCanister(page);
  if (found !== undefined) return found;
  const host = page.origin;
  const response = await fetch(new URL("/health", page));
  if (!response.ok) throw new Error(text.errors.noNodeHere(host));
  const health: unknown = await response.json();
  if (typeof health === "object" && health !== null && "canister_id" in health) {
    return { host, assetHost: host, canisterId: String(health.canister_id), isInternetComputer: false };
  }
  throw new Error(text.errors.noNodeHere(host));
}

/** While developing, the page and the node have different addresses: `?host=http://127.0.0.1:4943`. */
function devHost(): string | undefined {
  if (!import.meta.env.DEV) return undefined;
  return new URLSearchParams(location.search).get("host") ?? undefined;
}
