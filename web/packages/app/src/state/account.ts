// Who is here, and the connected client. It owns how the page starts: find the service, get an identity, connect.

import type { Identity } from "@icp-sdk/core/agent";
import { browserIdentity, Keepsake, keptBrowserIdentity } from "@keepsake/sdk";
import { signal } from "@preact/signals";
import type { ServiceAddress } from "../canister-address.js";
import { findService } from "../service-address.js";
import { explain } from "./explain.js";
import { forgetKeptFiles } from "./kept-files.js";
import { forgetAllMissing } from "./missing-files.js";
import { capsuleInAddress, lookUp } from "./visit.js";

export interface Account {
  keepsake: Keepsake;
  principal: string;
  address: ServiceAddress;
  /** Nobody in particular, who opened the link of a public capsule: has no key, and is given nothing to keep. */
  isVisitor: boolean;
}

export type Start =
  | { state: "opening" }
  | { state: "signed-out"; address: ServiceAddress }
  | { state: "failed"; message: string }
  | { state: "ready"; account: Account };

export const start = signal<Start>({ state: "opening" });

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
    const identity = await (address.isInternetComputer ? signedIn() : keptBrowserIdentity());
    if (identity !== undefined) await connect(address, identity);
    else if (await isOpenToAll(address)) await connect(address);
    else if (address.isInternetComputer) start.value = { state: "signed-out", address };
    else await connect(address, await browserIdentity());
  } catch (error) {
    start.value = { state: "failed", message: explainStart(error) };
  }
}

/** Call it from a click: the window opens within it, or not at all, so nothing may be waited for before. */
export async function signIn(address: ServiceAddress): Promise<void> {
  try {
    const identity = internetIdentity?.signIn();
    if (identity !== undefined) await connect(address, await identity);
  } catch (error) {
    start.value = { state: "failed", message: explainStart(error) };
  }
}

/** A visitor becomes somebody. Call it from a click, as {@link signIn}; the page starts again then. */
export async function enter(): Promise<void> {
  if (account().address.isInternetComputer) {
    await internetIdentity?.signIn();
  } else {
    await browserIdentity();
    // To the capsule of their own.
    history.replaceState(null, "", location.pathname + location.search);
  }
  location.reload();
}

export async function signOut(): Promise<void> {
  await internetIdentity?.signOut();
  // Nothing of the person stays in the page, nor in the browser.
  forgetAllMissing();
  await forgetKeptFiles();
  location.reload();
}

async function signedIn(): Promise<Identity | undefined> {
  internetIdentity = await import("../identity/internet-identity.js");
  return await internetIdentity.signedInIdentity();
}

/** Whether the address names a capsule that everybody may see. */
async function isOpenToAll(address: ServiceAddress): Promise<boolean> {
  const id = capsuleInAddress();
  return id !== undefined && (await lookUp(await clientOf(address), id)) !== undefined;
}

async function connect(address: ServiceAddress, identity?: Identity): Promise<void> {
  const keepsake = await clientOf(address, identity);
  const principal = keepsake.principal.toText();
  const isVisitor = identity === undefined;
  start.value = { state: "ready", account: { keepsake, principal, address, isVisitor } };
}

async function clientOf(address: ServiceAddress, identity?: Identity): Promise<Keepsake> {
  const { host, assetHost, canisterId } = address;
  return await Keepsake.connect({ host, assetHost, canisterId, identity });
}

/** At the start, an Error of our own says what to do; one of the SDK is explained as anywhere. */
export function explainStart(error: unknown): string {
  return error instanceof Error && error.name === "Error" ? error.message : explain(error);
}
