// Gives a role to a principal that somebody copied: the way for people and programs whom no invitation reaches.
// It owns the form.

import { Principal } from "@icp-sdk/core/principal";
import type { Role } from "@keepsake/sdk";
import { useState } from "preact/hooks";
import { account } from "../../state/account.js";
import { notify } from "../../state/notices.js";
import { loadShared } from "../../state/sharing.js";
import { text } from "../../text.js";
import { Failure } from "../Failure.js";
import { useDeed } from "../use-deed.js";
import { RoleField } from "./RoleChoice.js";

export function ByPrincipal({ capsuleId }: { capsuleId: string }) {
  const [who, setWho] = useState("");
  const [role, setRole] = useState<Role>("guest");
  const { isBusy, failure, run, refuse } = useDeed();
  const grant = async () => {
    const principal = parse(who);
    if (principal === undefined) return refuse(text.errors.principal);
    if (!(await run(() => account().keepsake.capsules.grant(capsuleId, principal, role)))) return;
    notify("info", text.notices.shared);
    setWho("");
    await loadShared();
  };
  return (
    <details class="part">
      <summary>{text.sharing.byPrincipal}</summary>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          void grant();
        }}
      >
        <p class="quiet">{text.sharing.byPrincipalHelp}</p>
        <label>
          {text.sharing.principal}
          <input
            required
            spellcheck={false}
            autocomplete="off"
            value={who}
            onInput={(event) => setWho(event.currentTarget.value)}
          />
        </label>
        <RoleField value={role} onChange={setRole} />
        <Failure>{failure}</Failure>
        <p>
          <button type="submit" class="primary" disabled={isBusy}>
            {text.sharing.grant}
          </button>
        </p>
      </form>
    </details>
  );
}

function parse(words: string): Principal | undefined {
  try {
    return Principal.fromText(words.trim());
  } catch {
    return undefined;
  }
}
