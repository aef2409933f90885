// The bar at the top: which capsule is open, and the ways to everything beside the photos. It owns no state.

import type { CapsuleHeader } from "@keepsake/sdk";
import { useEffect } from "preact/hooks";
import { account, enter, explainStart } from "../state/account.js";
import { capsuleName, capsules, openCapsule, openCapsuleId, selectCapsule } from "../state/capsules.js";
import { type DialogName, openDialog } from "../state/dialogs.js";
import { given } from "../state/given.js";
import { notify } from "../state/notices.js";
import { loadSessions, unfinished } from "../state/sessions.js";
import { text } from "../text.js";

export function Header() {
  return (
    <header class="bar">
      <h1>{text.name}</h1>
      <CapsuleChoice />
      <nav aria-label={text.name}>
        {account().isByLink ? null : (
          <Opener name="sharing" label={text.header.share} disabled={openCapsule.value === undefined} />
        )}
        {account().isVisitor ? <Enter /> : <OwnThings />}
      </nav>
    </header>
  );
}

function OwnThings() {
  useEffect(() => {
    void loadSessions();
  }, []);
  const count = unfinished.value.length;
  return (
    <>
      {given.value.length === 0 ? null : (
        <Opener name="given" label={text.given.button(given.value.length)} />
      )}
      <Opener name="new-capsule" label={text.header.newCapsule} />
      <Opener
        name="sessions"
        label={count === 0 ? text.header.uploads : `${text.header.uploads} (${count})`}
      />
      <Opener name="account" label={text.header.account} />
    </>
  );
}

/** What a visitor has instead. */
function Enter() {
  const onClick = () => {
    enter().catch((error: unknown) => notify("error", explainStart(error)));
  };
  return (
    <button type="button" class="primary" onClick={onClick}>
      {account().address.isInternetComputer ? text.signIn.button : text.signIn.keepOwn}
    </button>
  );
}

// What was given and not accepted stands apart, and only while somebody looks at it: nobody chose its name.
function CapsuleChoice() {
  const open = openCapsule.value;
  const isGiven = open !== undefined && !open.accepted;
  if (account().isByLink && open === undefined) return null;
  return (
    <div class="choice capsule">
      <label for="capsule">{text.header.capsule}</label>
      <select
        id="capsule"
        value={openCapsuleId.value ?? ""}
        onChange={(event) => selectCapsule(event.currentTarget.value)}
      >
        {capsules.value.filter(({ accepted }) => accepted).map(choice)}
        {isGiven ? <optgroup label={text.given.group}>{choice(open)}</optgroup> : null}
      </select>
    </div>
  );
}

function choice(capsule: CapsuleHeader) {
  const name = capsuleName(capsule);
  return (
    <option key={capsule.id} value={capsule.id}>
      {capsule.role === "owner" ? name : text.header.sharedWithYou(name, text.sharing.roles[capsule.role])}
    </option>
  );
}

function Opener(props: { name: DialogName; label: string; disabled?: boolean }) {
  return (
    <button
      type="button"
      disabled={props.disabled}
      aria-haspopup="dialog"
      onClick={() => {
        openDialog.value = props.name;
      }}
    >
      {props.label}
    </button>
  );
}
