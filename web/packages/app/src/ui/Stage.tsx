// What the viewer shows of a memory: its picture, never larger than the original, or a player. Owns which of the assets that
// is, and what is said where the browser can show none.

import type { Memory, MemoryHeader } from "@keepsake/sdk";
import { useEffect, useState } from "preact/hooks";
import { hasAsset, pictureUrl } from "../state/pictures.js";
import { text } from "../text.js";
import { Picture } from "./Picture.js";

/** Derivatives are still: a picture that moves is shown as it is, up to this size. */
const MOVING_BYTES_MAX = 20_000_000;

export function Stage({ memory, title }: { memory: MemoryHeader | Memory; title: string }) {
  const original = memory.assets.find((asset) => asset.kind === "original");
  const isMoving = original?.mimeType === "image/gif" && original.bytes <= MOVING_BYTES_MAX;
  if (original === undefined && !hasAsset(memory as MemoryHeader, "display")) {
    return <p class="quiet">{text.links.noOriginalHere}</p>;
  }
  if (memory.type === "video" || memory.type === "audio") {
    return <Player id={memory.id} isVideo={memory.type === "video"} title={title} />;
  }
  if (!hasAsset(memory as MemoryHeader, "display")) return <p class="quiet">{text.viewer.noPicture}</p>;
  const size = original?.width === undefined ? {} : { maxWidth: `${original.width}px` };
  return (
    <div class="picture-place" style={size}>
      <Picture memory={memory} kind={isMoving ? "original" : "display"} alt={title} />
    </div>
  );
}

function Player({ id, isVideo, title }: { id: string; isVideo: boolean; title: string }) {
  const [source, setSource] = useState<string | undefined>(undefined);
  const [isUnplayable, setUnplayable] = useState(false);
  useEffect(() => {
    void pictureUrl(id, "original").then(setSource);
  }, [id]);
  if (isUnplayable) return <p class="quiet">{text.viewer.cannotPlay}</p>;
  if (source === undefined) return null;
  const refuse = () => setUnplayable(true);
  // A browser that knows the sound and not the picture plays an empty box.
  const look = (event: { currentTarget: HTMLVideoElement }) => {
    if (event.currentTarget.videoWidth === 0) refuse();
  };
  return isVideo ? (
    // biome-ignore lint/a11y/useMediaCaption: the service stores no captions
    <video src={source} controls aria-label={title} onError={refuse} onLoadedMetadata={look} />
  ) : (
    // biome-ignore lint/a11y/useMediaCaption: the service stores no captions
    <audio src={source} controls aria-label={title} onError={refuse} />
  );
}
