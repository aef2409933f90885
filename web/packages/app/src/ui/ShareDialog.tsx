// Shares some memories by a link that shows them and nothing else. It owns nothing that lasts.

import type { CapsuleId, MemoryId } from "@keepsake/sdk";
import { text } from "../text.js";
import { Modal } from "./Modal.js";
import { MakeLink } from "./sharing/MakeLink.js";

export interface ShareDialogProps {
  capsuleId: CapsuleId;
  /** One at least, all of that capsule. */
  memories: readonly MemoryId[];
  onClose: () => void;
}

export function ShareDialog({ capsuleId, memories, onClose }: ShareDialogProps) {
  return (
    <Modal title={text.links.shareTitle(memories.length)} class="sharing" onClose={onClose}>
      <p class="quiet">{text.links.shareHelp}</p>
      <MakeLink capsuleId={capsuleId} memories={memories} onDone={onClose} />
    </Modal>
  );
}
