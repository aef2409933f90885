// Draws the dialog that is open, and the viewer. It owns which component belongs to which name.

import { openDialog, viewedId } from "../state/dialogs.js";
import { AccountDialog } from "./AccountDialog.js";
import { GivenDialog } from "./GivenDialog.js";
import { InvitationDialog } from "./InvitationDialog.js";
import { NewCapsuleDialog } from "./NewCapsuleDialog.js";
import { SessionsDialog } from "./SessionsDialog.js";
import { SharingDialog } from "./SharingDialog.js";
import { Viewer } from "./Viewer.js";

export function Dialogs() {
  return (
    <>
      <Named />
      {viewedId.value === undefined ? null : <Viewer id={viewedId.value} />}
      <InvitationDialog />
    </>
  );
}

function Named() {
  switch (openDialog.value) {
    case "account":
      return <AccountDialog onClose={close} />;
    case "new-capsule":
      return <NewCapsuleDialog onClose={close} />;
    case "sharing":
      return <SharingDialog onClose={close} />;
    case "sessions":
      return <SessionsDialog onClose={close} />;
    case "given":
      return <GivenDialog onClose={close} />;
    case undefined:
      return null;
  }
}

function close(): void {
  openDialog.value = undefined;
}
