// Uppy for this page: the Dashboard to add files, Golden Retriever to go on after a reload, Keepsake to upload.
// It owns the one Uppy and turns its events into rows, messages, and refreshes of the gallery.

import { KeepsakeError } from "@keepsake/sdk";
import { type KeepsakeBody, KeepsakeUploader } from "@keepsake/uppy";
import { effect } from "@preact/signals";
import { type Meta, Uppy, type UppyFile } from "@uppy/core";
import Dashboard from "@uppy/dashboard";
import GoldenRetriever from "@uppy/golden-retriever";
import { text } from "../text.js";
import { account } from "./account.js";
import { mayAdd, whyNotAdd } from "./adding.js";
import { openCapsuleId } from "./capsules.js";
import { isClutter } from "./clutter.js";
import { isSignedOut } from "./connection.js";
import { explain } from "./explain.js";
import { refreshGallery } from "./gallery.js";
import { keptUnder } from "./kept-files.js";
import {
  findMissing,
  forgetMissing,
  type MissingFile,
  missingFilesOf,
  rememberMissing,
  unpublished,
} from "./missing-files.js";
import { notify } from "./notices.js";
import { isDark } from "./theme.js";
import { addRows, removeRow, rowState, rows, setProgress, setRow, tally } from "./uploads.js";
import { lookAgain } from "./watch.js";

interface FileMeta extends Meta {
  /** Where the file goes: the capsule that was open when it was added. */
  capsuleId?: string;
}
type PageFile = UppyFile<FileMeta, KeepsakeBody>;

const FILES_AT_ONCE = 3;
/** What is kept for a reload, bytes: larger files must be chosen again, and go on too. */
const KEPT_FILE_BYTES_MAX = 256 * 2 ** 20;
const KEPT_BYTES_MAX = 2 ** 30;
const PHONE_PX = 640;
const LOCK = "keepsake-restores-uploads";
const LOCK_PATIENCE_MS = 2_000;

export const uppy = makeUppy();

function makeUppy(): Uppy<FileMeta, KeepsakeBody> {
  const { keepsake, principal, isVisitor } = account();
  const made = new Uppy<FileMeta, KeepsakeBody>({
    id: keptUnder(principal),
    autoProceed: true,
    restrictions: { minFileSize: 1, maxFileSize: Number(keepsake.config.capsule_bytes_max) },
    locale: { strings: text.uppy.core, pluralize: text.uppy.pluralize },
    // Here and not when they are added: a change of state for each of many files would cost their number squared.
    onBeforeFileAdded: (file) => accepted(file),
  });
  made.use(KeepsakeUploader, {
    keepsake,
    limit: FILES_AT_ONCE,
    capsuleId: (file) => (file.meta as FileMeta).capsuleId,
  });
  followAdding(made);
  followUploads(made);
  // Whoever only looks has nothing to go on with, and what a link's key once began is nobody's.
  if (!isVisitor) {
    showMissing(missingFilesOf(principal));
    void keepForReload(made);
  }
  warnBeforeClosing();
  return made;
}

/** Shows the Dashboard in `target`; returns what takes it away. */
export function mountDashboard(target: HTMLElement): () => void {
  uppy.use(Dashboard, {
    target,
    inline: true,
    width: "100%",
    height: innerWidth < PHONE_PX ? 170 : 260,
    // The list of uploads beside it shows both lanes, and lane B makes the thumbnails.
    showSelectedFiles: false,
    disableThumbnailGenerator: true,
    // What is wrong with a file is said once, in the page's corner. Uppy's own line also fades in too faint to read.
    disableInformer: true,
    fileManagerSelectionType: "both",
    proudlyDisplayPoweredByUppy: false,
    doneButtonHandler: null,
    // The list has the numbers of each file, and of all.
    hideProgressDetails: true,
    locale: { strings: text.uppy.dashboard },
  });
  const unfollow = effect(() => {
    uppy.getPlugin("Dashboard")?.setOptions({ theme: isDark.value ? "dark" : "light" });
  });
  return () => {
    unfollow();
    const dashboard = uppy.getPlugin("Dashboard");
    if (dashboard !== undefined) uppy.removePlugin(dashboard);
  };
}

