// Who the person is to the service: the principal, to copy and pass on; their devices; and the colours. It owns no state that
// lasts.

import { useState } from "preact/hooks";
import { account, signOut } from "../state/account.js";
import { type Theme, theme } from "../state/theme.js";
import { text } from "../text.js";
import { ComeBack } from "./ComeBack.js";
import { CopyLine } from "./CopyLine.js";
import { Devices } from "./Devices.js";
import { Modal } from "./Modal.js";

const THEMES: Theme[] = ["auto", "light", "dark"];

export function AccountDialog(props: { onClose: () => void }) {
  const { principal, signedBy } = account();
  return (
    <Modal title={text.account.title} onClose={props.onClose}>
      <p>
        <strong>{text.account.principal}</strong>
      </p>
      <CopyLine value={principal} />
      <p class="quiet">{text.account.why}</p>
      <Devices />
      <ThemeChoice />
      {signedBy === "browser" ? (
        <Another />
      ) : (
        <button type="button" onClick={() => void signOut()}>
          {text.signIn.signOut}
        </button>
      )}
    </Modal>
  );
}

/** For whoever has an account already, and began a second one here. */
function Another() {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <button type="button" aria-haspopup="dialog" onClick={() => setOpen(true)}>
        {text.account.another}
      </button>
      {isOpen ? (
        <Modal title={text.account.another} onClose={() => setOpen(false)}>
          <p>{text.account.anotherLead}</p>
          <ComeBack address={account().address} />
        </Modal>
      ) : null}
    </>
  );
}

function ThemeChoice() {
  return (
    <div class="choice">
      <label for="theme">{text.account.theme}</label>
      <select
        id="theme"
        value={theme.value}
        onChange={(event) => {
          theme.value = event.currentTarget.value as Theme;
        }}
      >
        {THEMES.map((name) => (
          <option key={name} value={name}>
            {text.account.themes[name]}
          </option>
        ))}
      </select>
    </div>
  );
}
