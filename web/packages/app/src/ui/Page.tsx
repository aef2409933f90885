// The whole page by the state of its start: opening, signed out, failed, or open.
// It owns which parts there are; each part owns itself.

import { useEffect } from "preact/hooks";
import { open, signIn, start } from "../state/account.js";
import { loadCapsules } from "../state/capsules.js";
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
import { Notices } from "./Notices.js";
import { UploadPanel } from "./UploadPanel.js";

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
    case "signed-out":
      return (
        <Plain>
          <h1>{text.name}</h1>
          <p>{text.signIn.lead}</p>
          <button type="button" class="primary" onClick={() => void signIn(now.address)}>
            {text.signIn.button}
          </button>
        </Plain>
      );
    case "ready":
      return <OpenPage />;
  }
}

function OpenPage() {
  useEffect(() => {
    watch();
    loadCapsules()
      .then(followAddress)
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
