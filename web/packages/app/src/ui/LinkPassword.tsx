// Asks for the password of a link, as often as it takes. It owns what was typed.

import { useState } from "preact/hooks";
import { explainStart, unlock } from "../state/account.js";
import { text } from "../text.js";
import { Failure } from "./Failure.js";
import { useDeed } from "./use-deed.js";

export function LinkPassword() {
  const [password, setPassword] = useState("");
  const { isBusy, failure, run, refuse } = useDeed(explainStart);
  const open = async () => {
    let isOpen = true;
    const isAnswered = await run(async () => {
      isOpen = await unlock(password);
    });
    if (isAnswered && !isOpen) refuse(text.links.wrong);
  };
  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault();
        void open();
      }}
    >
      <h1>{text.links.locked}</h1>
      <p>{text.links.lockedLead}</p>
      <label>
        {text.links.passwordOf}
        <input
          type="password"
          required
          autofocus
          autocomplete="off"
          value={password}
          onInput={(event) => setPassword(event.currentTarget.value)}
        />
      </label>
      <Failure>{failure}</Failure>
      <p>
        <button type="submit" class="primary" disabled={isBusy}>
          {text.links.open}
        </button>
      </p>
    </form>
  );
}
