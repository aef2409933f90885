// Numbers for people: sizes, rates, times, dates. It owns how they look; the words around them are in text.ts.

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;

/** `1.8 MB`, in thousands, as operating systems show files. */
export function bytes(count: number): string {
  const step = count < 1000 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(count) / 3));
  const value = count / 1000 ** step;
  return new Intl.NumberFormat("en", {
    style: "unit",
    unit: UNITS[step],
    unitDisplay: step === 0 ? "long" : "short",
    maximumFractionDigits: step === 0 || value >= 100 ? 0 : 1,
  }).format(value);
}

export function rate(bytesPerSecond: number): string {
  return `${bytes(bytesPerSecond)}/s`;
}

/** `5 seconds left`, `2 minutes left`, `3 hours left`; rounded up, because early is the better surprise. */
export function timeLeft(seconds: number): string {
  if (seconds < 60) return `${unit(Math.max(1, Math.ceil(seconds)), "second")} left`;
  if (seconds < 90 * 60) return `${unit(Math.ceil(seconds / 60), "minute")} left`;
  if (seconds < 36 * 3600) return `${unit(Math.ceil(seconds / 3600), "hour")} left`;
  return `${unit(Math.ceil(seconds / 86_400), "day")} left`;
}

export function date(when: Date): string {
  return new Intl.DateTimeFormat("en", { dateStyle: "medium" }).format(when);
}

export function dateTime(when: Date): string {
  return new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" }).format(when);
}

/** `for 23 hours`, counted from now. */
export function until(when: Date, now = Date.now()): string {
  const minutes = Math.max(0, Math.round((when.getTime() - now) / 60_000));
  if (minutes < 90) return `for ${unit(minutes, "minute")}`;
  return `for ${unit(Math.round(minutes / 60), "hour")}`;
}

/** The first and last group of a principal, enough to tell a few people apart. */
export function shortPrincipal(principal: string): string {
  const groups = principal.split("-");
  return groups.length <= 3 ? principal : `${groups[0]}-…-${groups.at(-1)}`;
}

/** Signs that steer how text runs, or nothing that is seen: in a name they serve to look like another one. */
const STEERING = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;
const UNSEEN = /[\p{C}\p{Z}\p{M}\u115f\u1160\u3164\uffa0]/gu;

/** Letters of a name that are shown: as many as the page itself lets anybody give. */
const NAME_SHOWN_MAX = 80;

/**
 * A name that somebody gave, without signs that steer the text around it, and cut where it would push that away; undefined where
 * nothing would be seen of it.
 */
export function shownName(name: string | undefined): string | undefined {
  const clean = name?.replace(STEERING, " ").trim();
  return clean === undefined || clean.replace(UNSEEN, "") === "" ? undefined : cut(clean);
}

/** As people count letters: an emoji, or a letter with its accents, is one. */
function cut(name: string): string {
  if (name.length <= NAME_SHOWN_MAX) return name;
  const letters = Array.from(new Intl.Segmenter().segment(name), ({ segment }) => segment);
  return letters.length <= NAME_SHOWN_MAX ? name : `${letters.slice(0, NAME_SHOWN_MAX - 1).join("")}…`;
}

/** A name within a sentence: in whichever direction it runs, the words around it keep their places. */
export function isolated(name: string): string {
  return `\u2068${name}\u2069`;
}

export function hexadecimal(data: Uint8Array): string {
  return Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function unit(value: number, name: "second" | "minute" | "hour" | "day"): string {
  return new Intl.NumberFormat("en", { style: "unit", unit: name, unitDisplay: "long" }).format(value);
}
