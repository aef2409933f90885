// Where the keyboard is when something takes the place of what had the focus. It owns no state that is seen.

import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";

/** The first field of a form that came in the place of the button that opened it. */
export function useFocusFirst<T extends HTMLElement>(): RefObject<T> {
  const form = useRef<T>(null);
  useEffect(() => form.current?.querySelector<HTMLElement>("input, select")?.focus(), []);
  return form;
}

/** The button that comes back when what it opened is put away. */
export function useFocusBack(isOpen: boolean): RefObject<HTMLButtonElement> {
  const button = useRef<HTMLButtonElement>(null);
  const wasOpen = useRef(isOpen);
  useEffect(() => {
    if (wasOpen.current && !isOpen) button.current?.focus();
    wasOpen.current = isOpen;
  }, [isOpen]);
  return button;
}
