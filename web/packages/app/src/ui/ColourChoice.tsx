// A person's colour, from a few that can be told apart in light and dark. It owns the swatches.

import { useId } from "preact/hooks";
import { COLOURS } from "../state/people.js";
import { text } from "../text.js";
import { css } from "./PersonMark.js";

export interface ColourChoiceProps {
  value: number | undefined;
  onChange: (colour: number | undefined) => void;
}

export function ColourChoice({ value, onChange }: ColourChoiceProps) {
  const group = useId();
  const known = Object.entries(COLOURS) as [keyof typeof COLOURS, number][];
  // Another client may have chosen any.
  const isOther = value !== undefined && !known.some(([, colour]) => colour === value);
  const swatch = (label: string, colour: number | undefined) => (
    <label class="swatch" key={label} title={label}>
      <input
        class="visually-hidden"
        type="radio"
        name={group}
        checked={value === colour}
        onChange={() => onChange(colour)}
      />
      <span class="visually-hidden">{label}</span>
      <span
        class={colour === undefined ? "swatch-ground none" : "swatch-ground"}
        aria-hidden="true"
        style={colour === undefined ? {} : { background: css(colour) }}
      />
    </label>
  );
  return (
    <fieldset class="colours">
      <legend>{text.people.colour}</legend>
      {swatch(text.people.noColour, undefined)}
      {known.map(([name, colour]) => swatch(text.people.colours[name], colour))}
      {isOther ? swatch(text.people.otherColour, value) : null}
    </fieldset>
  );
}
