// Which identities were made of a link's secret. Owns nothing else: whoever connects need not load how such a key is made.

const ofLinks = new WeakSet<object>();

/** Nothing else tells the key of a link from a person's. */
export function markOfLink(identity: object): void {
  ofLinks.add(identity);
}

/** Whether `linkIdentity` made it. */
export function isOfLink(identity: object): boolean {
  return ofLinks.has(identity);
}
