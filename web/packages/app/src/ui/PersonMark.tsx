// A person's round sign: the first letter of their name on their colour. It owns the contrast between the two.

import { useMemo } from "preact/hooks";

export function PersonMark({ name, colour }: { name: string; colour: number }) {
  const letter = useMemo(() => first(name), [name]);
  return (
    <span class="person-mark" aria-hidden="true" style={{ background: css(colour), color: inkOn(colour) }}>
      {letter}
    </span>
  );
}

export function css(colour: number): string {
  return `#${colour.toString(16).padStart(6, "0")}`;
}

/** As people read it: an emoji, or a letter with its accents, is one. */
function first(name: string): string {
  const [segment] = new Intl.Segmenter().segment(name);
  return (segment?.segment ?? "").toLocaleUpperCase();
}

/** Black or white, whichever is easier to read: https://www.w3.org/TR/WCAG22/#dfn-relative-luminance */
function inkOn(colour: number): string {
  const [red = 0, green = 0, blue = 0] = [16, 8, 0].map((shift) => {
    const part = ((colour >> shift) & 255) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return luminance > 0.179 ? "#000" : "#fff";
}
