// The capsules that this person has a role in, and the one that is open. It owns their list and their names.
// Which one is open is in the address too: a reload opens it again, and a link opens one that is shared or public.

import { type CapsuleHeader, type CapsuleId, KeepsakeError, type MemoryId, type Role } from "@keepsake/sdk";
import { computed, signal } from "@preact/signals";
import { isolated, shortPrincipal, shownName } from "../format.js";
import { text } from "../text.js";
import { account } from "./account.js";
import { explain } from "./explain.js";
import { invited, takeInvitation } from "./invited.js";
import { notify } from "./notices.js";
import { isMe, loadPeople, nameOf, nameWithPrincipal } from "./people.js";
import { capsuleInAddress, lookUp } from "./visit.js";

const listed = signal<readonly CapsuleHeader[]>([]);
/** Opened by its address, with no role of one's own: everybody may look at it. Gone when another one is opened. */
const visited = signal<CapsuleHeader | undefined>(undefined);

/** Asked for once at least. */
export const isListed = signal(false);
/** What this person said yes to here: the service's list has an end, and what strangers give may have filled it. */
const letInto = signal<readonly CapsuleHeader[]>([]);

export const capsules = computed(() => {
  const all = [...listed.value, ...letInto.value, ...(visited.value === undefined ? [] : [visited.value])];
  const ids = new Set<CapsuleId>();
  return all.filter(({ id }) => !ids.has(id) && ids.add(id));
});
/** Known where the person has several of their own. */
const firstOwnId = signal<CapsuleId | undefined>(undefined);
export const openCapsuleId = signal<CapsuleId | undefined>(undefined);
export const openCapsule = computed(() =>
  capsules.value.find((capsule) => capsule.id === openCapsuleId.value),
);

const RANKS: Record<Role, number> = { guest: 0, member: 1, admin: 2, owner: 3 };

export function hasRole(capsule: CapsuleHeader | undefined, role: Role): boolean {
  return capsule !== undefined && RANKS[capsule.role] >= RANKS[role];
}

/** Whether a role may less than another. */
export function lacks(role: Role, than: Role): boolean {
  return RANKS[role] < RANKS[than];
}

/** Only what the service says is the person's own is called so: anybody may make a capsule about anybody, and give it to them. */
export function capsuleName(capsule: CapsuleHeader): string {
  if (capsule.isOwn) {
    return shownName(capsule.name) ?? (isFirst(capsule) ? text.header.mine : text.header.brought);
  }
  const name = bareName(capsule);
  const { creator } = capsule;
  if (!capsule.accepted) return text.header.givenBy(isolated(name), isolated(makerName(capsule)));
  // Whoever made it may call it anything, “My capsule” too; without a name it is called by its maker already.
  const isByOther = creator !== undefined && !isMe(creator.toText());
  return isByOther && !isOfMaker(capsule)
    ? text.header.by(isolated(name), isolated(makerName(capsule)))
    : name;
}

/** Of several, that came along with devices, one is where photos go on every device. */
function isFirst({ id, isOwn }: CapsuleHeader): boolean {
  return isOwn && (firstOwnId.value === undefined || firstOwnId.value === id);
}

/** The same without who made it, for where that stands beside it. */
export function bareName(capsule: CapsuleHeader): string {
  const { name, subject } = capsule;
  const shown = shownName(name);
  if (shown !== undefined) return shown;
  if (typeof subject === "string") return text.header.about(shownName(subject) ?? text.header.somebody);
  if (isOfMaker(capsule)) return text.capsule.of(isolated(makerName(capsule)));
  return shortPrincipal(subject.toText());
}

/** Somebody's own capsule, which they did not name. */
function isOfMaker({ name, subject, creator }: CapsuleHeader): boolean {
  const isAboutMaker = typeof subject !== "string" && subject.toText() === creator?.toText();
  return isAboutMaker && shownName(name) === undefined;
}

/** Who made a capsule, where the service says so. */
export function makerName({ creator, creatorName }: Pick<CapsuleHeader, "creator" | "creatorName">): string {
  return creator === undefined ? text.header.somebody : nameOf({ principal: creator, name: creatorName });
}

/** The same, with the principal where nothing but their own word says who they are. */
export function makerWithPrincipal({ creator, creatorName }: CapsuleHeader): string {
  return creator === undefined
    ? text.header.somebody
    : nameWithPrincipal({ principal: creator, name: creatorName });
}

/** The address that opens the capsule, for whoever may see it. */
export function capsuleLink(id: CapsuleId): string {
  return new URL(`#${id}`, location.href).href;
}

/** At the start: opens the capsule in the address, or the own, which is made where there is none. */
export async function loadCapsules(): Promise<void> {
  const { isVisitor, isByLink } = account();
  addEventListener("hashchange", () => {
    followHash().catch((error: unknown) => notify("error", explain(error)));
  });
  const names = loadPeople();
  const invitedInto = isVisitor ? undefined : await takeInvitation();
  listed.value = await ofPerson();
  // Nothing is called by a principal first and by a name a moment later.
  await names;
  isListed.value = true;
  if (invitedInto !== undefined) await openOf(invitedInto);
  await openAddress();
  if (isByLink) selectFirst();
  if (isVisitor) return;
  await makeOwn();
  if (openCapsuleId.value === undefined) selectFirst();
}

