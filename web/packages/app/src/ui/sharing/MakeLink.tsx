// Makes a link, to a whole capsule or to some memories of it, and shows it once. It owns the form, and the link until it is
// put away.

import type { CapsuleId, MemoryId } from "@keepsake/sdk";
import { useState } from "preact/hooks";
import { account } from "../../state/account.js";
import { loadShared } from "../../state/sharing.js";
import { text } from "../../text.js";
import { Failure } from "../Failure.js";
import { NAME_UNITS_MAX } from "../LookForm.js";
import { useDeed } from "../use-deed.js";
import { useFocusFirst } from "../use-focus.js";
import { EndsChoice, endOf, type Lasts } from "./Ends.js";
import { Made } from "./Made.js";

export interface MakeLinkProps {
  capsuleId: CapsuleId;
  /** None: all of the capsule, what is added later too. */
  memories?: readonly MemoryId[];
  /** The link was put away, or nobody wants one. */
  onDone: () => void;
}

export function MakeLink({ capsuleId, memories, onDone }: MakeLinkProps) {
  const [lasts, setLasts] = useState<Lasts>("year");
  const [password, setPassword] = useState("");
  const [download, setDownload] = useState(true);
  const [preview, setPreview] = useState(false);
  const [label, setLabel] = useState("");
  const [made, setMade] = useState<{ address: string; note?: string } | undefined>(undefined);
  const { isBusy, failure, run } = useDeed();
  const form = useFocusFirst<HTMLFormElement>();
  // What takes a password is not shown without it.
  const isShownInChats = preview && password === "";
  const make = async () => {
    const link = await account().keepsake.links.create(capsuleId, {
      memories,
      expiresAt: endOf(lasts),
      download,
      password: password === "" ? undefined : password,
      label: label.trim() || undefined,
      preview: isShownInChats,
    });
    const address = new URL(link.path + link.fragment, location.href).href;
    const hasNoPage = isShownInChats && link.path === "";
    setMade({
      address,
      note: link.hasPassword ? text.links.passwordHelp : hasNoPage ? text.links.noPreview : undefined,
    });
    await loadShared();
  };
  if (made !== undefined) {
    return (
      <Made
        title={text.links.made}
        help={text.links.madeHelp}
        address={made.address}
        copyLabel={text.links.copy}
        pictureLabel={text.links.picture}
        note={made.note}
        onDone={onDone}
      />
    );
  }
  return (
    <form
      ref={form}
      class="form boxed"
      onSubmit={(event) => {
        event.preventDefault();
        void run(make);
      }}
    >
      <div class="fields">
        <EndsChoice value={lasts} onChange={setLasts} />
        <label>
          {text.links.password}
          <input
            spellcheck={false}
            autocapitalize="off"
            autocomplete="off"
            value={password}
            onInput={(event) => setPassword(event.currentTarget.value)}
          />
        </label>
      </div>
      {password === "" ? null : <p class="quiet">{text.links.passwordHelp}</p>}
      <label class="switch">
        <input
          type="checkbox"
          checked={download}
          onChange={(event) => setDownload(event.currentTarget.checked)}
        />
        {text.links.originals}
      </label>
      {password === "" ? (
        <label class="switch">
          <input
            type="checkbox"
            checked={preview}
            onChange={(event) => setPreview(event.currentTarget.checked)}
          />
          {text.links.preview}
        </label>
      ) : null}
      {isShownInChats ? <p class="quiet">{text.links.previewHelp}</p> : null}
      <label>
        {text.links.label}
        <input
          dir="auto"
          autocomplete="off"
          maxLength={NAME_UNITS_MAX}
          value={label}
          onInput={(event) => setLabel(event.currentTarget.value)}
        />
      </label>
      <Failure>{failure}</Failure>
      <p class="row">
        <button type="submit" class="primary" disabled={isBusy}>
          {text.links.create}
        </button>
        <button type="button" onClick={onDone}>
          {text.cancel}
        </button>
      </p>
    </form>
  );
}
