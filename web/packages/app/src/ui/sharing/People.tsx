// The members of the open capsule, this person first, then by what they may. It owns their order.

import type { Capsule, CapsuleMember } from "@keepsake/sdk";
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { lacks } from "../../state/capsules.js";
import { isMe, me, nameOf } from "../../state/people.js";
import { text } from "../../text.js";
import { OwnName } from "../OwnName.js";
import { useFocusFirst } from "../use-focus.js";
import { useMore } from "../use-more.js";
import { PersonRow } from "./PersonRow.js";

export function People({ capsule, isOwner }: { capsule: Capsule; isOwner: boolean }) {
  const people = capsule.members.filter(({ principal }) => !principal.isAnonymous()).sort(byRank);
  const { shown, more } = useMore(people);
  const title = useRef<HTMLHeadingElement>(null);
  // What everybody sees is one entry for all, and no person.
  if (people.length === 0) return null;
  const isShared = people.length > 1;
  return (
    <section class="part" aria-labelledby="people-title">
      <h3 id="people-title" ref={title} tabIndex={-1}>
        {text.people.title}
      </h3>
      {isShared && me.value !== undefined && me.value.name === undefined ? (
        <SayName onNamed={() => title.current?.focus()} />
      ) : null}
      <ul class="members">
        {shown.map((member) => (
          <PersonRow
            key={`${capsule.id} ${member.principal.toText()}`}
            member={member}
            capsuleId={capsule.id}
            mayChange={isOwner}
            onGone={() => title.current?.focus()}
          />
        ))}
      </ul>
      {more}
    </section>
  );
}

/** Others see a principal until somebody says who they are. */
function SayName({ onNamed }: { onNamed: () => void }) {
  const [isOpen, setOpen] = useState(false);
  return isOpen ? (
    <Focused onGone={onNamed}>
      <OwnName />
    </Focused>
  ) : (
    <p>
      <button type="button" onClick={() => setOpen(true)}>
        {text.people.addOwnName}
      </button>
    </p>
  );
}

function Focused({ children, onGone }: { children: ComponentChildren; onGone: () => void }) {
  const form = useFocusFirst<HTMLDivElement>();
  useEffect(() => onGone, []);
  return <div ref={form}>{children}</div>;
}

function byRank(a: CapsuleMember, b: CapsuleMember): number {
  const self = Number(isMe(b.principal.toText())) - Number(isMe(a.principal.toText()));
  if (self !== 0) return self;
  if (a.role !== b.role) return lacks(a.role, b.role) ? 1 : -1;
  return nameOf(a).localeCompare(nameOf(b));
}
