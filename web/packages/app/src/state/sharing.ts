// Who sees the open capsule: its members, its open invitations and its links, the last two for owners only.
// It owns what the service said last; the dialog and the line beside the drop zone read it.

import type { Capsule, CapsuleHeader, Invitation, Link } from "@keepsake/sdk";
import { computed, effect, signal, untracked } from "@preact/signals";
import { account } from "./account.js";
import { hasRole, openCapsule } from "./capsules.js";
import { explain } from "./explain.js";

export interface Shared {
  capsule: Capsule;
  invitations: readonly Invitation[];
  links: readonly Link[];
}

const found = signal<Shared | undefined>(undefined);
export const sharedError = signal<string | undefined>(undefined);

/** Of the open capsule, once it is known. */
export const shared = computed(() =>
  found.value?.capsule.id === openCapsule.value?.id ? found.value : undefined,
);

/** Asks anew. */
export async function loadShared(): Promise<void> {
  const capsule = openCapsule.peek();
  if (capsule === undefined) return;
  const { id } = capsule;
  const { keepsake } = account();
  const isOwner = hasRole(capsule, "owner");
  try {
    const [whole, invitations, links] = await Promise.all([
      keepsake.capsules.read(id),
      isOwner ? keepsake.invitations.list(id) : [],
      isOwner ? keepsake.links.list(id) : [],
    ]);
    if (openCapsule.peek()?.id !== id) return;
    found.value = { capsule: whole, invitations, links };
    sharedError.value = undefined;
  } catch (error) {
    if (openCapsule.peek()?.id === id) sharedError.value = explain(error);
  }
}

/** Asks whenever another capsule is opened, or the open one changed. */
export function followShared(): void {
  let before = "";
  effect(() => {
    const now = stampOf(openCapsule.value);
    if (now === before) return;
    before = now;
    untracked(() => void loadShared());
  });
}

function stampOf(capsule: CapsuleHeader | undefined): string {
  return capsule === undefined ? "" : `${capsule.id} ${capsule.role} ${capsule.updatedAt.getTime()}`;
}

/**
 * A role that nothing but its owner's leaving keeps: the last one stays, or the capsule would be nobody's. Who was made an owner
 * and has not said yes may go at any time, and counts for none.
 */
export function isLastOwner(capsule: Capsule, principal: string): boolean {
  const owners = capsule.members.filter(({ role, accepted }) => role === "owner" && accepted);
  return owners.length === 1 && owners[0]?.principal.toText() === principal;
}

export function hasEnded({ expiresAt }: { expiresAt?: Date }): boolean {
  return expiresAt !== undefined && expiresAt.getTime() <= Date.now();
}
