// Which hosts are the Internet Computer itself. Owns the list of its domains. The root key of these hosts is built into
// the agent and is never fetched: whoever stands between could send another one.

const DOMAINS = ["ic0.app", "icp0.io", "icp-api.io", "icp1.io", "icp.net", "internetcomputer.org"];

/** Whether the host belongs to the Internet Computer, and not to a node or a network of one's own. */
export function isMainnet(host: URL): boolean {
  const name = host.hostname.replace(/\.$/, "").toLowerCase();
  return DOMAINS.some((domain) => name === domain || name.endsWith(`.${domain}`));
}
