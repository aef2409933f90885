// Makes a capsule about a person, or takes an invitation into one that is there. It owns the form of the first.

import { useState } from "preact/hooks";
import { createCapsule } from "../state/capsules.js";
import { explain } from "../state/explain.js";
import { text } from "../text.js";
import { Modal } from "./Modal.js";
import { TakeInvitation } from "./TakeInvitation.js";

const NAME_LENGTH_MAX = 64;

export function NewCapsuleDialog(props: { onClose: () => void }) {
  const [subject, setSubject] = useState("");
  const [failure, setFailure] = useState<string | undefined>(undefined);
  const [isBusy, setBusy] = useState(false);
  const create = async () => {
    setBusy(true);
    try {
      await createCapsule(subject.trim());
      props.onClose();
    } catch (error) {
      setFailure(explain(error));
      setBusy(false);
    }
  };
  return (
    <Modal title={text.newCapsule.title} onClose={props.onClose}>
      <p>{text.newCapsule.lead}</p>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          void create();
        }}
      >
        <label>
          {text.newCapsule.subject}
          <input
            required
            maxLength={NAME_LENGTH_MAX}
            pattern=".*\S.*"
            value={subject}
            onInput={(event) => setSubject(event.currentTarget.value)}
          />
        </label>
        {failure === undefined ? null : <p role="alert">{failure}</p>}
        <div class="modal-actions">
          <button type="submit" class="primary" disabled={isBusy}>
            {text.newCapsule.create}
          </button>
        </div>
      </form>
      <TakeInvitation onTaken={props.onClose} />
    </Modal>
  );
}
