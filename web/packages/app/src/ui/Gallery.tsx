// The grid of memories. It owns which tiles are drawn (those in view and a few more, however many there are) and the
// keyboard's way through them.

import type { MemoryHeader } from "@keepsake/sdk";
import { useEffect, useRef, useState } from "preact/hooks";
import { date } from "../format.js";
import { account } from "../state/account.js";
import { hasRole, openCapsule } from "../state/capsules.js";
import { galleryError, hasMore, isLoading, loadMore, memories } from "../state/gallery.js";
import { hasAsset } from "../state/pictures.js";
import { view as viewMemory } from "../state/viewing.js";
import { text } from "../text.js";
import { Picture } from "./Picture.js";
import { type GridView, useGrid } from "./use-grid.js";

export function Gallery() {
  const count = memories.value.length;
  return (
    <section class="gallery" aria-labelledby="gallery-title" aria-busy={isLoading.value}>
      <div class="gallery-head">
        <h2 id="gallery-title" tabIndex={-1}>
          {text.gallery.title}
        </h2>
        <p class="quiet">
          {text.gallery.count(hasMore.value ? (openCapsule.value?.memoryCount ?? count) : count)}
        </p>
      </div>
      {galleryError.value === undefined ? null : (
        <p role="alert">
          {galleryError.value}{" "}
          <button type="button" onClick={() => void loadMore()}>
            {text.tryAgain}
          </button>
        </p>
      )}
      {count > 0 ? <Grid /> : <Empty />}
      {isLoading.value && count > 0 ? <p class="quiet">{text.gallery.loadingMore}</p> : null}
    </section>
  );
}

function Empty() {
  if (isLoading.value || galleryError.value !== undefined) return null;
  // A link that is over: nothing will ever be here.
  if (openCapsule.value === undefined && account().isByLink) return null;
  const mayAdd = hasRole(openCapsule.value, "member");
  return <p class="quiet empty">{mayAdd ? text.gallery.empty : text.gallery.emptyReadOnly}</p>;
}

function Grid() {
  const list = useRef<HTMLUListElement>(null);
  const items = memories.value;
  const view = useGrid(list, items.length);
  const [current, setCurrent] = useState(0);
  const at = Math.min(current, items.length - 1);
  useEffect(() => {
    if (view.end >= items.length - view.columns && hasMore.value) void loadMore();
  }, [view.end, items.length, view.columns]);

  const move = (index: number) => {
    const next = Math.max(0, Math.min(items.length - 1, index));
    setCurrent(next);
    view.reveal(next);
    // Once the tile is drawn.
    requestAnimationFrame(() => requestAnimationFrame(() => focusTile(list.current, next)));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const to = target(event.key, at, view.columns, items.length);
    if (to === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    move(to);
  };
  // The tile that the keyboard is at stays drawn, or Tab would lose its place.
  const shown = range(view.start, view.end);
  if (!shown.includes(at)) shown.push(at);
  return (
    <ul ref={list} class="grid" style={{ height: `${view.height}px` }} onKeyDown={onKeyDown}>
      {shown.map((index) => {
        const memory = items[index];
        if (memory === undefined) return null;
        return (
          <Tile
            key={memory.id}
            memory={memory}
            index={index}
            count={items.length}
            view={view}
            isCurrent={index === at}
            onFocus={() => setCurrent(index)}
          />
        );
      })}
    </ul>
  );
}

function Tile(props: {
  memory: MemoryHeader;
  index: number;
  count: number;
  view: GridView;
  isCurrent: boolean;
  onFocus: () => void;
}) {
  const { memory, index, view } = props;
  const title = memory.title ?? text.gallery.types[memory.type];
  const when = date(memory.dateOfMemory ?? memory.createdAt);
  const place = view.placeOf(index);
  return (
    <li
      style={{
        transform: `translate(${place.x}px, ${place.y}px)`,
        width: `${view.tile}px`,
        height: `${view.tile}px`,
      }}
      aria-setsize={hasMore.value ? -1 : props.count}
      aria-posinset={index + 1}
    >
      <button
        type="button"
        class="tile"
        data-index={index}
        tabIndex={props.isCurrent ? 0 : -1}
        aria-haspopup="dialog"
        aria-label={text.gallery.tile(title, text.gallery.types[memory.type], when)}
        onFocus={props.onFocus}
        onClick={() => viewMemory(memory.id)}
      >
        {hasAsset(memory, "thumbnail") ? (
          <Picture memory={memory} kind="thumbnail" alt="" />
        ) : (
          <span class="no-picture">
            <span>{text.gallery.types[memory.type]}</span>
            <span class="name">{title}</span>
          </span>
        )}
      </button>
    </li>
  );
}

function focusTile(list: HTMLElement | null, index: number): void {
  list?.querySelector<HTMLElement>(`[data-index="${index}"]`)?.focus({ preventScroll: true });
}

function target(key: string, at: number, columns: number, count: number): number | undefined {
  switch (key) {
    case "ArrowLeft":
      return at - 1;
    case "ArrowRight":
      return at + 1;
    case "ArrowUp":
      return at - columns >= 0 ? at - columns : at;
    case "ArrowDown":
      return at + columns;
    case "PageUp":
      return at - columns * 4;
    case "PageDown":
      return at + columns * 4;
    case "Home":
      return 0;
    case "End":
      return count - 1;
    default:
      return undefined;
  }
}

function range(start: number, end: number): number[] {
  return Array.from({ length: Math.max(0, end - start) }, (_, offset) => start + offset);
}
