// The capsule and the memory that the page's address names, and whether somebody may see it. It owns no state.

import {
  type CapsuleId,
  type CapsuleSight,
  type Keepsake,
  KeepsakeError,
  type MemoryId,
} from "@keepsake/sdk";

/** The id that a link carries behind its `#`. */
export function capsuleInAddress(): CapsuleId | undefined {
  const name = location.hash.slice(1).split("/")[0] || undefined;
  return name?.includes("=") ? undefined : name;
}

/** The code of an invitation that a link carries. */
export function inviteInAddress(): string | undefined {
  return new URLSearchParams(location.hash.slice(1)).get("invite") ?? undefined;
}

/** The memory that a link names behind the capsule. */
export function memoryInAddress(): MemoryId | undefined {
  return location.hash.slice(1).split("/")[1] || undefined;
}

/** The code by which this browser is to become a device of somebody's account. */
export function joinInAddress(): string | undefined {
  return new URLSearchParams(location.hash.slice(1)).get("join") ?? undefined;
}

/** The address is a link's: whoever has it may look. */
export function linkInAddress(): string | undefined {
  return location.hash.startsWith("#link=") ? location.hash : undefined;
}

/** The address has a code or a link's secret. */
export function isSecretInAddress(): boolean {
  return (inviteInAddress() ?? joinInAddress() ?? linkInAddress()) !== undefined;
}

/** The capsule, or undefined where this client may not see it. */
export async function lookUp(keepsake: Keepsake, id: CapsuleId): Promise<CapsuleSight | undefined> {
  try {
    return await keepsake.capsules.header(id);
  } catch (error) {
    // What is no id at all is not there either.
    if (error instanceof KeepsakeError && ["NotFound", "InvalidArgument"].includes(error.kind))
      return undefined;
    throw error;
  }
}

/** The path of a link that tells what it shows is that link's: whatever else is opened here has the page's own. */
export function leaveLinksPath(): void {
  if (linkInAddress() !== undefined || !location.pathname.startsWith("/l/")) return;
  history.replaceState(null, "", `/${location.search}${location.hash}`);
}
