// Who is here, and the connected client. It owns how the page starts: find the service, get an identity, connect.

import type { Identity } from "@icp-sdk/core/agent";
import { Keepsake } from "@keepsake/sdk";
import { signal } from "@preact/signals";
import type { ServiceAddress } from "../canister-address.js";
import { browserIdentity } from "../identity/browser-key.js";
import { findService } from "../service-address.js";
import { explain } from "./explain.js";

export interface Account {
  keepsake: Keepsake;
  principal: string;
  address: ServiceAddress;
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
    const identity = address.isInternetComputer ? await signedIn() : await browserIdentity();
    if (identity === undefined) start.value = { state: "signed-out", address };
    else await connect(address, identity);
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

export async function signOut(): Promise<void> {
  await internetIdentity?.signOut();
  // Nothing of the person stays in the page.
  location.reload();
}

async function signedIn(): Promise<Identity | undefined> {
  internetIdentity = await import("../identity/internet-identity.js");
  return await internetIdentity.signedInIdentity();
}

async function connect(address: ServiceAddress, identity: Identity): Promise<void> {
  const { host, assetHost, canisterId } = address;
  const keepsake = await Keepsake.connect({ host, assetHost, canisterId, identity });
  const principal = keepsake.principal.toText();
  start.value = { state: "ready", account: { keepsake, principal, address } };
}

// At the start, an Error of our own says what to do; one of the SDK is explained as anywhere.
function explainStart(error: unknown): string {
  return error instanceof Error && error.name === "Error" ? error.message : explain(error);
}
