// Leaves the open capsule, after a question; the last owner is told what to do before. It owns the question.

import type { Capsule } from "@keepsake/sdk";
import { useState } from "preact/hooks";
import { account } from "../../state/account.js";
import { leave } from "../../state/given.js";
import { notify } from "../../state/notices.js";
import { isLastOwner } from "../../state/sharing.js";
import { text } from "../../text.js";
import { Confirm } from "../Confirm.js";
import { Failure } from "../Failure.js";
import { useDeed } from "../use-deed.js";

export interface LeaveCapsuleProps {
  capsule: Capsule;
  name: string;
  onLeft: () => void;
}

export function LeaveCapsule({ capsule, name, onLeft }: LeaveCapsuleProps) {
  const [isAsking, setAsking] = useState(false);
  const { failure, run } = useDeed();
  const { principal } = account();
  const isMember = capsule.members.some((member) => member.principal.toText() === principal);
  if (!isMember) return null;
  // Who was made an owner and never said yes may go all the same.
  if (capsule.accepted && isLastOwner(capsule, principal)) {
    return capsule.members.length > 1 ? <p class="part quiet">{text.capsule.lastOwner}</p> : null;
  }
  return (
    <div class="part">
      <p>
        <button type="button" class="danger" onClick={() => setAsking(true)}>
          {text.capsule.leave}
        </button>
      </p>
      <Failure>{failure}</Failure>
      {isAsking ? (
        <Confirm
          title={text.capsule.leaveTitle(name)}
          lead={text.capsule.leaveLead}
          action={text.capsule.leave}
          onCancel={() => setAsking(false)}
          onConfirm={async () => {
            const isLeft = await run(() => leave(capsule.id));
            setAsking(false);
            if (!isLeft) return;
            notify("info", text.notices.left(name));
            onLeft();
          }}
        />
      ) : null}
    </div>
  );
}
