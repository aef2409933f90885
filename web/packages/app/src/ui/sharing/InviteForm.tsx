// What an invitation is to give, how often, until when, and what it is called. It owns the form.

import type { Role } from "@keepsake/sdk";
import { useState } from "preact/hooks";
import { text } from "../../text.js";
import { Failure } from "../Failure.js";
import { NAME_UNITS_MAX } from "../LookForm.js";
import { useDeed } from "../use-deed.js";
import { useFocusFirst } from "../use-focus.js";
import { EndsChoice, endOf, type Lasts } from "./Ends.js";
import { RoleField } from "./RoleChoice.js";

const USES_MAX = 1_000;
const GB = 1_000_000_000;

export interface Wanted {
  role: Role;
  uses: number;
  expiresAt: Date | undefined;
  label: string | undefined;
  quotaBytes: number | undefined;
}

export interface InviteFormProps {
  isOntoHost: boolean;
  onMake: (wanted: Wanted) => Promise<void>;
  onCancel: () => void;
}

export function InviteForm({ isOntoHost, onMake, onCancel }: InviteFormProps) {
  const [role, setRole] = useState<Role>("member");
  const [uses, setUses] = useState("1");
  const [lasts, setLasts] = useState<Lasts>("week");
  const [label, setLabel] = useState("");
  const [room, setRoom] = useState("");
  const { isBusy, failure, run } = useDeed();
  const form = useFocusFirst<HTMLFormElement>();
  const make = () => {
    const quotaBytes = room === "" ? undefined : Math.round(Number(room) * GB);
    const called = label.trim() || undefined;
    return onMake({ role, uses: Number(uses), expiresAt: endOf(lasts), label: called, quotaBytes });
  };
  return (
    <form
      ref={form}
      class="form boxed"
      onSubmit={(event) => {
        event.preventDefault();
        void run(make);
      }}
    >
      <div class="fields">
        {isOntoHost ? null : <RoleField value={role} onChange={setRole} />}
        <label>
          {text.invites.uses}
          <input
            type="number"
            required
            min={1}
            max={USES_MAX}
            step={1}
            value={uses}
            onInput={(event) => setUses(event.currentTarget.value)}
          />
        </label>
        <EndsChoice value={lasts} onChange={setLasts} />
        {isOntoHost ? (
          <label>
            {text.invites.toHostQuota}
            <input
              type="number"
              min={0.001}
              step="any"
              value={room}
              onInput={(event) => setRoom(event.currentTarget.value)}
            />
          </label>
        ) : null}
      </div>
      {role === "owner" && !isOntoHost ? <p>{text.invites.ownerHint}</p> : null}
      <label>
        {text.invites.label}
        <input
          dir="auto"
          autocomplete="off"
          maxLength={NAME_UNITS_MAX}
          value={label}
          onInput={(event) => setLabel(event.currentTarget.value)}
        />
      </label>
      <Failure>{failure}</Failure>
      <p class="row">
        <button type="submit" class="primary" disabled={isBusy}>
          {text.invites.create}
        </button>
        <button type="button" onClick={onCancel}>
          {text.cancel}
        </button>
      </p>
    </form>
  );
}
