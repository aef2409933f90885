// One member of the open capsule: who they are, what they may, and for owners the ways to change it.
// It owns whether more is shown, and the questions before somebody takes something from themselves.

import type { CapsuleMember, Role } from "@keepsake/sdk";
import { useId, useState } from "preact/hooks";
import { shortPrincipal } from "../../format.js";
import { account } from "../../state/account.js";
import { lacks } from "../../state/capsules.js";
import { notify } from "../../state/notices.js";
import { colourOf, givenLook, isMe, nameOf, nameSomebody } from "../../state/people.js";
import { loadShared } from "../../state/sharing.js";
import { text } from "../../text.js";
import { Confirm } from "../Confirm.js";
import { CopyLine } from "../CopyLine.js";
import { Failure } from "../Failure.js";
import { LookForm } from "../LookForm.js";
import { OwnName } from "../OwnName.js";
import { PersonMark } from "../PersonMark.js";
import { useDeed } from "../use-deed.js";
import { RoleChoice } from "./RoleChoice.js";

export interface PersonRowProps {
  member: CapsuleMember;
  capsuleId: string;
  /** This person is an owner, and may change what others may. */
  mayChange: boolean;
  /** They are no member any more, and the row goes. */
  onGone: () => void;
}

export function PersonRow({ member, capsuleId, mayChange, onGone }: PersonRowProps) {
  const [isOpen, setOpen] = useState(false);
  const [less, setLess] = useState<Role | undefined>(undefined);
  const { failure, run } = useDeed();
  const moreId = useId();
  const id = member.principal.toText();
  const isSelf = isMe(id);
  const name = nameOf(member);
  const { keepsake } = account();
  const change = async (role: Role) => {
    const isDone = await run(() => keepsake.capsules.grant(capsuleId, member.principal, role));
    if (isDone) notify("info", text.people.roleChanged(name, text.sharing.roles[role]));
    await loadShared();
  };
  const takeAway = async () => {
    if (await run(() => keepsake.capsules.revoke(capsuleId, member.principal))) {
      notify("info", text.notices.revoked);
      onGone();
    }
    await loadShared();
  };
  return (
    <li>
      <div class="person">
        <PersonMark name={name} colour={colourOf(member)} />
        <span class="person-name">
          <bdi class="name" title={id}>
            {name}
          </bdi>
          <span class="quiet">{about(member, name)}</span>
        </span>
        <span class="person-acts">
          {mayChange ? (
            <RoleChoice
              label={text.people.roleOf(name)}
              value={member.role}
              onChange={(role) => (isSelf && lacks(role, member.role) ? setLess(role) : void change(role))}
            />
          ) : (
            <span>{text.sharing.roles[member.role]}</span>
          )}
          <button
            type="button"
            aria-expanded={isOpen}
            aria-controls={moreId}
            aria-label={text.people.moreOf(name)}
            onClick={() => setOpen(!isOpen)}
          >
            {text.people.more}
          </button>
        </span>
      </div>
      <Failure>{failure}</Failure>
      <div id={moreId} class="person-more" hidden={!isOpen}>
        {isOpen ? (
          <>
            <CopyLine value={id} label={text.people.copyPrincipal(name)} />
            {isSelf ? (
              <OwnName />
            ) : (
              <LookForm
                look={givenLook(id)}
                label={text.people.theirName}
                help={text.people.theirNameHelp}
                onSave={(look) => nameSomebody(id, look)}
              />
            )}
            {mayChange && !isSelf ? (
              <p class="away">
                <button
                  type="button"
                  class="danger"
                  aria-label={text.people.takeAwayFrom(name)}
                  onClick={() => void takeAway()}
                >
                  {text.people.takeAway}
                </button>
              </p>
            ) : null}
          </>
        ) : null}
      </div>
      {less === undefined ? null : (
        <Confirm
          title={text.people.lessTitle(text.sharing.roles[less])}
          lead={text.people.lessLead}
          action={text.people.lessConfirm}
          onCancel={() => setLess(undefined)}
          onConfirm={async () => {
            await change(less);
            setLess(undefined);
          }}
        />
      )}
    </li>
  );
}

/** What stands below a name: anybody may take any name, and nobody another's principal. */
function about(member: CapsuleMember, name: string): string {
  const id = member.principal.toText();
  const short = shortPrincipal(id);
  const parts = [
    isMe(id) ? text.people.you : undefined,
    name === short ? undefined : short,
    member.accepted ? undefined : text.people.notAccepted,
  ];
  return parts.filter((part) => part !== undefined).join(" · ");
}
