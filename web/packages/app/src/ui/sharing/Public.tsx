// Whether the capsule is public, apart from links that nobody can guess, and its address. It owns no state that lasts:
// everybody is a member like others, the anonymous principal as a guest.

import { Principal } from "@icp-sdk/core/principal";
import type { Capsule } from "@keepsake/sdk";
import { useId } from "preact/hooks";
import { account } from "../../state/account.js";
import { capsuleLink } from "../../state/capsules.js";
import { notify } from "../../state/notices.js";
import { loadShared } from "../../state/sharing.js";
import { text } from "../../text.js";
import { CopyLine } from "../CopyLine.js";
import { Failure } from "../Failure.js";
import { useDeed } from "../use-deed.js";

export function Public({ capsule, isOwner }: { capsule: Capsule; isOwner: boolean }) {
  const helpId = useId();
  const { isBusy, failure, run } = useDeed();
  const isPublic = capsule.members.some(({ principal }) => principal.isAnonymous());
  const set = async (wanted: boolean) => {
    const { capsules } = account().keepsake;
    const everybody = Principal.anonymous();
    const isDone = await run(() =>
      wanted ? capsules.grant(capsule.id, everybody, "guest") : capsules.revoke(capsule.id, everybody),
    );
    if (isDone) notify("info", wanted ? text.notices.madePublic : text.notices.madePrivate);
    await loadShared();
  };
  return (
    <section class="part link-sharing" aria-labelledby="public-title">
      <h3 id="public-title">{text.sharing.public}</h3>
      {isOwner ? (
        <label class="switch">
          <input
            type="checkbox"
            checked={isPublic}
            disabled={isBusy}
            aria-describedby={helpId}
            onChange={(event) => void set(event.currentTarget.checked)}
          />
          {text.sharing.anyone}
        </label>
      ) : null}
      <Failure>{failure}</Failure>
      <p class="quiet" id={helpId}>
        {isPublic ? text.sharing.linkOpensForAll : text.sharing.linkOpensForMembers}
      </p>
      <CopyLine value={capsuleLink(capsule.id)} label={text.sharing.copyLink} />
    </section>
  );
}
