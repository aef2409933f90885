// The capsule that the page's address names, and whether somebody may see it. It owns no state.

import { type CapsuleHeader, type CapsuleId, type Keepsake, KeepsakeError } from "@keepsake/sdk";

/** The id that a link carries behind its `#`. */
export function capsuleInAddress(): CapsuleId | undefined {
  const id = location.hash.slice(1);
  return id === "" ? undefined : id;
}

/** The capsule, or undefined where this client may not see it. */
export async function lookUp(keepsake: Keepsake, id: CapsuleId): Promise<CapsuleHeader | undefined> {
  try {
    return await keepsake.capsules.header(id);
  } catch (error) {
    // What is no id at all is not there either.
    if (error instanceof KeepsakeError && ["NotFound", "InvalidArgument"].includes(error.kind))
      return undefined;
    throw error;
  }
}
