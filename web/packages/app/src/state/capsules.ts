// The capsules that this person has a role in, and the one that is open. It owns their list and their names.
// Which one is open is in the address too: a reload opens it again, and a link opens one that is shared or public.

import type { CapsuleHeader, CapsuleId, Role } from "@keepsake/sdk";
import { computed, signal } from "@preact/signals";
import { shortPrincipal } from "../format.js";
import { text } from "../text.js";
import { account } from "./account.js";
import { explain } from "./explain.js";
import { notify } from "./notices.js";
import { capsuleInAddress, lookUp } from "./visit.js";

const listed = signal<readonly CapsuleHeader[]>([]);
/** Opened by its address, with no role of one's own: everybody may look at it. Gone when another one is opened. */
const visited = signal<CapsuleHeader | undefined>(undefined);

export const capsules = computed(() =>
  visited.value === undefined || listed.value.some(({ id }) => id === visited.value?.id)
    ? listed.value
    : [...listed.value, visited.value],
);
export const openCapsuleId = signal<CapsuleId | undefined>(undefined);
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

/** The address that opens the capsule, for whoever may see it. */
export function capsuleLink(id: CapsuleId): string {
  return new URL(`#${id}`, location.href).href;
}

/** At the start: opens the capsule in the address, or the own, which is made where there is none. */
export async function loadCapsules(): Promise<void> {
  const { keepsake, principal, isVisitor } = account();
  addEventListener("hashchange", () => {
    openAddress().catch((error: unknown) => notify("error", explain(error)));
  });
  listed.value = await ofPerson();
  await openAddress();
  if (isVisitor) return;
  if (!listed.value.some((capsule) => isAbout(capsule, principal))) {
    await keepsake.capsules.own();
    await refreshCapsules();
  }
  if (openCapsuleId.value === undefined) selectFirst();
}

/** Asks again. A capsule that is open and no longer there is closed, and the person is told. */
export async function refreshCapsules(): Promise<void> {
  const before = openCapsule.value;
  const found = await ofPerson();
  if (!sameCapsules(listed.value, found)) listed.value = found;
  await refreshVisited();
  if (before !== undefined && openCapsule.value === undefined && openCapsuleId.value === before.id) {
    // A visitor has no other one: the page starts again and says so.
    if (account().isVisitor) location.reload();
    notify("error", text.notices.accessGone(capsuleName(before)));
    selectFirst();
  }
}

async function ofPerson(): Promise<CapsuleHeader[]> {
  const { keepsake, principal, isVisitor } = account();
  return isVisitor ? [] : ordered(await keepsake.capsules.list(), principal);
}

async function refreshVisited(): Promise<void> {
  const id = visited.value?.id;
  if (id === undefined) return;
  const found = await lookUp(account().keepsake, id);
  // Meanwhile another one may have been opened.
  if (visited.value?.id === id && !sameCapsule(visited.value, found)) visited.value = found;
}

export function selectCapsule(id: CapsuleId): void {
  if (visited.value?.id !== id) visited.value = undefined;
  openCapsuleId.value = id;
  if (capsuleInAddress() !== id) history.replaceState(null, "", `#${id}`);
}

export async function createCapsule(subject: string): Promise<void> {
  const made = await account().keepsake.capsules.createAbout(subject);
  await refreshCapsules();
  selectCapsule(made.id);
}

// A link that was opened, or an address that was typed, also in a page that is open already.
async function openAddress(): Promise<void> {
  const wanted = capsuleInAddress();
  if (wanted === undefined || wanted === openCapsuleId.value) return;
  if (!capsules.value.some(({ id }) => id === wanted)) {
    const found = await lookUp(account().keepsake, wanted);
    if (found === undefined) {
      notify("error", text.notices.notOpen(wanted));
      if (openCapsuleId.value !== undefined) selectCapsule(openCapsuleId.value);
      return;
    }
    visited.value = found;
  }
  selectCapsule(wanted);
}

function selectFirst(): void {
  const first = listed.value[0];
  if (first !== undefined) selectCapsule(first.id);
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
