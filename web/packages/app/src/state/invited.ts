// The invitation that the address carries: who invites into what, and whether this person says yes.
// It owns the invitation while the question is open; the code does not stay in the address.

import { type CapsuleId, type Invitation, KeepsakeError } from "@keepsake/sdk";
import { signal } from "@preact/signals";
import { bytes } from "../format.js";
import { text } from "../text.js";
import { account } from "./account.js";
import { cameAsNew } from "./coming-in.js";
import { explain } from "./explain.js";
import { notify } from "./notices.js";
import { inviteInAddress } from "./visit.js";

/**
 * What is asked now: into a capsule one is not brought without a yes, as what one adds there others see; nor is what one has
 * on the host changed.
 */
export const invited = signal<{ code: string; invitation: Invitation } | undefined>(undefined);

/**
 * Takes the code out of the address and looks at what it opens. Onto the host, whoever has nothing here yet redeems it at once;
 * else it is asked for. The capsule is given where this person said yes before.
 */
export async function takeInvitation(): Promise<CapsuleId | undefined> {
  const code = inviteInAddress();
  if (code === undefined) return undefined;
  history.replaceState(null, "", location.pathname + location.search);
  try {
    return await lookAt(code);
  } catch (error) {
    notify("error", explainCode(error));
    return undefined;
  }
}

/** This person says yes. */
export async function acceptInvitation(): Promise<CapsuleId | undefined> {
  if (invited.value === undefined) return undefined;
  const { code } = invited.value;
  const { capsule, invitation } = await account().keepsake.invitations.redeem(code);
  invited.value = undefined;
  if (capsule === undefined) tellOntoHost(invitation);
  else notify("info", text.notices.invitedInto);
  return capsule?.id;
}

/**
 * Looks at what a code opens, in whichever form somebody has it, and asks or redeems it as {@link takeInvitation} does.
 */
export async function lookAt(code: string): Promise<CapsuleId | undefined> {
  const { invitations } = account().keepsake;
  let invitation: Invitation;
  try {
    invitation = await invitations.read(code);
  } catch (error) {
    // Whoever has what it gave comes in by it again: from then on it gives nothing more, to nobody.
    if (!isOver(error)) throw error;
    return (await invitations.redeem(code)).capsule?.id;
  }
  const { into } = invitation;
  if (into.kind === "account") notify("error", text.invites.forDevice);
  else if (into.kind === "capsule" || !(await isNewHere())) invited.value = { code, invitation };
  else {
    await invitations.redeem(code);
    tellOntoHost(invitation);
  }
  return undefined;
}

/** Has nothing here that an invitation could change: its limit would be that of an account that had none. */
async function isNewHere(): Promise<boolean> {
  return cameAsNew() || (await account().keepsake.whoami()).standing === "stranger";
}

function tellOntoHost({ into }: Invitation): void {
  const room = into.kind === "host" ? into.quotaBytes : undefined;
  notify("info", room === undefined ? text.notices.invitedHere : text.invites.invitedHere(bytes(room)));
}

function isOver(error: unknown): boolean {
  return error instanceof KeepsakeError && ["code_used", "code_expired"].includes(error.code ?? "");
}

/** What is wrong with a code, as it was told to somebody who was invited. */
export function explainCode(error: unknown): string {
  const code = error instanceof KeepsakeError ? error.code : undefined;
  switch (code) {
    case "code_used":
      return text.invites.used;
    case "code_expired":
      return text.invites.expired;
    case "code_unknown":
      return text.invites.unknown;
    case "code_malformed":
      return text.invites.malformed;
    // Of words, the message says which one, or how many.
    case "words_count":
    case "word_unknown":
    case "words_checksum":
      return sentence(error);
    default:
      return explain(error);
  }
}

function sentence(error: unknown): string {
  const message = error instanceof Error ? error.message : "";
  return `${message.slice(0, 1).toUpperCase()}${message.slice(1)}.`;
}
