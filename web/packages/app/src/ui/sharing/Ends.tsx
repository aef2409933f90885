// When something that one gives ends by itself. It owns the four choices.

import { date } from "../../format.js";
import { text } from "../../text.js";

const DAY_MS = 24 * 3600 * 1000;
const LASTS_MS = { day: DAY_MS, week: 7 * DAY_MS, year: 365 * DAY_MS, never: undefined } as const;

export type Lasts = keyof typeof LASTS_MS;

export function EndsChoice({ value, onChange }: { value: Lasts; onChange: (lasts: Lasts) => void }) {
  return (
    <label>
      {text.sharing.ends}
      <select value={value} onChange={(event) => onChange(event.currentTarget.value as Lasts)}>
        {(Object.keys(LASTS_MS) as Lasts[]).map((name) => (
          <option key={name} value={name}>
            {text.sharing.endsAfter[name]}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Counted from now. */
export function endOf(lasts: Lasts): Date | undefined {
  const ms = LASTS_MS[lasts];
  return ms === undefined ? undefined : new Date(Date.now() + ms);
}

/** `until 8 Dec 2026`, or that it ended. */
export function endInWords(expiresAt: Date | undefined): string {
  if (expiresAt === undefined) return text.sharing.endsNever;
  return expiresAt.getTime() <= Date.now() ? text.sharing.ended : text.sharing.endsOn(date(expiresAt));
}
