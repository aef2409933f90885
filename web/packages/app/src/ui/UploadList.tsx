// Every file on its way, with both its lanes, its rate, and the time left. It owns how a row looks.

import type { LaneProgress } from "@keepsake/sdk";
import { useEffect, useRef, useState } from "preact/hooks";
import { bytes, rate, timeLeft } from "../format.js";
import { addFiles, remove, retry, togglePause } from "../state/uploader.js";
import { clearFinished, type RowState, rows, shownRows, tally, type UploadRow } from "../state/uploads.js";
import { view } from "../state/viewing.js";
import { text } from "../text.js";
import { Sign } from "./Sign.js";

const WAITING: LaneProgress = { state: "waiting", bytesSent: 0, bytesTotal: 0 };
/** How often the sum is read out: each change would never let a screen reader finish. */
const TOLD_EVERY_MS = 5_000;

export function UploadList() {
  if (rows.value.length === 0) return <Told />;
  const hidden = rows.value.length - shownRows.value.length;
  return (
    <section class="uploads" aria-label={text.upload.list}>
      <div class="uploads-head">
        <p>{summary()}</p>
        {tally.value.missing > 0 ? <ChooseAgain count={tally.value.missing} /> : null}
        {tally.value.done > 0 ? (
          <button type="button" onClick={clearFinished}>
            {text.upload.clear}
          </button>
        ) : null}
      </div>
      <ul>
        {shownRows.value.map((row) => (
          <Row key={row.id} row={row} />
        ))}
      </ul>
      {hidden > 0 ? <p class="quiet">{text.upload.more(hidden)}</p> : null}
      <Told />
    </section>
  );
}

/** All of them at once: one after the other would be a chore. */
function ChooseAgain({ count }: { count: number }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" class="primary" onClick={() => input.current?.click()}>
        {text.upload.chooseMissing(count)}
      </button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        onChange={(event) => {
          addFiles([...(event.currentTarget.files ?? [])]);
          event.currentTarget.value = "";
        }}
      />
    </>
  );
}

function summary(): string {
  const { done, there, total, failed, missing, active, secondsLeft } = tally.value;
  if (active === 0 && failed > 0) return text.upload.someFailed(failed);
  if (active === 0 && missing > 0) return text.upload.someMissing(missing);
  if (active === 0) return text.upload.allDone(done, there);
  return text.upload.summary(done, total, secondsLeft === undefined ? "" : timeLeft(secondsLeft));
}

/** The sum for screen readers. */
function Told() {
  const [told, setTold] = useState("");
  useEffect(() => {
    const tell = () => setTold(rows.peek().length === 0 ? "" : summary());
    const timer = setInterval(tell, TOLD_EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <p class="visually-hidden" aria-live="polite">
      {told}
    </p>
  );
}

function Row({ row }: { row: UploadRow }) {
  const now = row.state.value;
  const original = now.progress?.original ?? { ...WAITING, bytesTotal: row.bytes };
  const derivatives = now.progress?.derivatives ?? WAITING;
  return (
    <li class={`upload-row ${now.phase}`}>
      <div class="upload-name">
        <span class="name" title={row.name}>
          {row.name}
        </span>
        <span class="quiet">{bytes(row.bytes)}</span>
      </div>
      <Actions row={row} now={now} />
      {now.phase === "done" || now.phase === "failed" || now.phase === "missing" ? null : (
        <div class="lanes">
          <span aria-hidden="true">{text.upload.original}</span>
          <Bar label={text.upload.laneOriginal(row.name)} lane={original} />
          <span class="quiet">{text.upload.of(bytes(original.bytesSent), bytes(row.bytes))}</span>
          <span aria-hidden="true">{text.upload.derivatives}</span>
          <Bar label={text.upload.laneDerivatives(row.name)} lane={derivatives} />
          <span class="quiet">{text.upload.lanes[derivatives.state]}</span>
        </div>
      )}
      <p class="upload-state">{stateText(now)}</p>
    </li>
  );
}

function Bar(props: { label: string; lane: LaneProgress }) {
  const { state, bytesSent, bytesTotal } = props.lane;
  const isDone = state === "done" || state === "skipped";
  const max = Math.max(1, bytesTotal);
  return <progress aria-label={props.label} max={max} value={isDone ? max : Math.min(bytesSent, max)} />;
}

function stateText(now: RowState): string {
  const { phase, progress } = now;
  if (phase === "failed") return `${text.upload.phases.failed}: ${now.message ?? ""}`;
  if (phase === "missing") return text.upload.missing;
  if (phase === "done") {
    if (now.alreadyThere) return text.upload.alreadyThere;
    const { state = "done", message = "" } = progress?.derivatives ?? {};
    return state === "skipped" || state === "failed"
      ? text.upload.noPreview(message)
      : text.upload.phases.done;
  }
  if (progress?.offline && phase !== "paused") return text.upload.offline;
  const parts: string[] = [text.upload.phases[phase]];
  if (phase === "uploading" && progress !== undefined) {
    if (progress.bytesPerSecond > 0) parts.push(rate(progress.bytesPerSecond));
    if (progress.secondsLeft !== undefined) parts.push(timeLeft(progress.secondsLeft));
    if (progress.attempt > 1) parts.push(text.upload.retrying(progress.attempt));
  }
  return parts.join(" · ");
}

function Actions({ row, now }: { row: UploadRow; now: RowState }) {
  const { id, name } = row;
  const { phase, memoryId } = now;
  if (phase === "done") {
    return (
      <div class="upload-actions">
        {memoryId === undefined ? null : (
          <Sign sign="open" label={text.upload.view(name)} onClick={() => view(memoryId)} />
        )}
        <Sign sign="close" label={text.upload.dismiss(name)} onClick={() => remove(id)} />
      </div>
    );
  }
  if (phase === "missing") {
    return (
      <div class="upload-actions">
        <Sign sign="close" label={text.upload.dismiss(name)} onClick={() => remove(id)} />
      </div>
    );
  }
  const isPaused = phase === "paused";
  return (
    <div class="upload-actions">
      {phase === "failed" ? (
        <Sign sign="again" label={text.upload.retry(name)} onClick={() => retry(id)} />
      ) : (
        <Sign
          sign={isPaused ? "play" : "pause"}
          label={isPaused ? text.upload.resume(name) : text.upload.pause(name)}
          onClick={() => togglePause(id)}
        />
      )}
      <Sign sign="close" label={text.upload.cancel(name)} onClick={() => remove(id)} />
    </div>
  );
}
