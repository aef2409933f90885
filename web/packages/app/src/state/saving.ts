// Saving an original as a file. Owns the way around what browsers do with `download` where the host sends them on into its bucket:
// the attribute counts for the page's own origin only, and a photo would be shown in place of the page.

import { account } from "./account.js";

/** The browser reads the file by then, ms. */
const KEPT_MS = 60_000;

/** Whether originals of this host may come from elsewhere. */
export function mayComeFromElsewhere(): boolean {
  return account().keepsake.config.s3.length > 0;
}

/** Saves what is at `href` as a file of this name. */
export async function saveAs(href: string, name: string): Promise<void> {
  if (!(await leadsElsewhere(href))) {
    follow(href, name);
    return;
  }
  const response = await fetch(href);
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  // A browser keeps what is large on disk.
  const url = URL.createObjectURL(await response.blob());
  follow(url, name);
  setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
}

/** One byte is asked for: a host that has the bytes itself sends no more. */
async function leadsElsewhere(href: string): Promise<boolean> {
  try {
    const { type } = await fetch(href, { headers: { Range: "bytes=0-0" }, redirect: "manual" });
    return type === "opaqueredirect";
  } catch {
    return false;
  }
}

function follow(href: string, name: string): void {
  const link = document.createElement("a");
  link.href = href;
  link.download = name;
  link.click();
}
