// The messages in the corner, read out as they come: on the page, or in the dialog that lies over it. It owns no state.

import { dismiss, notices } from "../state/notices.js";
import { text } from "../text.js";
import { Sign } from "./Sign.js";

/** `since`: only messages with this number or a higher one. */
export function Notices({ since = 0 }: { since?: number }) {
  const shown = notices.value.filter((notice) => notice.id >= since);
  return (
    <section class="notices" aria-label={text.notices.region} aria-live="polite">
      {shown.map((notice) => (
        <div key={notice.id} class={`notice ${notice.kind}`}>
          <p>{notice.text}</p>
          <Sign sign="close" label={text.notices.dismiss} onClick={() => dismiss(notice.id)} />
        </div>
      ))}
    </section>
  );
}
