// Which tiles of a long grid are in view of the page, and where each of them is. It owns the measuring.

import type { RefObject } from "preact";
import { useEffect, useState } from "preact/hooks";

const GAP = 6;
const TILE_MIN = 104;
const TILE_WISHED = 168;
const COLUMNS_MIN = 3;
/** Rows drawn above and below what is seen, so that scrolling shows pictures and not gaps. */
const ROWS_BEYOND = 3;

export interface GridView {
  columns: number;
  /** Side of a tile, px. */
  tile: number;
  /** Of the whole grid, px. */
  height: number;
  /** The first tile drawn, and the one after the last. */
  start: number;
  end: number;
  placeOf(index: number): { x: number; y: number };
  /** Scrolls the page until the tile is in view. */
  reveal(index: number): void;
}

interface Measured {
  width: number;
  firstRow: number;
  lastRow: number;
}

export function useGrid(list: RefObject<HTMLElement>, count: number): GridView {
  const [measured, setMeasured] = useState<Measured>({ width: 0, firstRow: 0, lastRow: ROWS_BEYOND });
  const { columns, tile } = layout(measured.width);
  const rowHeight = tile + GAP;
  useEffect(() => {
    const element = list.current;
    if (element === null) return;
    let frame = 0;
    const measure = () => {
      frame = 0;
      const now = look(element);
      setMeasured((before) => (same(before, now) ? before : now));
    };
    const later = () => {
      if (frame === 0) frame = requestAnimationFrame(measure);
    };
    const observer = new ResizeObserver(later);
    observer.observe(element);
    observer.observe(document.body);
    addEventListener("scroll", later, { passive: true });
    addEventListener("resize", later, { passive: true });
    measure();
    return () => {
      cancelAnimationFrame(frame);
      observer.disconnect();
      removeEventListener("scroll", later);
      removeEventListener("resize", later);
    };
  }, [list]);
  const rows = Math.ceil(count / columns);
  return {
    columns,
    tile,
    height: Math.max(0, rows * rowHeight - GAP),
    start: Math.min(count, Math.max(0, measured.firstRow * columns)),
    end: Math.min(count, (measured.lastRow + 1) * columns),
    placeOf: (index) => ({
      x: (index % columns) * (tile + GAP),
      y: Math.floor(index / columns) * rowHeight,
    }),
    reveal: (index) => reveal(list.current, Math.floor(index / columns) * rowHeight, tile),
  };
}

function layout(width: number): { columns: number; tile: number } {
  const columns = Math.max(COLUMNS_MIN, Math.floor((width + GAP) / (TILE_WISHED + GAP)));
  return { columns, tile: Math.max(TILE_MIN / 2, Math.floor((width - GAP * (columns - 1)) / columns)) };
}

function look(element: HTMLElement): Measured {
  const box = element.getBoundingClientRect();
  const rowHeight = layout(box.width).tile + GAP;
  const firstRow = Math.max(0, Math.floor(-box.top / rowHeight) - ROWS_BEYOND);
  const lastRow = Math.max(0, Math.ceil((innerHeight - box.top) / rowHeight) + ROWS_BEYOND);
  return { width: box.width, firstRow, lastRow };
}

function same(a: Measured, b: Measured): boolean {
  return a.width === b.width && a.firstRow === b.firstRow && a.lastRow === b.lastRow;
}

function reveal(element: HTMLElement | null, y: number, tile: number): void {
  if (element === null) return;
  const top = element.getBoundingClientRect().top + y;
  const margin = tile / 2;
  if (top < margin) scrollBy({ top: top - margin });
  else if (top + tile > innerHeight - margin) scrollBy({ top: top + tile - innerHeight + margin });
}
