// The devices of this person's account: their list, what is done with it, and what is told when it changes elsewhere. Owns the
// list, and that a page whose device was removed starts anew.

import { createPasskey, type Device, type Passkey, recoveryIdentity, usePasskey } from "@keepsake/sdk";
import { computed, signal } from "@preact/signals";
import { date, shownName } from "../format.js";
import { text } from "../text.js";
import { account, openAgain } from "./account.js";
import { capsules } from "./capsules.js";
import { deviceName } from "./device-name.js";
import { compareDevices } from "./known-devices.js";
import { notify } from "./notices.js";
import { noteStanding } from "./people.js";

export const devices = signal<readonly Device[]>([]);
/** Whether the browser promised to keep the page's data when its disk is full. */
export const isPersisted = signal(true);

/** Something is kept, and one browser's key is all that opens it. */
export const needsSecondWay = computed(() => {
  const hasOne = devices.value.length === 1 && devices.value[0]?.isThis === true;
  const keepsSomething = capsules.value.some(({ isOwn, memoryCount }) => isOwn && memoryCount > 0);
  return hasOne && keepsSomething && account().signedBy === "browser";
});

export function deviceLabel({ name, isThis }: Pick<Device, "name" | "isThis">): string {
  return shownName(name) ?? (isThis ? deviceName() : text.devices.unnamed);
}

/** Asks who this browser is by now, and for the list where it has changed. */
export async function followDevices(): Promise<void> {
  const { keepsake, principal, isVisitor } = account();
  if (isVisitor) return;
  const who = await keepsake.whoami();
  noteStanding(who);
  if (who.account.toText() !== principal || who.standing === "removed" || who.standing === "blocked") {
    await openAgain();
  } else if (who.devices !== devices.value.length) {
    await loadDevices();
  }
}

export async function loadDevices(): Promise<void> {
  const { keepsake, principal } = account();
  const found = await keepsake.devices.list();
  const { added, removed } = compareDevices(principal, found);
  for (const name of added) notify("info", text.devices.came(nameOf(name)));
  for (const name of removed) notify("info", text.devices.went(nameOf(name)));
  await nameThis(found);
  devices.value = found.sort((a, b) => Number(b.isThis) - Number(a.isThis) || since(a) - since(b));
  isPersisted.value = (await navigator.storage?.persisted?.()) ?? false;
}

function nameOf(name: string): string {
  return deviceLabel({ name, isThis: false });
}

/** From the second device on, the others see what this one is called. The key that an account began with has no name. */
async function nameThis(found: readonly Device[]): Promise<void> {
  const self = found.find(({ isThis }) => isThis);
  if (found.length === 1 || self === undefined || self.name !== "" || self.isPasskey) return;
  await account().keepsake.devices.rename(self.principal, deviceName());
  self.name = deviceName();
}

function since({ addedAt }: Device): number {
  return addedAt?.getTime() ?? 0;
}

export async function renameDevice(device: Device, name: string): Promise<void> {
  await account().keepsake.devices.rename(device.principal, name.trim());
  await loadDevices();
}

export async function removeDevice(device: Device): Promise<void> {
  await account().keepsake.devices.remove(device.principal);
  await (device.isThis ? followDevices() : loadDevices());
}

/** Makes a passkey; it is a way in once it was used. Call it from a click. */
export async function makePasskey(): Promise<Passkey> {
  return await createPasskey({ name: text.devices.passkeyName(location.host) });
}

/** Lets a passkey that was made just now join the account: it is asked for its signature. Call it from a click. */
export async function joinPasskey(passkey: Passkey): Promise<void> {
  const find = async () => passkey.publicKey;
  const { identity } = await usePasskey({ find, allow: [passkey.credentialId] });
  const { keepsake } = account();
  await keepsake.devices.add(identity, text.devices.passkeyDevice(deviceName()), passkey);
  await loadDevices();
}

/** Lets the key of these 24 words join the account. */
export async function joinSheet(words: string): Promise<void> {
  const { keepsake } = account();
  await keepsake.devices.add(await recoveryIdentity(words), text.recovery.device(date(new Date())));
  await loadDevices();
}
