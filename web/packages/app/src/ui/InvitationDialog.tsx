// The question whether this person comes into the capsule that they were invited into, or takes what is offered them on the host.
// It owns the wait for the answer.

import type { Invitation } from "@keepsake/sdk";
import { bytes, isolated, shownName } from "../format.js";
import { openLetInto } from "../state/capsules.js";
import { acceptInvitation, explainCode, invited } from "../state/invited.js";
import { nameWithPrincipal } from "../state/people.js";
import { text } from "../text.js";
import { Failure } from "./Failure.js";
import { Modal } from "./Modal.js";
import { useDeed } from "./use-deed.js";

export function InvitationDialog() {
  const { isBusy, failure, run } = useDeed(explainCode);
  if (invited.value === undefined) return null;
  const { into, invitedBy, invitedByName } = invited.value.invitation;
  if (into.kind === "account") return null;
  const maker = nameWithPrincipal({ principal: invitedBy, name: invitedByName });
  const close = () => {
    invited.value = undefined;
  };
  return (
    <Modal title={text.invites.question(isolated(maker))} class="confirm" onClose={close}>
      {into.kind === "capsule" ? <IntoCapsule into={into} /> : <OntoHost into={into} />}
      <p class="quiet">{text.invites.declineHelp}</p>
      <Failure>{failure}</Failure>
      <div class="modal-actions">
        <button type="button" onClick={close}>
          {text.invites.decline}
        </button>
        <button
          type="button"
          class="primary"
          disabled={isBusy}
          onClick={() => void run(async () => openLetInto(await acceptInvitation()))}
        >
          {text.invites.accept}
        </button>
      </div>
    </Modal>
  );
}

type Into<K> = Extract<Invitation["into"], { kind: K }>;

function IntoCapsule({ into }: { into: Into<"capsule"> }) {
  const name = shownName(into.name);
  return (
    <>
      <p>{name === undefined ? text.invites.leadUnnamed : text.invites.lead(isolated(name))}</p>
      <p>{text.invites.roles[into.role]}</p>
    </>
  );
}

/** Only whoever is somebody here is asked. */
function OntoHost({ into: { quotaBytes } }: { into: Into<"host"> }) {
  return (
    <>
      <p>{quotaBytes === undefined ? text.invites.leadHost : text.invites.leadHostRoom(bytes(quotaBytes))}</p>
      <p>{text.invites.hasAccount}</p>
    </>
  );
}
