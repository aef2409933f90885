// The line that stays while all that one keeps hangs on one browser. It owns no state.

import { needsSecondWay } from "../state/devices.js";
import { openDialog } from "../state/dialogs.js";
import { text } from "../text.js";

export function SecondWay() {
  if (!needsSecondWay.value) return null;
  return (
    <div class="banner">
      <p>
        {text.secondWay.lead}{" "}
        <button
          type="button"
          aria-haspopup="dialog"
          onClick={() => {
            openDialog.value = "account";
          }}
        >
          {text.secondWay.button}
        </button>
      </p>
    </div>
  );
}
