// Who the person is to the service: the principal, to copy and pass on; and the colours. It owns no state that lasts.

import { account, signOut } from "../state/account.js";
import { type Theme, theme } from "../state/theme.js";
import { text } from "../text.js";
import { CopyLine } from "./CopyLine.js";
import { Modal } from "./Modal.js";

const THEMES: Theme[] = ["auto", "light", "dark"];

export function AccountDialog(props: { onClose: () => void }) {
  const { principal, address } = account();
  return (
    <Modal title={text.account.title} onClose={props.onClose}>
      <p>
        <strong>{text.account.principal}</strong>
      </p>
      <CopyLine value={principal} />
      <p class="quiet">{text.account.why}</p>
      <ThemeChoice />
      {address.isInternetComputer ? (
        <button type="button" onClick={() => void signOut()}>
          {text.signIn.signOut}
        </button>
      ) : (
        <p class="quiet">{text.account.keyHere}</p>
      )}
    </Modal>
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
