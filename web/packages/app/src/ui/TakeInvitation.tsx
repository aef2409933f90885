// Takes an invitation that somebody was read, or sent in a message: its words, or its link. It owns what was typed.

import { useState } from "preact/hooks";
import { openLetInto } from "../state/capsules.js";
import { explainCode, lookAt } from "../state/invited.js";
import { text } from "../text.js";
import { Failure } from "./Failure.js";
import { useDeed } from "./use-deed.js";

/** `onTaken`: what it opens is asked for, or was opened. */
export function TakeInvitation({ onTaken }: { onTaken: () => void }) {
  const [typed, setTyped] = useState("");
  const { isBusy, failure, run } = useDeed(explainCode);
  const take = async () => {
    const isTaken = await run(async () => {
      const into = await lookAt(typed);
      if (into !== undefined) await openLetInto(into);
    });
    if (isTaken) onTaken();
  };
  return (
    <form
      class="form part"
      onSubmit={(event) => {
        event.preventDefault();
        void take();
      }}
    >
      <h3>{text.invites.have}</h3>
      <label>
        {text.invites.wordsOrLink}
        <input
          required
          spellcheck={false}
          autocapitalize="off"
          autocomplete="off"
          value={typed}
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
      </label>
      <Failure>{failure}</Failure>
      <div class="modal-actions">
        <button type="submit" disabled={isBusy}>
          {text.invites.see}
        </button>
      </div>
    </form>
  );
}
