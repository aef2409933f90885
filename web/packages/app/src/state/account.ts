// Who is here, and the connected client. It owns how the page starts: find the service, get an identity, connect.
// How a browser that has no key comes in is in coming-in.ts.

import type { Identity } from "@icp-sdk/core/agent";
import {
  forgetPasskeySession,
  Keepsake,
  keptIdentity,
  keptPasskeySession,
  linkIdentity,
  type ParsedLink,
  parseLink,
} from "@keepsake/sdk";
import { signal } from "@preact/signals";
import type { ServiceAddress } from "../canister-address.js";
import { findService } from "../service-address.js";
import { text } from "../text.js";
import { explain } from "./explain.js";
import { forgetKeptFiles } from "./kept-files.js";
import { forgetKnownDevices, wasRemoved } from "./known-devices.js";
import { forgetAllMissing } from "./missing-files.js";
import { capsuleInAddress, joinInAddress, linkInAddress, lookUp } from "./visit.js";

/** Whose key signs: one that this browser keeps, a session that one holds by a passkey or Internet Identity, or a link's. */
export type SignedBy = "browser" | "passkey" | "internet-identity" | "link" | "nobody";

export interface Account {
  keepsake: Keepsake;
  /** Of the account that this browser's key acts for, which began with another key where the browser joined it. */
  principal: string;
  address: ServiceAddress;
  /** Nobody in particular, who opened the link of a public capsule: has no key, and is given nothing to keep. */
  isVisitor: boolean;
  /** A visitor who came by a link, whose secret is the key. It stays in the address, and nowhere else. */
  isByLink: boolean;
  /** By a link that shows nothing: it ended, or nobody made it. */
  isLinkOver: boolean;
  signedBy: SignedBy;
}

export type Start =
  | { state: "opening" }
  /** By a link that has a password, which somebody is asked for. */
  | { state: "locked"; address: ServiceAddress; secret: ParsedLink["secret"] }
  /** Nobody is here yet. `removed`: by what this browser came in before; it was a device of somebody, and is no longer. */
  | { state: "new"; address: ServiceAddress; removed?: SignedBy }
  /** The address has a code by which this browser is to become a device of somebody's account. */
  | { state: "joining"; address: ServiceAddress; code: string; removed?: SignedBy }
  /** Whoever runs the host shut this person out. */
  | { state: "blocked"; address: ServiceAddress }
  | { state: "failed"; message: string }
  | { state: "ready"; account: Account };

export const start = signal<Start>({ state: "opening" });
let hasOpened = false;

/** The account of a page that is open. Only for code that runs in the open page. */
export function account(): Account {
  if (start.value.state !== "ready") throw new Error("the page is not open yet");
  return start.value.account;
}

/** There once the page has asked whether somebody is signed in: on the Internet Computer only. */
let internetIdentity: typeof import("../identity/internet-identity.js") | undefined;

export async function open(): Promise<void> {
  start.value = { state: "opening" };
  try {
    const address = await findService();
    const link = linkInAddress();
    if (link !== undefined) {
      const { secret, hasPassword } = parseLink(link);
      if (hasPassword) start.value = { state: "locked", address, secret };
      else await connect(address, { identity: await linkIdentity(secret), signedBy: "link" });
      return;
    }
    const code = joinInAddress();
    const signer = await keptSigner(address);
    if (code !== undefined) {
      leaveAddress();
      start.value = { state: "joining", address, code, removed: await thrownOut(address, signer) };
    } else if (signer !== undefined) await connect(address, signer);
    else if (await isOpenToAll(address)) await connect(address, nobody);
    // Without https a browser keeps no key: said now, not after somebody has chosen.
    else if (!globalThis.isSecureContext) throw new Error(text.errors.insecure);
    else start.value = { state: "new", address };
  } catch (error) {
    start.value = { state: "failed", message: explainStart(error) };
  }
}

/** Call it from a click: the window opens within it, or not at all, so nothing may be waited for before. */
export async function signIn(address: ServiceAddress): Promise<void> {
  try {
    const identity = internetIdentity?.signIn();
    if (identity !== undefined) {
      await connect(address, { identity: await identity, signedBy: "internet-identity" });
    }
  } catch (error) {
    start.value = { state: "failed", message: explainStart(error) };
  }
}

