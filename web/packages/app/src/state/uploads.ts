// The files on their way, as rows of a list. It owns the rows and their counts; Uppy and its events are in uploader.ts.

import type { UploadProgress } from "@keepsake/sdk";
import { batch, computed, type Signal, signal } from "@preact/signals";
import { isCutOff } from "./connection.js";

/** `missing`: the browser no longer has the file, and the person has to choose it again. */
export type RowPhase = "queued" | "missing" | UploadProgress["phase"];

export interface RowState {
  phase: RowPhase;
  progress?: UploadProgress;
  /** Why it failed. */
  message?: string;
  /** Once it is uploaded. */
  memoryId?: string;
  alreadyThere?: boolean;
}

export interface UploadRow {
  /** Uppy's id of the file. */
  id: string;
  name: string;
  bytes: number;
  type: string;
  state: Signal<RowState>;
}

export const rows = signal<readonly UploadRow[]>([]);

/** Rows that are shown; the rest is a number. Two hundred rows that all change would keep the page busy. */
const SHOWN_MAX = 40;
const ORDER: Record<RowPhase, number> = {
  failed: 0,
  missing: 0,
  publishing: 1,
  uploading: 1,
  hashing: 1,
  paused: 1,
  queued: 2,
  done: 3,
  canceled: 4,
};

export const shownRows = computed(() =>
  [...rows.value].sort((a, b) => ORDER[a.state.value.phase] - ORDER[b.state.value.phase]).slice(0, SHOWN_MAX),
);

export const tally = computed(() => {
  const counts = {
    total: 0,
    done: 0,
    /** Of those that are done: the capsule had them before. */
    there: 0,
    failed: 0,
    missing: 0,
    active: 0,
    secondsLeft: undefined as number | undefined,
  };
  let bytesLeft = 0;
  let bytesPerSecond = 0;
  for (const { state, bytes } of rows.value) {
    const { phase, progress, alreadyThere } = state.value;
    counts.total += 1;
    if (phase === "done") {
      counts.done += 1;
      counts.there += alreadyThere ? 1 : 0;
    } else if (phase === "missing") counts.missing += 1;
    else if (phase === "failed") counts.failed += 1;
    else if (phase !== "canceled") {
      counts.active += 1;
      bytesLeft += bytes - (progress?.original.bytesSent ?? 0);
      bytesPerSecond += phase === "uploading" ? (progress?.bytesPerSecond ?? 0) : 0;
    }
  }
  // Nobody knows when the connection comes back.
  if (bytesPerSecond > 0 && !isCutOff.value) counts.secondsLeft = bytesLeft / bytesPerSecond;
  return counts;
});

export function addRows(files: readonly (Omit<UploadRow, "state"> & { phase?: RowPhase })[]): void {
  const fresh = new Set(files.map((file) => file.id));
  const added = files.map(({ phase = "queued", ...file }) => ({
    ...file,
    state: signal<RowState>({ phase }),
  }));
  rows.value = [...rows.value.filter((row) => !fresh.has(row.id)), ...added];
}

export function removeRow(id: string): void {
  rows.value = rows.value.filter((row) => row.id !== id);
}

export function clearFinished(): void {
  rows.value = rows.value.filter((row) => row.state.value.phase !== "done");
}

/** Changes a row now. Progress that waits to be drawn is older than this: it is the row's last. */
export function setRow(id: string, state: RowState): void {
  const progress = waiting.get(id);
  waiting.delete(id);
  const row = rows.value.find((candidate) => candidate.id === id);
  if (row !== undefined) row.state.value = { progress: progress ?? row.state.peek().progress, ...state };
}

export function rowState(id: string): RowState | undefined {
  return rows.value.find((row) => row.id === id)?.state.value;
}

const DRAWN_EVERY_MS = 200;
const waiting = new Map<string, UploadProgress>();
let timer: ReturnType<typeof setTimeout> | undefined;

/** Takes progress as often as it comes, and shows it a few times a second, all rows at once. */
export function setProgress(id: string, progress: UploadProgress): void {
  waiting.set(id, progress);
  if (timer === undefined) timer = setTimeout(drawProgress, DRAWN_EVERY_MS);
}

function drawProgress(): void {
  timer = undefined;
  const byId = new Map(rows.value.map((row) => [row.id, row]));
  batch(() => {
    for (const [id, progress] of waiting) {
      const row = byId.get(id);
      const before = row?.state.peek();
      if (row === undefined || before === undefined || before.phase === "done" || before.phase === "failed")
        continue;
      row.state.value = { ...before, phase: progress.phase, progress };
    }
  });
  waiting.clear();
}
