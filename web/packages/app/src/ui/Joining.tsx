// The question before this browser becomes a device of somebody's account, by the address that it was opened with. Whoever made
// that address has all that the account has, so the page says whose it is, in words of its own, and waits for a yes.

import type { Invitation } from "@keepsake/sdk";
import { useEffect, useState } from "preact/hooks";
import type { ServiceAddress } from "../canister-address.js";
import { isolated, shortPrincipal, shownName } from "../format.js";
import { openAgain } from "../state/account.js";
import { comeByCode, readCode } from "../state/coming-in.js";
import { explain } from "../state/explain.js";
import { text } from "../text.js";

export function Joining({ address, code }: { address: ServiceAddress; code: string }) {
  const [whose, setWhose] = useState<string | undefined>(undefined);
  const [failure, setFailure] = useState<string | undefined>(undefined);
  const [isBusy, setBusy] = useState(false);
  useEffect(() => {
    readCode(address, code).then(
      (invitation) => {
        if (invitation.into.kind === "account") setWhose(makerInWords(invitation));
        else setFailure(text.joining.notADevice);
      },
      (error: unknown) => setFailure(explain(error)),
    );
  }, [address, code]);
  const join = () => {
    setBusy(true);
    comeByCode(address, code).catch((error: unknown) => {
      setFailure(explain(error));
      setBusy(false);
    });
  };
  const isAsking = failure === undefined;
  return (
    <main class="plain" aria-busy={whose === undefined && isAsking}>
      <h1>{text.joining.title}</h1>
      {whose === undefined ? null : <p class="whose">{whose}</p>}
      {isAsking ? <p>{text.joining.lead}</p> : <p role="alert">{failure}</p>}
      {isAsking ? <p class="warning">{text.joining.warning}</p> : null}
      <div class="choices">
        {isAsking ? (
          <button type="button" class="primary" disabled={whose === undefined || isBusy} onClick={join}>
            {text.joining.yes}
          </button>
        ) : null}
        <button type="button" onClick={() => void openAgain()}>
          {text.joining.no}
        </button>
      </div>
    </main>
  );
}

/** Their principal, which nobody else has, before the name, which they chose themselves. */
function makerInWords({ invitedBy, invitedByName }: Invitation): string {
  const name = shownName(invitedByName);
  return text.joining.whose(shortPrincipal(invitedBy.toText()), name && isolated(name));
}
