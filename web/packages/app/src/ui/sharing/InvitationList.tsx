// The invitations that were made and not taken back. It owns how one is said in a line.

import type { Invitation } from "@keepsake/sdk";
import { bytes, shownName } from "../../format.js";
import { text } from "../../text.js";
import { useMore } from "../use-more.js";
import { endInWords } from "./Ends.js";

export interface InvitationListProps {
  invitations: readonly Invitation[];
  onRevoke: (id: bigint) => Promise<void>;
}

export function InvitationList({ invitations, onRevoke }: InvitationListProps) {
  const { shown, more } = useMore(invitations);
  return (
    <>
      <ul>
        {shown.map((invitation) => {
          const name = shownName(invitation.label) ?? text.invites.unnamed;
          return (
            <li class="line" key={String(invitation.id)}>
              <div class="line-text">
                <bdi class="name">{name}</bdi>
                <span class="quiet">{inWords(invitation)}</span>
              </div>
              <button
                type="button"
                aria-label={text.invites.revokeNamed(name)}
                onClick={() => void onRevoke(invitation.id)}
              >
                {text.invites.revoke}
              </button>
            </li>
          );
        })}
      </ul>
      {more}
    </>
  );
}

function inWords({ into, uses, usesMax, expiresAt }: Invitation): string {
  const given =
    into.kind === "capsule"
      ? text.sharing.roles[into.role]
      : into.kind === "host" && into.quotaBytes !== undefined
        ? text.invites.roomOf(bytes(into.quotaBytes))
        : undefined;
  const parts = [given, text.invites.left(usesMax - uses, usesMax), endInWords(expiresAt)];
  return parts.filter((part) => part !== undefined).join(" · ");
}
