// The place to add photos: loads the uploader, which is the heaviest part, once the page is drawn.
// It owns the loading, and what a person sees who may not add.

import { useEffect, useState } from "preact/hooks";
import { hasRole, openCapsule } from "../state/capsules.js";
import { explain } from "../state/explain.js";
import { text } from "../text.js";

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
  const mayAdd = openCapsule.value === undefined || hasRole(openCapsule.value, "member");
  return (
    <section class="upload" aria-label={text.upload.region}>
      {mayAdd ? <h2>{text.upload.title}</h2> : <p class="quiet">{text.upload.readOnly}</p>}
      {Area === undefined ? (
        <div class="drop-place" aria-busy={failure === undefined}>
          {failure ?? text.loading}
        </div>
      ) : (
        <Area mayAdd={mayAdd} />
      )}
    </section>
  );
}
