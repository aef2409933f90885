// A question before something that cannot be undone. It owns the wait for the deed.

import { useState } from "preact/hooks";
import { text } from "../text.js";
import { Modal } from "./Modal.js";

export interface ConfirmProps {
  title: string;
  lead: string;
  action: string;
  onCancel: () => void;
  onConfirm: () => Promise<void>;
}

export function Confirm(props: ConfirmProps) {
  const [isBusy, setBusy] = useState(false);
  return (
    <Modal title={props.title} class="confirm" onClose={props.onCancel}>
      <p>{props.lead}</p>
      <div class="modal-actions">
        <button type="button" onClick={props.onCancel}>
          {text.cancel}
        </button>
        <button
          type="button"
          class="danger"
          disabled={isBusy}
          onClick={() => {
            setBusy(true);
            void props.onConfirm().finally(() => setBusy(false));
          }}
        >
          {props.action}
        </button>
      </div>
    </Modal>
  );
}
