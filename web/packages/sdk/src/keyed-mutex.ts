// One after the other, by key: what must not happen twice at once within this page. Owns the queues only.

import { orAborted } from "./wait.js";

export class KeyedMutex {
  readonly #last = new Map<string, Promise<void>>();

  /** Waits until all who came before with the same key have left; call the result to unlock. */
  async lock(key: string, signal: AbortSignal): Promise<() => void> {
    const before = this.#last.get(key);
    let leave = () => {};
    const mine = new Promise<void>((resolve) => {
      leave = resolve;
    });
    const queue = (before ?? Promise.resolve()).then(() => mine);
    this.#last.set(key, queue);
    queue.then(() => {
      if (this.#last.get(key) === queue) {
        this.#last.delete(key);
      }
    });
    try {
      await (before && orAborted(before, signal, "the upload"));
    } catch (error) {
      leave();
      throw error;
    }
    return leave;
  }
}
