// What the page's own address says about the service, where a canister serves the page: its id, where messages and
// pictures go, and whose key is used. On a domain of one's own, a file beside the page says it. It asks nobody.

import { Principal } from "@icp-sdk/core/principal";
import { isMainnet } from "@keepsake/sdk";

export interface ServiceAddress {
  /** Where messages to the service go. */
  host: string;
  /** Where pictures come from. */
  assetHost: string;
  canisterId: string;
  /** The page came from the Internet Computer: sign in with Internet Identity; its root key is built in. */
  isInternetComputer: boolean;
}

/** The Internet Computer's own address for messages, whichever of its names the page has. */
const MAINNET_API = "https://icp-api.io";

/**
 * What the page's address says, where a canister serves the page by an HTTP gateway: the first label of the name is its
 * id. On the Internet Computer that is `….icp0.io`; with a network of one's own, `….localhost:8000` or another name,
 * whose gateway takes the messages too.
 */
export function addressOfCanister(page: URL): ServiceAddress | undefined {
  const [label = "", ...domain] = page.hostname.split(".");
  if (domain.length === 0 || !isPrincipal(label)) return undefined;
  return address(page, label, isMainnet(page));
}

/** What `keepsake site set` puts beside the page. */
export const ABOUT = "/service.json";

/** What that file says, if it is that file. */
export function addressByFile(page: URL, file: unknown): ServiceAddress | undefined {
  const { canister_id: id, internet_computer: isInternetComputer } = (file ?? {}) as Record<string, unknown>;
  if (typeof id !== "string" || !isPrincipal(id)) return undefined;
  return address(page, id, isInternetComputer === true);
}

function address(page: URL, canisterId: string, isInternetComputer: boolean): ServiceAddress {
  const host = isInternetComputer ? MAINNET_API : page.origin;
  return { host, assetHost: page.origin, canisterId, isInternetComputer };
}

function isPrincipal(label: string): boolean {
  try {
    return Principal.fromText(label).toText() === label;
  } catch {
    return false;
  }
}