/** Adds files that came by another way than the Dashboard: pasted, or dropped beside it. */
export function addFiles(files: readonly File[]): void {
  try {
    uppy.addFiles(files.map((data) => ({ name: data.name, type: data.type, data, source: "page" })));
  } catch {
    // Uppy tells by its events what it did not take.
  }
}

export function togglePause(id: string): void {
  const isPaused = uppy.pauseResume(id);
  const before = rowState(id);
  if (isPaused === undefined || before === undefined) return;
  // A file that waits for its turn has no upload yet that could tell.
  if (before.progress === undefined) setRow(id, { phase: isPaused ? "paused" : "queued" });
}

export function retry(id: string): void {
  setRow(id, { phase: "queued", progress: undefined });
  void uppy.retryUpload(id).catch((error: unknown) => uppy.log(error, "error"));
}

export function remove(id: string): void {
  const row = rows.peek().find((candidate) => candidate.id === id);
  if (row?.state.peek().phase === "missing") forgetMissing(row.name, row.bytes);
  if (uppy.getFile(id) !== undefined) uppy.removeFile(id);
  removeRow(id);
}

function followAdding(made: Uppy<FileMeta, KeepsakeBody>): void {
  made.on("files-added", (files) => {
    for (const { name, size } of files) foundAgain(name, size ?? 0);
    addRows(files.map(rowOf));
    // A browser short of room may otherwise drop the key and the kept files.
    void navigator.storage?.persist?.();
  });
  made.on("restriction-failed", (file, error) => {
    if (whyNotAdd.peek() !== undefined) return notify("error", whyNotAdd.peek() ?? "");
    if (file !== undefined && isClutter(file.name, String(file.meta.relativePath ?? ""))) return;
    notify("error", file === undefined ? error.message : `${file.name}: ${error.message}`);
  });
}

function followUploads(made: Uppy<FileMeta, KeepsakeBody>): void {
  let isNoticed = false;
  made.on("keepsake-progress", (file, progress) => {
    setProgress(file.id, progress);
    if (progress.notice === undefined || isNoticed) return;
    // Of all files the same: once is enough.
    isNoticed = true;
    notify("info", text.notices.aroundBucket);
  });
  made.on("upload-success", (file, response) => {
    if (file === undefined) return;
    const { memoryId, alreadyThere } = response.body ?? {};
    setRow(file.id, { phase: "done", memoryId, alreadyThere });
    if (file.meta.capsuleId === openCapsuleId.peek()) void refreshGallery();
  });
  made.on("upload-error", (file, error) => {
    if (file === undefined) return;
    setRow(file.id, { phase: "failed", message: explain(error) });
    if (error instanceof KeepsakeError && error.kind === "SignedOut") isSignedOut.value = true;
    if (error instanceof KeepsakeError && (error.kind === "Unauthorized" || error.kind === "NotFound")) {
      void lookAgain().catch(() => {});
    }
  });
  made.on("file-removed", (file) => {
    if (rowState(file.id)?.phase !== "done") removeRow(file.id);
  });
  made.on("complete", (result) => {
    // Out of Uppy's list: the same photo may be added again, and the list does not grow for ever.
    const ids = (result.successful ?? []).map((file) => file.id);
    made.removeFiles(ids.filter((id) => made.getFile(id) !== undefined));
  });
}

