// Beside the drop zone: whose capsule this is where it is another's, and who sees what is added here. It owns how that is said.

import { useEffect, useState } from "preact/hooks";
import { date, isolated } from "../format.js";
import { account } from "../state/account.js";
import { makerName, makerWithPrincipal, openCapsule } from "../state/capsules.js";
import { openDialog } from "../state/dialogs.js";
import { acceptGiven, given, leave } from "../state/given.js";
import { hasName, isMe, nameOf } from "../state/people.js";
import { hasEnded, shared } from "../state/sharing.js";
import { lookUp } from "../state/visit.js";
import { text } from "../text.js";
import { Failure } from "./Failure.js";
import { useDeed } from "./use-deed.js";

/** Named before the others are counted. */
const NAMED_MAX = 2;

export function Readers({ mayAdd }: { mayAdd: boolean }) {
  const capsule = openCapsule.value;
  if (account().isByLink) return <ByLink />;
  if (account().isVisitor) return null;
  if (capsule === undefined) return given.value.length === 0 ? null : <Waiting />;
  const seen = mayAdd ? whoSees() : undefined;
  const isOthers = !capsule.isOwn && capsule.creator !== undefined && !isMe(capsule.creator.toText());
  const made = isOthers && capsule.accepted ? text.people.capsuleOf(isolated(makerName(capsule))) : undefined;
  return (
    <>
      {capsule.accepted ? null : <NotAccepted id={capsule.id} maker={makerWithPrincipal(capsule)} />}
      {seen === undefined && made === undefined ? null : (
        <p class="readers">{[seen, made].filter((part) => part !== undefined).join(" ")}</p>
      )}
    </>
  );
}

function whoSees(): string | undefined {
  const now = shared.value;
  if (now === undefined) return undefined;
  const { members } = now.capsule;
  if (members.some(({ principal }) => principal.isAnonymous())) {
    return text.people.readBy(text.people.everybodySees);
  }
  const others = members.filter(({ principal }) => !isMe(principal.toText()));
  const links = now.links.filter((link) => link.memories === undefined && !hasEnded(link)).length;
  // Whom one knows by name says more than a principal.
  others.sort((a, b) => Number(hasName(b)) - Number(hasName(a)) || nameOf(a).localeCompare(nameOf(b)));
  const names = others.slice(0, NAMED_MAX).map((member) => isolated(nameOf(member)));
  const people =
    others.length === 0
      ? undefined
      : text.people.readBy(text.people.whoSees(names, others.length - names.length));
  const byLink = links === 0 ? undefined : text.people.linksSee(links, people !== undefined);
  const all = [people, byLink].filter((part) => part !== undefined);
  return all.length === 0 ? undefined : all.join(" ");
}

function ByLink() {
  const [until, setUntil] = useState<Date | undefined>(undefined);
  const id = openCapsule.value?.id;
  useEffect(() => {
    if (id === undefined) return;
    void lookUp(account().keepsake, id).then((sight) => setUntil(sight?.link?.expiresAt), ignored);
  }, [id]);
  return until === undefined ? null : <p class="readers">{text.links.lookingUntil(date(until))}</p>;
}

// That it ends is said when it has ended, too.
function ignored(): void {}

function NotAccepted({ id, maker }: { id: string; maker: string }) {
  const { isBusy, failure, run } = useDeed();
  return (
    <div class="not-accepted">
      <p>{text.given.here(isolated(maker))}</p>
      <p class="row">
        <button type="button" disabled={isBusy} onClick={() => void run(() => acceptGiven(id))}>
          {text.given.accept}
        </button>
        <button type="button" class="danger" disabled={isBusy} onClick={() => void run(() => leave(id))}>
          {text.given.leave}
        </button>
      </p>
      <Failure>{failure}</Failure>
    </div>
  );
}

/** Nothing else is there, and what was given is not opened unasked. */
function Waiting() {
  return (
    <div class="not-accepted">
      <p>{text.given.waiting(given.value.length)}</p>
      <p>
        <button
          type="button"
          aria-haspopup="dialog"
          onClick={() => {
            openDialog.value = "given";
          }}
        >
          {text.given.see}
        </button>
      </p>
    </div>
  );
}
