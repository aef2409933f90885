// The Dashboard with the list of uploads beside it, and files that are pasted or dropped anywhere on the page.
// It owns the Dashboard's place in the page.

import { useEffect, useRef } from "preact/hooks";
import "@uppy/core/css/style.min.css";
import "@uppy/dashboard/css/style.min.css";
import { getDroppedFiles } from "@uppy/core/utils";
import { whyNotAdd } from "../state/adding.js";
import { notify } from "../state/notices.js";
import { addFiles, mountDashboard } from "../state/uploader.js";
import { text } from "../text.js";
import { UploadList } from "./UploadList.js";

export function UploadArea(props: { mayAdd: boolean }) {
  const place = useRef<HTMLDivElement>(null);
  const { mayAdd } = props;
  useEffect(() => {
    const target = place.current;
    return mayAdd && target !== null ? mountDashboard(target) : undefined;
  }, [mayAdd]);
  useEffect(() => takeFilesAnywhere(mayAdd ? addFiles : refuse), [mayAdd]);
  return (
    <div class="upload-area">
      <div class="drop-place" ref={place} hidden={!mayAdd} />
      <UploadList />
    </div>
  );
}

function refuse(): void {
  notify("error", whyNotAdd.peek() ?? text.upload.readOnly);
}

/** A drop beside the Dashboard is meant for it; left alone, the browser would leave the page for the file. */
function takeFilesAnywhere(take: (files: File[]) => void): () => void {
  const ends = new AbortController();
  const { signal } = ends;
  const isForUs = (event: DragEvent) =>
    !event.defaultPrevented && event.dataTransfer?.types.includes("Files") === true;
  addEventListener("dragover", (event) => isForUs(event) && event.preventDefault(), { signal });
  addEventListener(
    "drop",
    (event) => {
      if (!isForUs(event) || event.dataTransfer === null) return;
      event.preventDefault();
      void getDroppedFiles(event.dataTransfer).then(take);
    },
    { signal },
  );
  addEventListener(
    "paste",
    (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (event.defaultPrevented || files.length === 0) return;
      event.preventDefault();
      take(files);
    },
    { signal },
  );
  return () => ends.abort();
}
