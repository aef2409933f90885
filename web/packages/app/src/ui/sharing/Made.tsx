// What was made and is shown once: a link, as text and as a picture, and the same in words where there are some.
// It owns nothing; whoever draws it forgets the secret by no longer drawing it.

import { useEffect, useRef } from "preact/hooks";
import { text } from "../../text.js";
import { CopyLine } from "../CopyLine.js";
import { QrCode } from "../QrCode.js";

export interface MadeProps {
  title: string;
  help: string;
  address: string;
  copyLabel: string;
  pictureLabel: string;
  words?: { text: string; copyLabel: string };
  /** What else is to be known. */
  note?: string;
  onDone: () => void;
}

export function Made(props: MadeProps) {
  const title = useRef<HTMLHeadingElement>(null);
  // The form that had the focus is gone.
  useEffect(() => title.current?.focus(), []);
  return (
    <div class="made">
      <h4 ref={title} tabIndex={-1}>
        {props.title} {text.sharing.onceShown}
      </h4>
      <p class="quiet">{props.help}</p>
      <div class="made-link">
        <QrCode text={props.address} label={props.pictureLabel} />
        <div class="made-texts">
          <CopyLine value={props.address} label={props.copyLabel} />
          {props.words === undefined ? null : (
            <>
              <p>{text.invites.words}</p>
              <CopyLine value={props.words.text} label={props.words.copyLabel} />
            </>
          )}
        </div>
      </div>
      {props.note === undefined ? null : <p>{props.note}</p>}
      <p>
        <button type="button" onClick={props.onDone}>
          {text.sharing.done}
        </button>
      </p>
    </div>
  );
}
