// The capsule and the memory that the page's address names, and whether somebody may see it. It owns no state.

import {
  type CapsuleHeader,
  type CapsuleId,
  type Keepsake,
  KeepsakeError,
  type MemoryId,
} from "@keepsake/sdk";

/** The id that a link carries behind its `#`. */
export function capsuleInAddress(): CapsuleId | undefined {
  return location.hash.slice(1).split("/")[0] || undefined;
}

/** The memory that a link names behind the capsule. */
export function memoryInAddress(): MemoryId | undefined {
  return location.hash.slice(1).split("/")[1] || undefined;
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
