// Links into the open capsule: makes one for all of it, lists them all, and ends them. It owns whether one is being made.

import type { Link } from "@keepsake/sdk";
import { useState } from "preact/hooks";
import { shownName } from "../../format.js";
import { account } from "../../state/account.js";
import { notify } from "../../state/notices.js";
import { loadShared } from "../../state/sharing.js";
import { text } from "../../text.js";
import { Failure } from "../Failure.js";
import { useDeed } from "../use-deed.js";
import { useFocusBack } from "../use-focus.js";
import { useMore } from "../use-more.js";
import { endInWords } from "./Ends.js";
import { MakeLink } from "./MakeLink.js";

export function Links({ capsuleId, links }: { capsuleId: string; links: readonly Link[] }) {
  const [isMaking, setMaking] = useState(false);
  const opener = useFocusBack(isMaking);
  const { failure, run } = useDeed();
  const { shown, more } = useMore(links);
  const end = async (link: Link) => {
    const isDone = await run(() => account().keepsake.links.revoke(capsuleId, link.principal));
    if (isDone) notify("info", text.links.revoked);
    await loadShared();
    // Its row is gone.
    opener.current?.focus();
  };
  return (
    <section class="part" aria-labelledby="links-title">
      <h3 id="links-title">{text.links.title}</h3>
      <p class="quiet">{text.links.help}</p>
      {isMaking ? (
        <MakeLink capsuleId={capsuleId} onDone={() => setMaking(false)} />
      ) : (
        <p>
          <button ref={opener} type="button" onClick={() => setMaking(true)}>
            {text.links.make}
          </button>
        </p>
      )}
      <Failure>{failure}</Failure>
      <ul>
        {shown.map((link) => (
          <li class="line" key={link.principal.toText()}>
            <div class="line-text">
              <bdi class="name">{nameOf(link)}</bdi>
              <span class="quiet">{inWords(link)}</span>
            </div>
            <button
              type="button"
              aria-label={text.links.endNamed(nameOf(link))}
              onClick={() => void end(link)}
            >
              {text.links.end}
            </button>
          </li>
        ))}
      </ul>
      {more}
    </section>
  );
}

function covered({ memories }: Link): string {
  return memories === undefined ? text.links.whole : text.links.some(memories);
}

function nameOf(link: Link): string {
  return shownName(link.label) ?? covered(link);
}

function inWords(link: Link): string {
  const parts = [
    shownName(link.label) === undefined ? undefined : covered(link),
    endInWords(link.expiresAt),
    link.hasPassword ? text.links.withPassword : undefined,
    link.download ? undefined : text.links.noOriginals,
    link.preview && link.path !== "" ? text.links.withPreview : undefined,
  ];
  return parts.filter((part) => part !== undefined).join(" · ");
}
