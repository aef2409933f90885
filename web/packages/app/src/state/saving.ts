// Saving an original as a file. Owns the way around what browsers do with `download` where the host sends them on into its bucket:
// the attribute counts for the page's own origin only, and a photo would be shown in place of the page. So the address says it too,
// and the host has the bucket tell the browser.

import { account } from "./account.js";

/** The address by which a browser saves what is at `href`, however large it is. */
export function savedAt(href: string): string {
  if (account().keepsake.config.s3.length === 0) return href;
  return `${href}${href.includes("?") ? "&" : "?"}download=1`;
}
