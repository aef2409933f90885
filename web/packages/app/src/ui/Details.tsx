// What is known about a memory, as a list of names and values. It owns nothing.

import type { Memory } from "@keepsake/sdk";
import { bytes, date, dateTime, hexadecimal } from "../format.js";
import { text } from "../text.js";

export function Details({ memory }: { memory: Memory }) {
  const original = memory.assets.find((asset) => asset.kind === "original");
  const lines: [string, string | undefined][] = [
    [text.viewer.fileName, original?.name],
    [text.viewer.type, original?.mimeType ?? memory.contentType],
    [text.viewer.size, original === undefined ? undefined : bytes(original.bytes)],
    [
      text.viewer.pixels,
      original?.width === undefined ? undefined : `${original.width} × ${original.height}`,
    ],
    [text.viewer.taken, memory.dateOfMemory === undefined ? undefined : date(memory.dateOfMemory)],
    [text.viewer.uploaded, dateTime(memory.uploadedAt)],
    [text.viewer.sha256, original?.sha256 === undefined ? undefined : hexadecimal(original.sha256)],
  ];
  return (
    <dl class="details" aria-label={text.viewer.details}>
      {lines.map(([name, value]) =>
        value === undefined ? null : (
          <div key={name}>
            <dt>{name}</dt>
            <dd class={name === text.viewer.sha256 ? "hash" : undefined}>{value}</dd>
          </div>
        ),
      )}
    </dl>
  );
}
