// One memory, large: its picture, what is known about it, download and deletion, and the way to its neighbours.
// It owns the memory that it asked for.

import type { Memory, MemoryHeader } from "@keepsake/sdk";
import { useEffect, useState } from "preact/hooks";
import { account } from "../state/account.js";
import { hasRole, openCapsule } from "../state/capsules.js";
import { explain } from "../state/explain.js";
import { forget, hasMore, loadMore, memories, refreshGallery } from "../state/gallery.js";
import { notify } from "../state/notices.js";
import { pictureUrl } from "../state/pictures.js";
import { savedAt } from "../state/saving.js";
import { closeViewer, view } from "../state/viewing.js";
import { text } from "../text.js";
import { Confirm } from "./Confirm.js";
import { Details } from "./Details.js";
import { Modal } from "./Modal.js";
import { ShareDialog } from "./ShareDialog.js";
import { Stage } from "./Stage.js";

export function Viewer({ id }: { id: string }) {
  const [memory, setMemory] = useState<Memory | undefined>(undefined);
  const [failure, setFailure] = useState<string | undefined>(undefined);
  const [isAsking, setAsking] = useState(false);
  const [isSharing, setSharing] = useState(false);
  const items = memories.value;
  const index = items.findIndex((item) => item.id === id);
  useEffect(() => {
    let isShown = true;
    setMemory(undefined);
    setFailure(undefined);
    account()
      .keepsake.memories.read(id)
      .then(
        (found) => isShown && setMemory(found),
        (error: unknown) => isShown && setFailure(explain(error)),
      );
    if (index >= items.length - 2 && hasMore.value) void loadMore();
    return () => {
      isShown = false;
    };
  }, [id]);

  const header: MemoryHeader | Memory | undefined = items[index] ?? memory;
  const title = header?.title ?? (header === undefined ? text.loading : text.gallery.types[header.type]);
  const go = (to: number) => {
    const next = items[to];
    if (next !== undefined) view(next.id);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (!(event.target instanceof Element) || event.target instanceof HTMLMediaElement) return;
    // What is asked before it has its own keys, until it is closed and no longer.
    if (event.target.closest("dialog") !== event.currentTarget) return;
    const to = { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: items.length - 1 }[event.key];
    if (to === undefined || index < 0) return;
    event.preventDefault();
    go(to);
  };
  return (
    <Modal title={title} class="viewer" onClose={closeViewer} onKeyDown={onKeyDown}>
      <div class="viewer-body">
        <div class="stage">
          {failure === undefined ? null : <p role="alert">{failure}</p>}
          {header === undefined || failure !== undefined ? null : (
            <Stage memory={header} title={title} key={id} />
          )}
        </div>
        <div class="side">
          <div class="viewer-actions">
            <button type="button" disabled={index <= 0} onClick={() => go(index - 1)}>
              ← {text.viewer.previous}
            </button>
            <button
              type="button"
              disabled={index < 0 || index >= items.length - 1}
              onClick={() => go(index + 1)}
            >
              {text.viewer.next} →
            </button>
            {index < 0 ? null : (
              <span class="quiet">
                {text.viewer.position(
                  index + 1,
                  hasMore.value ? (openCapsule.value?.memoryCount ?? items.length) : items.length,
                )}
              </span>
            )}
          </div>
          {memory === undefined ? null : (
            <>
              <Details memory={memory} />
              <div class="viewer-actions">
                <Download memory={memory} key={memory.id} />
                {hasRole(openCapsule.value, "owner") ? (
                  <button type="button" aria-haspopup="dialog" onClick={() => setSharing(true)}>
                    {text.links.share}
                  </button>
                ) : null}
                {mayDelete(memory) ? (
                  <button type="button" class="danger" onClick={() => setAsking(true)}>
                    {text.viewer.remove}
                  </button>
                ) : null}
              </div>
            </>
          )}
        </div>
      </div>
      {isSharing && memory !== undefined ? (
        <ShareDialog capsuleId={memory.capsuleId} memories={[memory.id]} onClose={() => setSharing(false)} />
      ) : null}
      {isAsking ? (
        <Confirm
          title={text.viewer.removeTitle(title)}
          lead={text.viewer.removeLead}
          action={text.viewer.removeConfirm}
          onCancel={() => setAsking(false)}
          onConfirm={async () => {
            if (await removed(id, title)) moveOn(index);
            setAsking(false);
          }}
        />
      ) : null}
    </Modal>
  );
}

function mayDelete(memory: Memory): boolean {
  const capsule = openCapsule.value;
  const isMine = memory.creator.toText() === account().principal;
  return hasRole(capsule, "admin") || (isMine && hasRole(capsule, "member"));
}

async function removed(id: string, title: string): Promise<boolean> {
  try {
    await account().keepsake.memories.delete(id);
  } catch (error) {
    notify("error", explain(error));
    return false;
  }
  forget(id);
  notify("info", text.notices.deleted(title));
  void refreshGallery();
  return true;
}

// After a deletion the next memory has taken the place of the one that is gone.
function moveOn(index: number): void {
  const items = memories.value;
  const next = index < 0 ? undefined : (items[index] ?? items.at(-1));
  if (next === undefined) closeViewer();
  else view(next.id);
}

/** A plain link: the browser streams the file to disk, however large it is. */
function Download({ memory }: { memory: Memory }) {
  const [href, setHref] = useState<string | undefined>(undefined);
  useEffect(() => {
    void pictureUrl(memory.id, "original").then(setHref);
  }, [memory.id]);
  const original = memory.assets.find((asset) => asset.kind === "original");
  // A link may show a memory without it.
  if (original === undefined) return null;
  const name = original.name ?? memory.title ?? memory.id;
  return (
    <a class="button" href={href && savedAt(href)} download={name}>
      {text.viewer.download}
    </a>
  );
}
