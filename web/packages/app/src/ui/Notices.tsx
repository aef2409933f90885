// The messages in the corner, read out as they come: on the page, or in the dialog that lies over it. It owns no state.

import { dismiss, notices } from "../state/notices.js";
import { text } from "../text.js";
import { Sign } from "./Sign.js";

export function Notices() {
  return (
    <section class="notices" aria-label={text.notices.region} aria-live="polite">
      {notices.value.map((notice) => (
        <div key={notice.id} class={`notice ${notice.kind}`}>
          <p>{notice.text}</p>
          <Sign sign="close" label={text.notices.dismiss} onClick={() => dismiss(notice.id)} />
        </div>
      ))}
    </section>
  );
}
