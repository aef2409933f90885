// A native dialog: modal, closed by Escape, by its button, or by a click beside it. It owns opening and closing.

import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { drawnDialogs } from "../state/dialogs.js";
import { nextNoticeId } from "../state/notices.js";
import { text } from "../text.js";
import { Notices } from "./Notices.js";
import { Sign } from "./Sign.js";

export interface ModalProps {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
  class?: string;
  onKeyDown?: (event: KeyboardEvent) => void;
}

/** Open as long as it is drawn. The browser gives the focus back to where it was. */
export function Modal(props: ModalProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  // Older messages wait below: over the dialog they would only hide its buttons.
  const [since] = useState(nextNoticeId);
  // Before anything is painted: a key that is pressed right away is meant for the dialog.
  useLayoutEffect(() => {
    const element = dialog.current;
    element?.showModal();
    drawnDialogs.value = [...drawnDialogs.peek(), titleId];
    return () => {
      drawnDialogs.value = drawnDialogs.peek().filter((id) => id !== titleId);
      element?.close();
    };
  }, [titleId]);
  return (
    <dialog
      ref={dialog}
      class={`modal ${props.class ?? ""}`}
      aria-labelledby={titleId}
      onClose={props.onClose}
      onKeyDown={props.onKeyDown}
      onClick={(event) => {
        if (event.target === dialog.current) dialog.current?.close();
      }}
    >
      <div class="modal-box">
        <div class="modal-head">
          <h2 id={titleId}>{props.title}</h2>
          <Sign sign="close" label={text.close} onClick={() => dialog.current?.close()} />
        </div>
        {props.children}
      </div>
      {drawnDialogs.value.at(-1) === titleId ? <Notices since={since} /> : null}
    </dialog>
  );
}
