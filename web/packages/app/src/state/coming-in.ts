// How somebody comes in with a browser: as new, by a code from another device, by the words of a recovery sheet, or by a
// passkey. Owns that a way that fails leaves no key behind.

import type { Identity } from "@icp-sdk/core/agent";
import {
  codeFromWords,
  forgetIdentity,
  forgetPasskeySession,
  type Invitation,
  type Keepsake,
  keepIdentity,
  recoveryIdentity,
  usePasskey,
} from "@keepsake/sdk";
import type { ServiceAddress } from "../canister-address.js";
import { text } from "../text.js";
import { clientOf, keptSigner, openAgain, type SignedBy, start } from "./account.js";
import { deviceName } from "./device-name.js";
import { forgetKnownDevices } from "./known-devices.js";

let hasMadeKey = false;

/** This page made the key that this browser has, for somebody who said that they are new. */
export function cameAsNew(): boolean {
  return hasMadeKey;
}

/** A key of this browser's own, and with it an account that has nothing yet. */
export async function comeAsNew(address: ServiceAddress): Promise<void> {
  await withKey(address, async (_, isNew) => {
    hasMadeKey = isNew;
  });
}

/** What a code opens, before anything is done with it. `typed`: its words, its 22 characters, or an address that ends in it. */
export async function readCode(address: ServiceAddress, typed: string): Promise<Invitation> {
  const code = await codeFromWords(typed);
  return await (await clientOf(address)).invitations.read(code);
}

/** This browser becomes a device of the account that the code is for. An invitation is redeemed once the page is open. */
export async function comeByCode(address: ServiceAddress, typed: string): Promise<void> {
  const code = await codeFromWords(typed);
  if ((await readCode(address, code)).into.kind !== "account") {
    history.replaceState(null, "", `#invite=${code}`);
    await comeAsNew(address);
    return;
  }
  await withKey(address, async (identity) => {
    await (await clientOf(address, identity)).devices.join(code, deviceName());
  });
}

/** This browser becomes a device of the account that the 24 words of a recovery sheet belong to. The words are forgotten. */
export async function comeByWords(address: ServiceAddress, words: string): Promise<void> {
  const keepsake = await clientOf(address, await recoveryIdentity(words));
  const { account, standing } = await keepsake.whoami();
  if (standing === "removed") throw new Error(text.comeBack.sheetRemoved);
  if (account.toText() === keepsake.principal.toText()) throw new Error(text.comeBack.wordsOfNobody);
  await becomeDevice(address, keepsake);
}

/**
 * Call it from a click. `stays`: this browser becomes a device itself; else the session ends after some hours, or by hand. A
 * browser that has a key already always becomes one.
 */
export async function comeByPasskey(address: ServiceAddress, stays: boolean): Promise<void> {
  const anybody = await clientOf(address);
  const session = await usePasskey({
    find: (credentialId) => anybody.devices.findPasskey(credentialId),
    persist: stays ? "session" : "keep",
  });
  const keepsake = await clientOf(address, session.identity);
  if ((await keepsake.whoami()).standing === "removed") {
    await forgetPasskeySession();
    throw new Error(text.comeBack.passkeyRemoved);
  }
  if (stays) return await becomeDevice(address, keepsake);
  // The session of a passkey that was removed is replaced already.
  if (removed() === "browser") await forgetIdentity();
  forgetKnownDevices();
  await openAgain();
}

async function becomeDevice(address: ServiceAddress, keepsake: Keepsake): Promise<void> {
  await withKey(address, (identity) => keepsake.devices.add(identity, deviceName()));
}

/** Lets the key of this browser come in by `way`, and opens the page. A key that was made for it goes where the way fails. */
async function withKey(
  address: ServiceAddress,
  way: (identity: Identity, isNew: boolean) => Promise<void>,
): Promise<void> {
  await forgetRemoved();
  const kept = (await keptSigner(address))?.identity;
  const identity = kept ?? (await keepIdentity()).identity;
  try {
    await way(identity, kept === undefined);
  } catch (error) {
    if (kept === undefined) await forgetIdentity();
    throw error;
  }
  forgetKnownDevices();
  await openAgain();
}

/** A key that was removed from its account is no way in any more. */
async function forgetRemoved(): Promise<void> {
  if (removed() === "browser") await forgetIdentity();
  if (removed() === "passkey") await forgetPasskeySession();
}

function removed(): SignedBy | undefined {
  return "removed" in start.value ? start.value.removed : undefined;
}
