// A memory's picture: its placeholder at once, then the sharper one over it. It owns the two images.

import type { AssetKind, MemoryHeader } from "@keepsake/sdk";
import { useEffect, useState } from "preact/hooks";
import { hasAsset, pictureUrl, renewToken } from "../state/pictures.js";

export interface PictureProps {
  memory: Pick<MemoryHeader, "id" | "assets">;
  kind: Extract<AssetKind, "thumbnail" | "display" | "original">;
  /** What the picture is called; empty where the text beside it says so. */
  alt: string;
}

export function Picture({ memory, kind, alt }: PictureProps) {
  const [urls, setUrls] = useState<{ placeholder?: string; picture?: string }>({});
  const [isLoaded, setLoaded] = useState(false);
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    let isShown = true;
    const ask = async () => {
      const placeholder = hasAsset(memory as MemoryHeader, "placeholder")
        ? await pictureUrl(memory.id, "placeholder")
        : undefined;
      const picture = await pictureUrl(memory.id, kind);
      if (isShown) setUrls({ placeholder, picture });
    };
    void ask();
    return () => {
      isShown = false;
    };
  }, [memory.id, kind, attempt]);
  return (
    <span class={isLoaded ? "picture loaded" : "picture"}>
      {urls.placeholder === undefined ? null : (
        <img class="placeholder" src={urls.placeholder} alt="" aria-hidden="true" decoding="async" />
      )}
      {urls.picture === undefined ? null : (
        <img
          class="sharp"
          src={urls.picture}
          alt={alt}
          decoding="async"
          onLoad={() => setLoaded(true)}
          onError={() => {
            // Once more with a new token: the old one may have ended.
            if (attempt > 0) return;
            renewToken(memory.id);
            setAttempt(1);
          }}
        />
      )}
    </span>
  );
}
