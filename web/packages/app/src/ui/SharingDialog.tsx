// Who sees the open capsule, and every way to change that. It owns which sections there are; each section owns itself.

import { useEffect, useState } from "preact/hooks";
import { capsuleName, hasRole, openCapsule } from "../state/capsules.js";
import { me } from "../state/people.js";
import { loadShared, type Shared, shared, sharedError } from "../state/sharing.js";
import { text } from "../text.js";
import { Failure } from "./Failure.js";
import { Modal } from "./Modal.js";
import { About } from "./sharing/About.js";
import { ByPrincipal } from "./sharing/ByPrincipal.js";
import { HostInvites } from "./sharing/HostInvites.js";
import { Invite } from "./sharing/Invite.js";
import { LeaveCapsule } from "./sharing/LeaveCapsule.js";
import { Links } from "./sharing/Links.js";
import { People } from "./sharing/People.js";
import { Public } from "./sharing/Public.js";

export function SharingDialog(props: { onClose: () => void }) {
  const header = openCapsule.value;
  useEffect(() => {
    void loadShared();
  }, [header?.id]);
  if (header === undefined) return null;
  const now = shared.value;
  const isOwner = hasRole(header, "owner");
  const name = capsuleName(header);
  return (
    <Modal title={text.sharing.title(name)} class="sharing" onClose={props.onClose}>
      <Failure>{sharedError.value}</Failure>
      {now === undefined ? null : (
        <div class="parts" key={header.id}>
          <About capsule={now.capsule} isOwner={isOwner} />
          <People capsule={now.capsule} isOwner={isOwner} />
          {isOwner ? <ForOwners now={now} /> : null}
          <Public capsule={now.capsule} isOwner={isOwner} />
          {isOwner ? <ByPrincipal capsuleId={header.id} /> : null}
          <LeaveCapsule capsule={now.capsule} name={name} onLeft={props.onClose} />
        </div>
      )}
    </Modal>
  );
}

function ForOwners({ now }: { now: Shared }) {
  const { id } = now.capsule;
  return (
    <>
      <section class="part" aria-labelledby="invites-title">
        <h3 id="invites-title">{text.invites.title}</h3>
        <p class="quiet">{text.invites.help}</p>
        <Invite capsuleId={id} invitations={now.invitations} reload={loadShared} />
        {me.value?.isController ? <ToHost /> : null}
      </section>
      <Links capsuleId={id} links={now.links} />
    </>
  );
}

/** For whoever controls the host. */
function ToHost() {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <p>
        <button type="button" aria-haspopup="dialog" onClick={() => setOpen(true)}>
          {text.invites.toHost}
        </button>
      </p>
      {isOpen ? <HostInvites onClose={() => setOpen(false)} /> : null}
    </>
  );
}
