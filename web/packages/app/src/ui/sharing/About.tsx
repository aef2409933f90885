// What the open capsule is called, who made it, and what an operator did with it. It owns the form that renames it.

import type { Capsule } from "@keepsake/sdk";
import { useState } from "preact/hooks";
import { date, isolated, shortPrincipal, shownName } from "../../format.js";
import { account } from "../../state/account.js";
import { makerName, refreshCapsules } from "../../state/capsules.js";
import { isMe, nameOf } from "../../state/people.js";
import { loadShared } from "../../state/sharing.js";
import { text } from "../../text.js";
import { Failure } from "../Failure.js";
import { NAME_UNITS_MAX } from "../LookForm.js";
import { useDeed } from "../use-deed.js";
import { useFocusBack, useFocusFirst } from "../use-focus.js";

export function About({ capsule, isOwner }: { capsule: Capsule; isOwner: boolean }) {
  const [isRenaming, setRenaming] = useState(false);
  const opener = useFocusBack(isRenaming);
  const { creator, createdAt, givenByOperator } = capsule;
  const when = date(createdAt);
  return (
    <div class="about">
      <div class="row">
        {creator === undefined ? null : (
          <p class="quiet">
            {isMe(creator.toText())
              ? text.capsule.madeByYou(when)
              : text.capsule.madeBy(isolated(makerName(capsule)), when)}
          </p>
        )}
        {isOwner && !isRenaming ? (
          <button ref={opener} type="button" onClick={() => setRenaming(true)}>
            {text.capsule.rename}
          </button>
        ) : null}
      </div>
      {isRenaming ? <Rename capsule={capsule} onDone={() => setRenaming(false)} /> : null}
      {givenByOperator === undefined ? null : <p>{giftInWords(capsule, givenByOperator)}</p>}
      {isOwner ? null : <p class="quiet">{text.sharing.ownersOnly}</p>}
    </div>
  );
}

function giftInWords({ members }: Capsule, { to, by, at }: NonNullable<Capsule["givenByOperator"]>): string {
  const operator = shortPrincipal(by.toText());
  if (isMe(to.toText())) return text.capsule.giftToYou(date(at), operator);
  const member = members.find(({ principal }) => principal.toText() === to.toText());
  return text.capsule.gift(date(at), operator, isolated(nameOf(member ?? { principal: to })));
}

function Rename({ capsule, onDone }: { capsule: Capsule; onDone: () => void }) {
  const [name, setName] = useState(shownName(capsule.name) ?? "");
  const { isBusy, failure, run } = useDeed();
  const form = useFocusFirst<HTMLFormElement>();
  const rename = async () => {
    const trimmed = name.trim();
    const isDone = await run(async () => {
      await account().keepsake.capsules.rename(capsule.id, trimmed === "" ? undefined : trimmed);
      await Promise.all([refreshCapsules(), loadShared()]);
    });
    if (isDone) onDone();
  };
  return (
    <form
      ref={form}
      class="form boxed"
      onSubmit={(event) => {
        event.preventDefault();
        void rename();
      }}
    >
      <label>
        {text.capsule.name}
        <input
          dir="auto"
          autocomplete="off"
          maxLength={NAME_UNITS_MAX}
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
        <span class="quiet">{text.capsule.nameHelp}</span>
      </label>
      <Failure>{failure}</Failure>
      <p class="row">
        <button type="submit" class="primary" disabled={isBusy}>
          {text.people.save}
        </button>
        <button type="button" onClick={onDone}>
          {text.cancel}
        </button>
      </p>
    </form>
  );
}
