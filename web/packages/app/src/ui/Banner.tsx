// The line that says that the connection is gone, or the sign-in. It owns no state.

import { enter, explainStart } from "../state/account.js";
import { isCutOff, isOnline, isSignedOut } from "../state/connection.js";
import { notify } from "../state/notices.js";
import { text } from "../text.js";

export function Banner() {
  if (isSignedOut.value) return <SignedOut />;
  return (
    <div class="banner" role="status">
      {isCutOff.value ? <p>{isOnline.value ? text.notices.unreachable : text.notices.offline}</p> : null}
    </div>
  );
}

function SignedOut() {
  return (
    <div class="banner" role="status">
      <p>
        {text.notices.signedOut}{" "}
        <button
          type="button"
          onClick={() => enter().catch((error: unknown) => notify("error", explainStart(error)))}
        >
          {text.signIn.button}
        </button>
      </p>
    </div>
  );
}
