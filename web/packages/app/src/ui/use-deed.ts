// One deed at a time: whether it is being done, and why it was not. It owns both until the next one.

import { useState } from "preact/hooks";
import { explain } from "../state/explain.js";

export interface Deed {
  isBusy: boolean;
  failure: string | undefined;
  /** True where it was done. */
  run: (deed: () => Promise<void>) => Promise<boolean>;
  /** Says what is wrong before anything is done. */
  refuse: (why: string) => void;
}

export function useDeed(inWords: (error: unknown) => string = explain): Deed {
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | undefined>(undefined);
  const run = async (deed: () => Promise<void>) => {
    setBusy(true);
    setFailure(undefined);
    try {
      await deed();
      return true;
    } catch (error) {
      setFailure(inWords(error));
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { isBusy, failure, run, refuse: setFailure };
}