async function makeOwn(): Promise<void> {
  if (listed.value.some(({ isOwn }) => isOwn)) return;
  try {
    await account().keepsake.capsules.own();
  } catch (error) {
    if (!(error instanceof KeepsakeError) || error.code !== "not_admitted") throw error;
    // Whoever has a role in a capsule, or is asked into one, uses it, though the host is by invitation.
    const mayUseAnother = invited.value !== undefined || capsules.value.some(({ accepted }) => accepted);
    if (!mayUseAnother) notify("error", explain(error));
  }
  await refreshCapsules();
}

/** Asks again. A capsule that is open and no longer there is closed, and the person is told. */
export async function refreshCapsules(): Promise<void> {
  const before = openCapsule.value;
  const found = await ofPerson();
  if (!sameCapsules(listed.value, found)) listed.value = found;
  await Promise.all([refreshVisited(), refreshLetInto()]);
  if (before !== undefined && openCapsule.value === undefined && openCapsuleId.value === before.id) {
    // A visitor has no other one: the page starts again and says so.
    if (account().isVisitor) location.reload();
    notify("error", text.notices.accessGone(capsuleName(before)));
    selectFirst();
  }
}

/** Asks again and opens one that this person has been let into; none: they were let onto the host. */
export async function openLetInto(id: CapsuleId | undefined): Promise<void> {
  await Promise.all([refreshCapsules(), loadPeople()]);
  if (id !== undefined) return await openOf(id);
  await makeOwn();
  if (openCapsuleId.value === undefined) selectFirst();
}

/** Opens one that this person has a role in, also where the list had no room for it. */
async function openOf(id: CapsuleId): Promise<void> {
  if (!listed.value.some((capsule) => capsule.id === id)) {
    const found = await lookUp(account().keepsake, id);
    if (found !== undefined) letInto.value = [...letInto.value, found];
  }
  selectCapsule(id);
}

async function ofPerson(): Promise<CapsuleHeader[]> {
  const { keepsake, isVisitor, isByLink, isLinkOver } = account();
  // Whatever a key has that is no link's, it is not what the link showed.
  if (isVisitor && (!isByLink || isLinkOver)) return [];
  const found = await keepsake.capsules.list();
  if (firstOwnId.value === undefined && found.filter(({ isOwn }) => isOwn).length > 1) {
    firstOwnId.value = await keepsake.capsules.ownId();
  }
  return ordered(found);
}

async function refreshVisited(): Promise<void> {
  const id = visited.value?.id;
  if (id === undefined) return;
  const found = await lookUp(account().keepsake, id);
  // Meanwhile another one may have been opened.
  if (visited.value?.id === id && !sameCapsule(visited.value, found)) visited.value = found;
}

async function refreshLetInto(): Promise<void> {
  const before = letInto.value;
  if (before.length === 0) return;
  const found = await Promise.all(before.map(({ id }) => lookUp(account().keepsake, id)));
  const now = found.filter((capsule) => capsule !== undefined);
  if (letInto.value === before && !sameCapsules(before, now)) letInto.value = now;
}

export function selectCapsule(id: CapsuleId): void {
  if (visited.value?.id !== id) visited.value = undefined;
  openCapsuleId.value = id;
  if (capsuleInAddress() !== id) history.replaceState(null, "", addressOf(id));
}

/** What stands behind the `#` while a capsule is open, or one of its memories is looked at: of a link, its secret. */
export function addressOf(id: CapsuleId | undefined, memory?: MemoryId): string {
  if (account().isByLink) return location.hash;
  return memory === undefined ? `#${id ?? ""}` : `#${id ?? ""}/${memory}`;
}

export async function createCapsule(subject: string): Promise<void> {
  const made = await account().keepsake.capsules.createAbout(subject);
  await refreshCapsules();
  selectCapsule(made.id);
}

// Another capsule's address, in a page that is open already. Whoever looks by a link leaves that by it.
async function followHash(): Promise<void> {
  if (account().isByLink) location.reload();
  else await openAddress();
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

/** Capsules that this person left: they are off the list at once, and another one is opened. */
export function closeLeft(left: ReadonlySet<CapsuleId>): void {
  listed.value = listed.value.filter(({ id }) => !left.has(id));
  letInto.value = letInto.value.filter(({ id }) => !left.has(id));
  if (openCapsuleId.value !== undefined && left.has(openCapsuleId.value)) selectFirst();
}

// What was given and not accepted opens for whoever asks for it only: nobody chose its name.
function selectFirst(): void {
  const first = [...listed.value, ...letInto.value].find(({ accepted }) => accepted);
  if (first !== undefined) {
    selectCapsule(first.id);
  } else {
    openCapsuleId.value = undefined;
    // The address of a link stays, so that the page says that it ended when it is loaded again.
    if (!account().isByLink) history.replaceState(null, "", location.pathname + location.search);
  }
}

// The own capsule first: it is where photos go unless the person says otherwise. What nobody asked for comes last.
function ordered(found: CapsuleHeader[]): CapsuleHeader[] {
  const rank = (capsule: CapsuleHeader) =>
    Number(isFirst(capsule)) * 4 + Number(capsule.isOwn) * 2 + Number(capsule.accepted);
  return [...found].sort((a, b) => rank(b) - rank(a));
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
    a.accepted === b.accepted &&
    a.creatorName === b.creatorName &&
    a.memoryCount === b.memoryCount &&
    a.updatedAt.getTime() === b.updatedAt.getTime()
  );
}
