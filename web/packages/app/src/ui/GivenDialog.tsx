// What others gave this person unasked: look at it, say yes to it, leave it, or leave all. It owns the question before the
// last; how far that is lies in state/given.ts, so that it goes on when the dialog is closed.

import type { CapsuleHeader } from "@keepsake/sdk";
import { useRef, useState } from "preact/hooks";
import { date, isolated } from "../format.js";
import { bareName, makerWithPrincipal, selectCapsule } from "../state/capsules.js";
import { acceptGiven, given, leave, leaveAllGiven, leaving } from "../state/given.js";
import { notify } from "../state/notices.js";
import { text } from "../text.js";
import { Confirm } from "./Confirm.js";
import { Failure } from "./Failure.js";
import { Modal } from "./Modal.js";
import { useDeed } from "./use-deed.js";
import { useMore } from "./use-more.js";

export function GivenDialog({ onClose }: { onClose: () => void }) {
  const [isAsking, setAsking] = useState(false);
  const count = given.value.length;
  const list = useRef<HTMLUListElement>(null);
  const { shown, more } = useMore(given.value);
  const isRunning = leaving.value?.isRunning ?? false;
  return (
    <Modal title={text.given.title} class="sharing" onClose={onClose}>
      <p>{count === 0 ? text.given.none : text.given.lead(count)}</p>
      {count < 2 ? null : (
        <p>
          <button type="button" class="danger" disabled={isRunning} onClick={() => setAsking(true)}>
            {text.given.leaveAll(count)}
          </button>
        </p>
      )}
      <Progress />
      <ul ref={list} tabIndex={-1}>
        {shown.map((capsule) => (
          <GivenRow
            key={capsule.id}
            capsule={capsule}
            onLook={onClose}
            onGone={() => list.current?.focus()}
          />
        ))}
      </ul>
      {more}
      {isAsking ? (
        <Confirm
          title={text.given.leaveAllTitle(count)}
          lead={text.given.leaveAllLead}
          action={text.given.leaveAll(count)}
          onCancel={() => setAsking(false)}
          onConfirm={async () => {
            setAsking(false);
            await leaveAllGiven();
          }}
        />
      ) : null}
    </Modal>
  );
}

function Progress() {
  const now = leaving.value;
  if (now === undefined) return null;
  const { left, failed, total, isRunning, failure } = now;
  return (
    <div class="leaving" role="status">
      {isRunning ? (
        <>
          <progress aria-label={text.given.title} value={left + failed} max={total} />
          <p class="quiet">{text.given.leaving(left, total)}</p>
        </>
      ) : failure === undefined ? (
        <p>{text.given.allLeft(left)}</p>
      ) : (
        <p class="wrong">{text.given.someFailed(Math.max(1, failed), failure)}</p>
      )}
    </div>
  );
}

interface GivenRowProps {
  capsule: CapsuleHeader;
  onLook: () => void;
  /** It is accepted, or left, and its row goes. */
  onGone: () => void;
}

function GivenRow({ capsule, onLook, onGone }: GivenRowProps) {
  const { isBusy, failure, run } = useDeed();
  const name = isolated(bareName(capsule));
  const accept = async () => {
    if (!(await run(() => acceptGiven(capsule.id)))) return;
    notify("info", text.given.accepted(name));
    onGone();
  };
  const leaveIt = async () => {
    if (await run(() => leave(capsule.id))) onGone();
  };
  const look = () => {
    selectCapsule(capsule.id);
    onLook();
  };
  const isOff = isBusy || leaving.value?.isRunning;
  return (
    <li class="line">
      <div class="line-text">
        <bdi class="name">{bareName(capsule)}</bdi>
        <span class="quiet">
          {text.given.by(isolated(makerWithPrincipal(capsule)), date(capsule.createdAt))}
          {" · "}
          {text.given.youAre(text.sharing.roles[capsule.role])}
        </span>
        <Failure>{failure}</Failure>
      </div>
      <button type="button" aria-label={text.given.lookAt(name)} onClick={look}>
        {text.given.look}
      </button>
      <button
        type="button"
        aria-label={text.given.acceptNamed(name)}
        disabled={isOff}
        onClick={() => void accept()}
      >
        {text.given.accept}
      </button>
      <button
        type="button"
        class="danger"
        aria-label={text.given.leaveNamed(name)}
        disabled={isOff}
        onClick={() => void leaveIt()}
      >
        {text.given.leave}
      </button>
    </li>
  );
}
