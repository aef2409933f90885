// Unfinished uploads: choose the file again to go on, or end them. It owns the choice of a file.

import type { Session } from "@keepsake/sdk";
import { useEffect, useRef } from "preact/hooks";
import { bytes, until } from "../format.js";
import { selectCapsule } from "../state/capsules.js";
import { abandon, loadSessions, sessionsError, type Unfinished, unfinished } from "../state/sessions.js";
import { rows } from "../state/uploads.js";
import { text } from "../text.js";
import { Modal } from "./Modal.js";

const LOOK_EVERY_MS = 3_000;

export function SessionsDialog(props: { onClose: () => void }) {
  useEffect(() => {
    void loadSessions();
    const timer = setInterval(() => void loadSessions(), LOOK_EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <Modal title={text.sessions.title} onClose={props.onClose}>
      {sessionsError.value === undefined ? null : <p role="alert">{sessionsError.value}</p>}
      <p class="quiet">{unfinished.value.length === 0 ? text.sessions.none : text.sessions.lead}</p>
      <ul class="sessions">
        {unfinished.value.map((upload) => (
          <UnfinishedRow key={upload.key} upload={upload} onResumed={props.onClose} />
        ))}
      </ul>
    </Modal>
  );
}

function UnfinishedRow({ upload, onResumed }: { upload: Unfinished; onResumed: () => void }) {
  const session = upload.original;
  const input = useRef<HTMLInputElement>(null);
  const name = upload.name ?? text.sessions.unnamed(session.mimeType ?? "");
  const percent =
    session.bytesTotal === undefined ? 0 : Math.floor((100 * session.bytesReceived) / session.bytesTotal);
  return (
    <li>
      <div>
        <span class="name">{name}</span>
        <span class="quiet">
          {session.bytesTotal === undefined
            ? bytes(session.bytesReceived)
            : text.sessions.received(percent, bytes(session.bytesTotal))}
          {" · "}
          {isRunning(session) ? text.sessions.runningHere : text.sessions.expires(until(session.expiresAt))}
        </span>
      </div>
      {isRunning(session) || (session.kind ?? "original") !== "original" ? null : (
        <>
          <button
            type="button"
            aria-label={text.sessions.resumeNamed(name)}
            onClick={() => input.current?.click()}
          >
            {text.sessions.resume}
          </button>
          <input
            ref={input}
            type="file"
            hidden
            onChange={(event) => {
              const file = event.currentTarget.files?.[0];
              if (file === undefined) return;
              onResumed();
              void goOn(session, file);
            }}
          />
        </>
      )}
      <button
        type="button"
        class="danger"
        aria-label={text.sessions.abortNamed(name)}
        onClick={() => void abandon(upload)}
      >
        {text.sessions.abort}
      </button>
    </li>
  );
}

// The file goes to the capsule that the session belongs to, whichever is open now.
async function goOn(session: Session, file: File): Promise<void> {
  selectCapsule(session.capsuleId);
  const { addFiles } = await import("../state/uploader.js");
  addFiles([file]);
}

function isRunning(session: Session): boolean {
  return rows.value.some(({ bytes, state }) => {
    const { phase } = state.value;
    const isActive = !["done", "failed", "canceled", "missing"].includes(phase);
    return isActive && bytes === session.bytesTotal;
  });
}
