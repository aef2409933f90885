// Invitations: makes one, shows its code once, lists those that are open, and takes them back. Into a capsule, or onto the
// host. It owns the code that was made, until it is put away.

import { type Invitation, type InvitationOptions, type Role, wordsOfCode } from "@keepsake/sdk";
import { useState } from "preact/hooks";
import { account } from "../../state/account.js";
import { notify } from "../../state/notices.js";
import { text } from "../../text.js";
import { Failure } from "../Failure.js";
import { useDeed } from "../use-deed.js";
import { useFocusBack } from "../use-focus.js";
import { InvitationList } from "./InvitationList.js";
import { InviteForm, type Wanted } from "./InviteForm.js";
import { Made } from "./Made.js";

export interface InviteProps {
  /** None: onto the host. */
  capsuleId?: string;
  invitations: readonly Invitation[];
  /** Asks for the list anew. */
  reload: () => Promise<void>;
}

export function Invite({ capsuleId, invitations, reload }: InviteProps) {
  const [isMaking, setMaking] = useState(false);
  const [made, setMade] = useState<{ address: string; words: string } | undefined>(undefined);
  const opener = useFocusBack(isMaking || made !== undefined);
  const { failure, run } = useDeed();
  const make = async (wanted: Wanted) => {
    const code = await codeOf(capsuleId, wanted);
    const address = new URL(`#invite=${code}`, location.href).href;
    setMade({ address, words: await wordsOfCode(code) });
    setMaking(false);
    await reload();
  };
  const revoke = async (id: bigint) => {
    const isDone = await run(() => account().keepsake.invitations.revoke(id));
    if (isDone) notify("info", text.invites.revoked);
    await reload();
    // Its row is gone.
    opener.current?.focus();
  };
  return (
    <>
      {made === undefined ? null : (
        <Made
          title={text.invites.made}
          help={text.invites.madeHelp}
          address={made.address}
          copyLabel={text.invites.copyLink}
          pictureLabel={text.invites.picture}
          words={{ text: made.words, copyLabel: text.invites.copyWords }}
          onDone={() => setMade(undefined)}
        />
      )}
      {isMaking ? (
        <InviteForm isOntoHost={capsuleId === undefined} onMake={make} onCancel={() => setMaking(false)} />
      ) : made === undefined ? (
        <p>
          <button ref={opener} type="button" onClick={() => setMaking(true)}>
            {text.invites.make}
          </button>
        </p>
      ) : null}
      <Failure>{failure}</Failure>
      <InvitationList invitations={invitations} onRevoke={revoke} />
    </>
  );
}

async function codeOf(capsuleId: string | undefined, wanted: Wanted): Promise<string> {
  const { invitations } = account().keepsake;
  const { uses, expiresAt, label, quotaBytes } = wanted;
  const options: InvitationOptions = { uses, expiresAt, label };
  if (capsuleId === undefined) return await invitations.createOntoHost({ ...options, quotaBytes });
  return await invitations.create(capsuleId, wanted.role satisfies Role, options);
}
