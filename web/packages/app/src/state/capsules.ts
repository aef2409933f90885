// The capsules that this person has a role in, and the one that is open. It owns their list and their names.
// Which one is open is in the address too, so a reload opens it again.

import type { CapsuleHeader, Role } from "@keepsake/sdk";
import { computed, signal } from "@preact/signals";
import { shortPrincipal } from "../format.js";
import { text } from "../text.js";
import { account } from "./account.js";
import { notify } from "./notices.js";

export const capsules = signal<readonly CapsuleHeader[]>([]);
export const openCapsuleId = signal<string | undefined>(undefined);
export const openCapsule = computed(() =>
  capsules.value.find((capsule) => capsule.id === openCapsuleId.value),
);

const RANKS: Record<Role, number> = { guest: 0, member: 1, admin: 2, owner: 3 };

export function hasRole(capsule: CapsuleHeader | undefined, role: Role): boolean {
  return capsule !== undefined && RANKS[capsule.role] >= RANKS[role];
}

export function capsuleName(capsule: CapsuleHeader): string {
  const { subject } = capsule;
  if (typeof subject === "string") return text.header.about(subject);
  const principal = subject.toText();
  return principal === account().principal ? text.header.mine : shortPrincipal(principal);
}

/** At the start: makes the own capsule where there is none, and opens the one in the address, or the own. */
export async function loadCapsules(): Promise<void> {
  const { keepsake, principal } = account();
  let found = await keepsake.capsules.list();
  let own = found.find((capsule) => isAbout(capsule, principal));
  if (own === undefined) {
    const made = await keepsake.capsules.own();
    found = await keepsake.capsules.list();
    own = found.find((capsule) => capsule.id === made.id);
  }
  capsules.value = ordered(found, principal);
  const wanted = location.hash.slice(1);
  const first = found.find((capsule) => capsule.id === wanted) ?? own ?? found[0];
  if (first !== undefined) selectCapsule(first.id);
}

/** Asks again. A capsule that is open and no longer there is closed, and the person is told. */
export async function refreshCapsules(): Promise<void> {
  const { keepsake, principal } = account();
  const before = openCapsule.value;
  const found = ordered(await keepsake.capsules.list(), principal);
  if (!sameCapsules(capsules.value, found)) capsules.value = found;
  if (before !== undefined && openCapsule.value === undefined && openCapsuleId.value === before.id) {
    notify("error", text.notices.accessGone(capsuleName(before)));
    const next = found[0];
    if (next !== undefined) selectCapsule(next.id);
  }
}

export function selectCapsule(id: string): void {
  openCapsuleId.value = id;
  history.replaceState(null, "", `#${id}`);
}

export async function createCapsule(subject: string): Promise<void> {
  const made = await account().keepsake.capsules.createAbout(subject);
  await refreshCapsules();
  selectCapsule(made.id);
}

function isAbout(capsule: CapsuleHeader, principal: string): boolean {
  return (
    typeof capsule.subject !== "string" && capsule.subject.toText() === principal && capsule.role === "owner"
  );
}

// The own capsule first: it is where photos go unless the person says otherwise.
function ordered(found: CapsuleHeader[], principal: string): CapsuleHeader[] {
  return [...found].sort((a, b) => Number(isAbout(b, principal)) - Number(isAbout(a, principal)));
}

// A list that says the same is not a new list: it would draw the page again every few seconds.
function sameCapsules(a: readonly CapsuleHeader[], b: readonly CapsuleHeader[]): boolean {
  return a.length === b.length && a.every((capsule, index) => sameCapsule(capsule, b[index]));
}

function sameCapsule(a: CapsuleHeader, b: CapsuleHeader | undefined): boolean {
  return (
    b !== undefined &&
    a.id === b.id &&
    a.role === b.role &&
    a.memoryCount === b.memoryCount &&
    a.updatedAt.getTime() === b.updatedAt.getTime()
  );
}
