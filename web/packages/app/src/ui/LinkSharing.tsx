// The capsule's link, and whether it opens for everybody or for the members alone. It owns no state that lasts:
// everybody is a member like others, the anonymous principal as a guest.

import { useId } from "preact/hooks";
import { capsuleLink } from "../state/capsules.js";
import { text } from "../text.js";
import { CopyLine } from "./CopyLine.js";

export interface LinkSharingProps {
  capsuleId: string;
  isPublic: boolean;
  /** Grants or revokes; left out where the person may not. */
  onChange?: (isPublic: boolean) => Promise<void>;
}

export function LinkSharing({ capsuleId, isPublic, onChange }: LinkSharingProps) {
  const helpId = useId();
  return (
    <section class="link-sharing" aria-label={text.sharing.link}>
      <h3>{text.sharing.link}</h3>
      {onChange === undefined ? null : (
        <label class="switch">
          <input
            type="checkbox"
            checked={isPublic}
            aria-describedby={helpId}
            onChange={(event) => void onChange(event.currentTarget.checked)}
          />
          {text.sharing.anyone}
        </label>
      )}
      <p class="quiet" id={helpId}>
        {isPublic ? text.sharing.linkOpensForAll : text.sharing.linkOpensForMembers}
      </p>
      <CopyLine value={capsuleLink(capsuleId)} label={text.sharing.copyLink} />
    </section>
  );
}
