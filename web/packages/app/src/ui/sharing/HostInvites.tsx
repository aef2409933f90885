// Invitations onto the host, for whoever controls it. It owns their list.

import type { Invitation } from "@keepsake/sdk";
import { useEffect, useState } from "preact/hooks";
import { account } from "../../state/account.js";
import { text } from "../../text.js";
import { Failure } from "../Failure.js";
import { Modal } from "../Modal.js";
import { useDeed } from "../use-deed.js";
import { Invite } from "./Invite.js";

export function HostInvites({ onClose }: { onClose: () => void }) {
  const [invitations, setInvitations] = useState<readonly Invitation[]>([]);
  const { failure, run } = useDeed();
  const load = async () => {
    await run(async () => setInvitations(await account().keepsake.invitations.list()));
  };
  useEffect(() => {
    void load();
  }, []);
  return (
    <Modal title={text.invites.toHost} class="sharing" onClose={onClose}>
      <p class="quiet">{text.invites.toHostHelp}</p>
      <Failure>{failure}</Failure>
      <Invite invitations={invitations} reload={load} />
    </Modal>
  );
}
