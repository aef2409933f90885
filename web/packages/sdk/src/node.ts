// What only Node has: files on disk, and a key kept in one (key-file.ts). Owns opening, positioned reads, and noticing that a file changed meanwhile.

import { openAsBlob } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { basename } from "node:path";
import { KeepsakeError } from "./errors.js";
import type { UploadSource } from "./upload/types.js";

export { fileIdentity } from "./key-file.js";

/** A file on disk; never whole in memory. `close` it when its upload is over, or leave that to the end of the process. */
export interface FileSource extends UploadSource {
  readonly path: string;
  close(): Promise<void>;
}

/** Opens a file to be uploaded. `type`: MIME type; none: the bytes and the name tell. */
export async function fileSource(
  path: string,
  options: { type?: string; name?: string } = {},
): Promise<FileSource> {
  const file = await openFile(path);
  const { size, mtimeMs } = await file.stat();
  return {
    path,
    name: options.name ?? basename(path),
    type: options.type ?? "",
    size,
    lastModified: Math.trunc(mtimeMs),
    slice: async (start, end) => {
      const bytes = new Uint8Array(end - start);
      return bytes.subarray(0, await readInto(file, bytes, start));
    },
    readInto: (into, start) => readInto(file, into, start),
    asBlob: () => openAsBlob(path),
    isUnchanged: async () => {
      const now = await stat(path).catch(() => undefined);
      return now !== undefined && now.size === size && now.mtimeMs === mtimeMs;
    },
    close: () => file.close(),
  };
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    // Looked at before opening: to open a pipe would wait for its other end.
    if (!(await stat(path)).isFile()) {
      throw new Error("it is no regular file");
    }
    return await open(path, "r");
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `cannot open ${path} (${reason}): check the path`;
    throw new KeepsakeError("InvalidArgument", message, { code: "file_unreadable", detail: reason, cause });
  }
}

/** Fewer than there is room for where the file ends before. */
async function readInto(file: FileHandle, into: Uint8Array, start: number): Promise<number> {
  let filled = 0;
  while (filled < into.length) {
    const { bytesRead } = await file.read(into, filled, into.length - filled, start + filled);
    if (bytesRead === 0) {
      break;
    }
    filled += bytesRead;
  }
  return filled;
}
