// A form for a name and a colour. It owns what was typed until it is saved.

import type { PersonLook } from "@keepsake/sdk";
import { useState } from "preact/hooks";
import { shownName } from "../format.js";
import { text } from "../text.js";
import { ColourChoice } from "./ColourChoice.js";
import { Failure } from "./Failure.js";
import { useDeed } from "./use-deed.js";

/** A name of so many UTF-16 units is never longer than the service takes, in bytes. */
export const NAME_UNITS_MAX = 80;

export interface LookFormProps {
  look: PersonLook;
  label: string;
  help: string;
  onSave: (look: PersonLook) => Promise<void>;
}

export function LookForm({ look, label, help, onSave }: LookFormProps) {
  const [name, setName] = useState(look.name ?? "");
  const [colour, setColour] = useState(look.colour);
  const [isSaved, setSaved] = useState(false);
  const { isBusy, failure, run } = useDeed();
  const save = async () => {
    // What nobody sees is no name.
    const trimmed = shownName(name) === undefined ? "" : name.trim();
    setSaved(await run(() => onSave({ name: trimmed === "" ? undefined : trimmed, colour })));
  };
  return (
    <form
      class="form look"
      onInput={() => setSaved(false)}
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <label>
        {label}
        <input
          dir="auto"
          autocomplete="off"
          maxLength={NAME_UNITS_MAX}
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
        <span class="quiet">{help}</span>
      </label>
      <ColourChoice value={colour} onChange={setColour} />
      <Failure>{failure}</Failure>
      <p class="row">
        <button type="submit" disabled={isBusy}>
          {text.people.save}
        </button>
        <span role="status">{isSaved ? text.people.saved : ""}</span>
      </p>
    </form>
  );
}
