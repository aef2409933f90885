// What people are called here, and in which colour: by this person first, then by themselves, then by their principal.
// It owns the names that this person gave, and what the service says about this person.

import type { PersonLook, WhoAmI } from "@keepsake/sdk";
import { signal } from "@preact/signals";
import { shortPrincipal, shownName } from "../format.js";
import { text } from "../text.js";
import { account } from "./account.js";

/** Somebody as the service tells of them, with what they call themselves. */
export interface Person extends PersonLook {
  principal: { toText(): string };
}

/** What people choose from; white letters on each have a contrast of 4.5 or more. */
export const COLOURS = {
  red: 0xb3261e,
  orange: 0xa14a00,
  green: 0x2e7031,
  teal: 0x17635d,
  blue: 0x1f5fa8,
  violet: 0x6a4bb0,
  pink: 0xa62c6b,
  grey: 0x5b6670,
} as const;

/** What the service says about this person; none before it was asked, and for visitors. */
export const me = signal<WhoAmI | undefined>(undefined);
const given = signal<ReadonlyMap<string, PersonLook>>(new Map());

/** Asks for this person's name, and for those that they gave. Where nobody answers, principals stay. */
export async function loadPeople(): Promise<void> {
  const { keepsake, isVisitor } = account();
  if (isVisitor) return;
  try {
    const [who, names] = await Promise.all([keepsake.whoami(), keepsake.people.list()]);
    me.value = who;
    given.value = new Map(names.map(({ principal, name, colour }) => [principal.toText(), { name, colour }]));
  } catch {
    // Names are a help: what matters says itself what is wrong.
  }
}

/** What the host thinks of this person may change while the page is open. */
export function noteStanding(who: WhoAmI): void {
  if (me.value?.mayCreateCapsules !== who.mayCreateCapsules) me.value = who;
}

/** What this person calls somebody themselves. */
export function givenLook(principal: string): PersonLook {
  return given.value.get(principal) ?? {};
}

/** What somebody is called. Whoever named themselves may have any name: see {@link nameWithPrincipal}. */
export function nameOf(person: Person): string {
  return ownNameOf(person) ?? shownName(person.name) ?? shortPrincipal(person.principal.toText());
}

/** The same, with the principal where nothing but their own word says who they are. */
export function nameWithPrincipal(person: Person): string {
  const [name, short] = [nameOf(person), shortPrincipal(person.principal.toText())];
  const isSure = ownNameOf(person) !== undefined || name === short;
  return isSure ? name : text.people.withPrincipal(name, short);
}

export function hasName(person: Person): boolean {
  return (ownNameOf(person) ?? shownName(person.name)) !== undefined;
}

/** What this person calls somebody, or themselves. */
function ownNameOf({ principal }: Person): string | undefined {
  const id = principal.toText();
  return shownName(isMe(id) ? me.value?.name : givenLook(id).name);
}

/** Somebody's colour. Whom nobody gave one has one by the principal, so that people are told apart. */
export function colourOf({ principal, colour }: Person): number {
  const id = principal.toText();
  const own = isMe(id) ? me.value?.colour : givenLook(id).colour;
  return own ?? colour ?? byPrincipal(id);
}

export function isMe(principal: string): boolean {
  return principal === account().principal;
}

/** What this person calls somebody from now on, on all of their devices; nothing: what they call themselves. */
export async function nameSomebody(principal: string, look: PersonLook): Promise<void> {
  await account().keepsake.people.name(principal, look);
  given.value = new Map(given.value).set(principal, look);
}

/** What this person is called from now on. */
export async function nameMyself(look: PersonLook): Promise<void> {
  await account().keepsake.people.nameSelf(look);
  if (me.value !== undefined) me.value = { ...me.value, name: look.name, colour: look.colour };
}

function byPrincipal(principal: string): number {
  const all = Object.values(COLOURS);
  let sum = 0;
  for (const char of principal) sum = (sum * 31 + char.charCodeAt(0)) % 65_521;
  return all[sum % all.length] ?? COLOURS.grey;
}
