// A text with a button that copies it. It owns whether it was copied.

import { useState } from "preact/hooks";
import { explain } from "../state/explain.js";
import { notify } from "../state/notices.js";
import { text } from "../text.js";

export interface CopyLineProps {
  value: string;
  /** What the button is called, where more than one thing could be copied. */
  label?: string;
}

export function CopyLine({ value, label }: CopyLineProps) {
  const [copied, setCopied] = useState<string | undefined>(undefined);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
      setCopied(value);
    } catch (error) {
      notify("error", explain(error));
    }
  };
  return (
    <p class="copy-line">
      <code class="principal">{value}</code>
      <button type="button" class="primary" aria-label={label} onClick={() => void copy()}>
        {text.copy}
      </button>
      <span role="status">{copied === value ? text.copied : ""}</span>
    </p>
  );
}
