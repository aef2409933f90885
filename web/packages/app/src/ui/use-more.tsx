// A long list, some rows at a time: however long it is, the page stays fast. It owns how many are drawn.

import { useState } from "preact/hooks";
import { text } from "../text.js";

const ROWS = 50;

/** The rows to draw, and the button that draws more of them. */
export function useMore<T>(all: readonly T[]): { shown: readonly T[]; more: preact.ComponentChildren } {
  const [count, setCount] = useState(ROWS);
  const left = all.length - count;
  const more =
    left <= 0 ? null : (
      <button type="button" onClick={() => setCount(count + ROWS)}>
        {text.given.more(Math.min(ROWS, left))}
      </button>
    );
  return { shown: all.slice(0, count), more };
}
