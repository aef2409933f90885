// The line that says that the connection is gone. It owns no state.

import { isCutOff, isOnline } from "../state/connection.js";
import { text } from "../text.js";

export function Banner() {
  return (
    <div class="banner" role="status">
      {isCutOff.value ? <p>{isOnline.value ? text.notices.unreachable : text.notices.offline}</p> : null}
    </div>
  );
}