/** Opens a link that has a password. False where nothing is opened by this one: another password makes another key. */
export async function unlock(password: string): Promise<boolean> {
  if (start.value.state !== "locked") return true;
  const { address, secret } = start.value;
  const identity = await linkIdentity(secret, password);
  const { standing } = await (await clientOf(address, identity)).whoami();
  if (standing !== "link" && standing !== "linkExpired") return false;
  await connect(address, { identity, signedBy: "link" });
  return true;
}

/** A visitor becomes somebody, or whose sign-in ended signs in again. Call it from a click, as {@link signIn}. */
export async function enter(): Promise<void> {
  const { address } = account();
  if (address.isInternetComputer) {
    await internetIdentity?.signIn();
    location.reload();
    return;
  }
  leaveAddress();
  start.value = { state: "new", address };
}

/** Ends a session by Internet Identity or by a passkey. */
export async function signOut(): Promise<void> {
  await internetIdentity?.signOut();
  await forgetPasskeySession();
  // Nothing of the person stays in the page, nor in the browser.
  forgetKnownDevices();
  forgetAllMissing();
  await forgetKeptFiles();
  location.reload();
}

export interface Signer {
  identity?: Identity;
  signedBy: SignedBy;
}
const nobody: Signer = { signedBy: "nobody" };

/** By whose key this browser came in before. */
export async function keptSigner(address: ServiceAddress): Promise<Signer | undefined> {
  if (address.isInternetComputer) {
    internetIdentity = await import("../identity/internet-identity.js");
    const identity = await internetIdentity.signedInIdentity();
    if (identity !== undefined) return { identity, signedBy: "internet-identity" };
  }
  const identity = await keptIdentity();
  if (identity !== undefined) return { identity, signedBy: "browser" };
  const session = await keptPasskeySession();
  return session && { identity: session.identity, signedBy: "passkey" };
}

/** By what this browser came in before, where that was a device of somebody and is no longer. */
async function thrownOut(address: ServiceAddress, signer: Signer | undefined): Promise<SignedBy | undefined> {
  if (signer === undefined) return undefined;
  const who = await (await clientOf(address, signer.identity)).whoami();
  return wasRemoved(who) ? signer.signedBy : undefined;
}

/** Whether the address names a capsule that everybody may see. */
async function isOpenToAll(address: ServiceAddress): Promise<boolean> {
  const id = capsuleInAddress();
  return id !== undefined && (await lookUp(await clientOf(address), id)) !== undefined;
}

async function connect(address: ServiceAddress, { identity, signedBy }: Signer): Promise<void> {
  const keepsake = await clientOf(address, identity);
  const isByLink = signedBy === "link";
  const isVisitor = isByLink || signedBy === "nobody";
  const who = signedBy === "nobody" ? undefined : await keepsake.whoami();
  const isLinkOver = isByLink && who?.standing !== "link";
  if (!isVisitor && who?.standing === "blocked") return await shutOut(address);
  if (!isVisitor && who !== undefined && wasRemoved(who)) {
    start.value = { state: "new", address, removed: signedBy };
    return;
  }
  const principal = (who?.account ?? keepsake.principal).toText();
  const account = { keepsake, principal, address, isVisitor, isByLink, isLinkOver, signedBy };
  start.value = { state: "ready", account };
  hasOpened = true;
}

/** What everybody may see, they may too. */
async function shutOut(address: ServiceAddress): Promise<void> {
  if (await isOpenToAll(address)) await connect(address, nobody);
  else start.value = { state: "blocked", address };
}

/** Somebody came in, or left: the page starts for whoever is here now. */
export async function openAgain(): Promise<void> {
  // A page that was open has lists and clocks of whom it was opened for.
  if (hasOpened) location.reload();
  else await open();
}

/** What the address named is done: the page goes on to the capsule of one's own. */
export function leaveAddress(): void {
  history.replaceState(null, "", location.pathname + location.search);
}

export async function clientOf(address: ServiceAddress, identity?: Identity): Promise<Keepsake> {
  const { host, assetHost, canisterId } = address;
  return await Keepsake.connect({ host, assetHost, canisterId, identity });
}

/** At the start, an Error of our own says what to do; one of the SDK is explained as anywhere. */
export function explainStart(error: unknown): string {
  return error instanceof Error && error.name === "Error" ? error.message : explain(error);
}