// One tab at a time: two of them would both go on with the same files.
async function keepForReload(made: Uppy<FileMeta, KeepsakeBody>): Promise<void> {
  made.on("restored", () => {
    goOn(made)
      .then(() => showMissing(missingFilesOf(account().principal)))
      .catch((error: unknown) => made.log(error, "error"));
  });
  const keep = () => {
    const indexedDB = { version: 1, maxFileSize: KEPT_FILE_BYTES_MAX, maxTotalSize: KEPT_BYTES_MAX };
    made.use(GoldenRetriever, { indexedDB });
    // Holds the lock as long as the page lives.
    return new Promise<never>(() => {});
  };
  try {
    await navigator.locks.request(LOCK, { signal: AbortSignal.timeout(LOCK_PATIENCE_MS) }, keep);
  } catch {
    made.log("Another tab keeps its files for a reload; those of this tab have to be chosen again.");
  }
}

/** After a reload: what was not finished goes on, but for what was paused, and what is no longer at hand. */
async function goOn(made: Uppy<FileMeta, KeepsakeBody>): Promise<void> {
  const files = made.getFiles() as PageFile[];
  const finished = files.filter((file) => file.progress.uploadComplete);
  const ghosts = files.filter((file) => file.isGhost && !file.progress.uploadComplete);
  const rest = files.filter((file) => !file.isGhost && !file.progress.uploadComplete);
  // Before Uppy forgets them: the page may be closed while it is asked which of them are published.
  rememberMissing(ghosts.map(missingOf));
  // The uploads that Uppy remembers leave out what failed, and wake what was paused: all begin anew, and send what is missing.
  made.setState({ currentUploads: {}, recoveredState: null });
  made.removeFiles([...finished, ...ghosts].map((file) => file.id));
  if (rest.length > 0) restart(made, rest);
  const missing = await unpublished(account().keepsake, ghosts.map(missingOf));
  for (const { name, size } of ghosts) {
    const isMissing = missing.some((file) => file.name === name && file.bytes === size);
    if (!isMissing) foundAgain(name, size ?? 0);
  }
}

function restart(made: Uppy<FileMeta, KeepsakeBody>, files: PageFile[]): void {
  addRows(files.map((file) => ({ ...rowOf(file), phase: file.isPaused ? "paused" : "queued" })));
  for (const { id, progress } of files) {
    const fresh = { ...progress, uploadStarted: null, bytesUploaded: false as const, percentage: 0 };
    made.setFileState(id, { error: null, progress: fresh });
  }
  notify("info", text.notices.goesOn(files.length));
  made.upload().catch((error: unknown) => made.log(error, "error"));
}

/** Rows for files that the person has to choose again, those of earlier reloads too. */
function showMissing(files: readonly MissingFile[]): void {
  const shown = files.map(({ name, bytes, type }) => ({ id: missingId(name, bytes), name, bytes, type }));
  addRows(shown.map((row) => ({ ...row, phase: "missing" as const })));
}

/** It is chosen again, published after all, or not wanted any more. */
function foundAgain(name: string, bytes: number): void {
  forgetMissing(name, bytes);
  removeRow(missingId(name, bytes));
}

function missingId(name: string, bytes: number): string {
  return `missing/${bytes}/${name}`;
}

function missingOf({ name, size, type, meta }: PageFile): MissingFile {
  return { name, bytes: size ?? 0, type, capsuleId: meta.capsuleId };
}

function warnBeforeClosing(): void {
  addEventListener("beforeunload", (event) => {
    if (tally.peek().active > 0) event.preventDefault();
  });
}

/** False: nobody wants it. A file that is chosen again goes where it was going; one of a folder is called by its path. */
function accepted(file: PageFile): PageFile | false {
  const path = typeof file.meta.relativePath === "string" ? file.meta.relativePath : "";
  if (isClutter(file.name, path)) return false;
  const missing = findMissing(file.name, file.size ?? 0);
  if (account().isVisitor || (missing === undefined && !mayAdd.peek())) return false;
  const capsuleId = missing?.capsuleId ?? openCapsuleId.peek();
  const title = path.includes("/") ? { title: path } : {};
  return { ...file, meta: { capsuleId, ...title, ...file.meta } };
}

function rowOf(file: PageFile): { id: string; name: string; bytes: number; type: string } {
  return { id: file.id, name: file.name, bytes: file.size ?? 0, type: file.type };
}
