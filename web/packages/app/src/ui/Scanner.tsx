// Reads the code that another device shows, by the camera. It owns the camera while it is drawn, and what is said where there
// is none.

import { useEffect, useRef, useState } from "preact/hooks";
import { text } from "../text.js";
import { Modal } from "./Modal.js";

/** What stands behind the address in a code that this page can use. */
const FRAGMENT = /^#(?:join|invite)=[^&]+$/;

const READ_EVERY_MS = 150;
/** A code that fills a third of the picture is read at this size, and a phone reads it in some milliseconds. */
const SIDE_MAX = 900;

export interface ScannerProps {
  /** `fragment`: such as `#join=CODE`. */
  onFound: (fragment: string) => void;
  onClose: () => void;
}

export function Scanner({ onFound, onClose }: ScannerProps) {
  const video = useRef<HTMLVideoElement>(null);
  const [said, setSaid] = useState<string | undefined>(undefined);
  useEffect(() => {
    const ends = new AbortController();
    const take = (read: string) => {
      const found = fragmentOf(read);
      if (found.fragment === undefined) setSaid(found.said);
      else onFound(found.fragment);
    };
    if (video.current !== null) {
      watchCamera(video.current, take, ends.signal).catch((error: unknown) => setSaid(explainCamera(error)));
    }
    return () => ends.abort();
  }, []);
  return (
    <Modal title={text.scanner.title} onClose={onClose}>
      <p>{text.scanner.lead}</p>
      <video ref={video} class="camera" aria-label={text.scanner.picture} playsInline muted />
      <p role="alert">{said}</p>
    </Modal>
  );
}

async function watchCamera(
  video: HTMLVideoElement,
  onRead: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  // An address without https has no cameras.
  if (navigator.mediaDevices === undefined) throw new DOMException("", "NotFoundError");
  const [stream, { decodeQR }] = await Promise.all([
    navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } }),
    import("qr/decode.js"),
  ]);
  try {
    video.srcObject = stream;
    await video.play();
    while (!signal.aborted) {
      const found = read(video, decodeQR);
      if (found !== undefined) onRead(found);
      await new Promise((resolve) => setTimeout(resolve, READ_EVERY_MS));
    }
  } catch (error) {
    // Closed while it was beginning.
    if (!signal.aborted) throw error;
  } finally {
    for (const track of stream.getTracks()) track.stop();
  }
}

/** What stands in the picture that the camera sees now. */
function read(video: HTMLVideoElement, decodeQR: typeof import("qr/decode.js").decodeQR): string | undefined {
  const { videoWidth, videoHeight } = video;
  const scale = Math.min(1, SIDE_MAX / Math.max(videoWidth, videoHeight));
  const [width, height] = [Math.round(videoWidth * scale), Math.round(videoHeight * scale)];
  if (width === 0 || height === 0) return undefined;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (context === null) return undefined;
  context.drawImage(video, 0, 0, width, height);
  try {
    return decodeQR(context.getImageData(0, 0, width, height));
  } catch {
    // No code in it, or not a whole one.
    return undefined;
  }
}

function fragmentOf(read: string): { fragment?: string; said?: string } {
  const address = URL.canParse(read) ? new URL(read) : undefined;
  if (address === undefined || !FRAGMENT.test(address.hash)) return { said: text.scanner.notACode };
  return address.origin === location.origin
    ? { fragment: address.hash }
    : { said: text.scanner.elsewhere(address.host) };
}

/** https://www.w3.org/TR/mediacapture-streams/#dom-mediadevices-getusermedia */
function explainCamera(error: unknown): string {
  switch (error instanceof Error ? error.name : "") {
    case "NotAllowedError":
    case "SecurityError":
      return text.scanner.denied;
    case "NotReadableError":
    case "AbortError":
      return text.scanner.busy;
    default:
      return text.scanner.none;
  }
}
