// The place to add photos: loads the uploader, which is the heaviest part, once the page is drawn.
// It owns the loading, and what a person sees who may not add.

import { useEffect, useState } from "preact/hooks";
import { mayAdd, whyNotAdd } from "../state/adding.js";
import { openCapsule } from "../state/capsules.js";
import { explain } from "../state/explain.js";
import { text } from "../text.js";
import { Readers } from "./Readers.js";

type Area = typeof import("./UploadArea.js").UploadArea;

export function UploadPanel() {
  const [loaded, setLoaded] = useState<{ Area?: Area; failure?: string }>({});
  useEffect(() => {
    import("./UploadArea.js").then(
      ({ UploadArea }) => setLoaded({ Area: UploadArea }),
      (error: unknown) => setLoaded({ failure: explain(error) }),
    );
  }, []);
  const { Area, failure } = loaded;
  return (
    <section class="upload" aria-label={mayAdd.value ? text.upload.region : text.upload.regionReadOnly}>
      {mayAdd.value ? <h2>{text.upload.title}</h2> : <WhyNot />}
      <Readers mayAdd={mayAdd.value} />
      {Area !== undefined ? (
        <Area mayAdd={mayAdd.value} />
      ) : mayAdd.value ? (
        <div class="drop-place" aria-busy={failure === undefined}>
          {failure ?? text.loading}
        </div>
      ) : null}
    </section>
  );
}

function WhyNot() {
  if (whyNotAdd.value === undefined) return null;
  // Where nothing is open, this is all that the page has to say.
  return openCapsule.value === undefined ? (
    <p role="alert">{whyNotAdd.value}</p>
  ) : (
    <p class="quiet">{whyNotAdd.value}</p>
  );
}
