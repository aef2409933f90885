// Where the service is: the host's address and the canister's id. It asks the host for what the address does not say.

import { Principal } from "@icp-sdk/core/principal";
import { text } from "./text.js";

export interface ServiceAddress {
  host: string;
  canisterId: string;
  /** The page came from the Internet Computer, by its HTTP gateway: sign in with Internet Identity. */
  isInternetComputer: boolean;
}

/**
 * On the Internet Computer the first label of the host name is the canister's id. A node tells its own in /health.
 *
 * @throws Error where nobody answers, or no Keepsake node does
 */
export async function findService(): Promise<ServiceAddress> {
  const host = devHost() ?? location.origin;
  const url = new URL(host);
  const label = url.hostname.split(".")[0] ?? "";
  if (url.hostname.includes(".") && isPrincipal(label)) {
    return { host, canisterId: label, isInternetComputer: true };
  }
  const response = await fetch(new URL("/health", url));
  if (!response.ok) throw new Error(text.errors.noNodeHere(host));
  const health: unknown = await response.json();
  if (typeof health === "object" && health !== null && "canister_id" in health) {
    return { host, canisterId: String(health.canister_id), isInternetComputer: false };
  }
  throw new Error(text.errors.noNodeHere(host));
}

/** While developing, the page and the node have different addresses: `?host=http://127.0.0.1:4943`. */
function devHost(): string | undefined {
  if (!import.meta.env.DEV) return undefined;
  return new URLSearchParams(location.search).get("host") ?? undefined;
}

function isPrincipal(label: string): boolean {
  try {
    return Principal.fromText(label).toText() === label;
  } catch {
    return false;
  }
}
