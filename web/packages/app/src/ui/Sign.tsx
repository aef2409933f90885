// A button that shows a sign in place of words; the words are its label. It owns the drawings.

const PATHS = {
  close: "M4 4l8 8M12 4l-8 8",
  pause: "M5.5 3v10M10.5 3v10",
  play: "M5 3l7 5-7 5z",
  again: "M13 8a5 5 0 1 1-1.5-3.6M13 2v3h-3",
  open: "M6 3H3v10h10v-3M9 3h4v4M13 3L7 9",
} as const;

export interface SignProps {
  sign: keyof typeof PATHS;
  label: string;
  onClick: () => void;
}

export function Sign(props: SignProps) {
  return (
    <button type="button" class="sign" aria-label={props.label} title={props.label} onClick={props.onClick}>
      <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
        <path
          d={PATHS[props.sign]}
          fill="none"
          stroke="currentColor"
          stroke-width="1.75"
          stroke-linecap="round"
          stroke-linejoin="round"
        />
      </svg>
    </button>
  );
}
