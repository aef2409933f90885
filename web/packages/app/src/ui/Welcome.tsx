// What a browser shows that has no key: whether one is new here, or comes back. It makes no key before somebody has chosen.

import { useState } from "preact/hooks";
import type { ServiceAddress } from "../canister-address.js";
import { type SignedBy, signIn } from "../state/account.js";
import { comeAsNew } from "../state/coming-in.js";
import { explain } from "../state/explain.js";
import { capsuleInAddress, inviteInAddress } from "../state/visit.js";
import { text } from "../text.js";
import { ComeBack } from "./ComeBack.js";

export interface WelcomeProps {
  address: ServiceAddress;
  /** By what this browser came in before: it was a device of somebody, and is no longer. */
  removed?: SignedBy;
}

export function Welcome({ address, removed }: WelcomeProps) {
  const isRemoved = removed !== undefined;
  const [comesBack, setComesBack] = useState(isRemoved);
  const [failure, setFailure] = useState<string | undefined>(undefined);
  const wanted = capsuleInAddress();
  const begin = () => {
    setFailure(undefined);
    comeAsNew(address).catch((error: unknown) => setFailure(explain(error)));
  };
  if (comesBack) {
    return (
      <main class="plain">
        <h1>{text.comeBack.title}</h1>
        <p role={isRemoved ? "status" : undefined}>
          {isRemoved ? whatIsRemoved(removed) : text.comeBack.lead}
        </p>
        <ComeBack address={address} />
        <button type="button" onClick={() => setComesBack(false)}>
          {text.welcome.back}
        </button>
      </main>
    );
  }
  return (
    <main class="plain welcome">
      <h1>{text.name}</h1>
      <p>{inviteInAddress() === undefined ? text.signIn.lead : text.welcome.invited}</p>
      {wanted === undefined ? null : <p role="status">{text.notices.notOpen(wanted)}</p>}
      <h2>{text.welcome.question}</h2>
      {failure === undefined ? null : <p role="alert">{failure}</p>}
      <div class="choices">
        {address.isInternetComputer ? (
          <button type="button" class="primary" onClick={() => void signIn(address)}>
            {text.signIn.button}
          </button>
        ) : (
          <>
            <button type="button" class="primary" onClick={begin} aria-describedby="new-help">
              {text.welcome.isNew}
            </button>
            <p class="quiet" id="new-help">
              {text.welcome.newHelp}
            </p>
          </>
        )}
        <button type="button" onClick={() => setComesBack(true)} aria-describedby="before-help">
          {text.welcome.before}
        </button>
        <p class="quiet" id="before-help">
          {text.welcome.beforeHelp}
        </p>
      </div>
    </main>
  );
}

function whatIsRemoved(removed: SignedBy): string {
  switch (removed) {
    case "passkey":
      return text.welcome.removedPasskey;
    case "internet-identity":
      return text.welcome.removedSignIn;
    default:
      return text.welcome.removed;
  }
}
