// The whole page by the state of its start: opening, nobody here yet, failed, or open.
// It owns which parts there are; each part owns itself.

import { useEffect } from "preact/hooks";
import { open, start } from "../state/account.js";
import { loadCapsules } from "../state/capsules.js";
import { followDevices } from "../state/devices.js";
import { drawnDialogs } from "../state/dialogs.js";
import { explain } from "../state/explain.js";
import { notify } from "../state/notices.js";
import { followAddress } from "../state/viewing.js";
import { watch } from "../state/watch.js";
import { text } from "../text.js";
import { Banner } from "./Banner.js";
import { Dialogs } from "./Dialogs.js";
import { Gallery } from "./Gallery.js";
import { Header } from "./Header.js";
import { Joining } from "./Joining.js";
import { LinkPassword } from "./LinkPassword.js";
import { Notices } from "./Notices.js";
import { SecondWay } from "./SecondWay.js";
import { UploadPanel } from "./UploadPanel.js";
import { Welcome } from "./Welcome.js";

export function Page() {
  const now = start.value;
  switch (now.state) {
    case "opening":
      return <Plain busy>{text.loading}</Plain>;
    case "failed":
      return (
        <Plain>
          <h1>{text.errors.start}</h1>
          <p role="alert">{now.message}</p>
          <button type="button" class="primary" onClick={() => void open()}>
            {text.tryAgain}
          </button>
        </Plain>
      );
    case "locked":
      return (
        <Plain>
          <LinkPassword />
        </Plain>
      );
    case "new":
      return <Welcome address={now.address} removed={now.removed} />;
    case "blocked":
      return (
        <Plain>
          <h1>{text.blocked.title}</h1>
          <p role="alert">{text.blocked.lead}</p>
          <button type="button" class="primary" onClick={() => void open()}>
            {text.tryAgain}
          </button>
        </Plain>
      );
    case "joining":
      return <Joining address={now.address} code={now.code} />;
    case "ready":
      return <OpenPage />;
  }
}

function OpenPage() {
  useEffect(() => {
    watch();
    loadCapsules()
      .then(followAddress)
      .then(followDevices)
      .catch((error: unknown) => notify("error", explain(error)));
  }, []);
  return (
    <>
      {/* biome-ignore lint/a11y/useValidAnchor: it goes to a place on this page, though not by the address */}
      <a class="skip" href="#gallery-title" onClick={skip}>
        {text.header.skip}
      </a>
      <Header />
      <Banner />
      <SecondWay />
      <main>
        <UploadPanel />
        <Gallery />
      </main>
      {drawnDialogs.value.length === 0 ? <Notices /> : null}
      <Dialogs />
    </>
  );
}

// The fragment of the address is the capsule's.
function skip(event: MouseEvent): void {
  event.preventDefault();
  document.getElementById("gallery-title")?.focus();
}

function Plain(props: { children: preact.ComponentChildren; busy?: boolean }) {
  return (
    <main class="plain" aria-busy={props.busy}>
      {props.children}
    </main>
  );
}
