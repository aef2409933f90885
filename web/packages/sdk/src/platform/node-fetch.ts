// Requests in Node, by node:http: it says when the system took bytes, which `fetch` does not, and copies nothing, which
// `fetch` does. Owns connections that are kept, and following a host that moved.

import { Agent, type IncomingMessage, request } from "node:http";
import { Agent as SecureAgent, request as secureRequest } from "node:https";
import { joined, lengthOf, StreamedBody, type WatchedFetch } from "../watched-fetch.js";
import { plainAnswer, plainHeaders } from "./plain-answer.js";

/**
 * Bytes given to the system at once: so many may be on their way unnoticed. More where the one before was taken at once, as
 * each costs some 20 µs; the slowest line that is good enough takes the most within the patience for a stall.
 */
const PIECE_BYTES = 65_536;
const PIECE_BYTES_MAX = 4 * PIECE_BYTES;
const AT_ONCE_MS = 20;
/** Of a body that is read while it goes out, at once. */
const READ_BYTES = 1 << 20;
/** An idle connection is closed before most proxies do it: who closes first never meets a new request half-way. */
const IDLE_MS_MAX = 4_000;
const REDIRECTS_MAX = 5;

const kept = { keepAlive: true, timeout: IDLE_MS_MAX };
const [plainAgent, secureAgent] = [new Agent(kept), new SecureAgent(kept)];

export const nodeFetch: WatchedFetch = async (url, init, onBytes) => {
  let [at, own] = [url, init];
  for (let redirects = 0; ; redirects += 1) {
    const { incoming, parts } = await send(at, own, onBytes);
    const { statusCode = 0, statusMessage = "", headers } = incoming;
    const isMoved =
      statusCode === 307 || statusCode === 308 || (isGet(init) && /^30[12]$/.test(`${statusCode}`));
    if (!isMoved || headers.location === undefined || redirects >= REDIRECTS_MAX) {
      return plainAnswer(statusCode, statusMessage, headers, joined(parts), at.href);
    }
    const next = new URL(headers.location, at);
    if (next.origin !== at.origin) {
      // As browsers do: what opens something here is not for others.
      const left = Object.entries(plainHeaders(init.headers));
      own = { ...init, headers: left.filter(([name]) => name.toLowerCase() !== "authorization") };
    }
    at = next;
  }
};
nodeFetch.takesStreams = true;

interface Answer {
  incoming: IncomingMessage;
  parts: Uint8Array<ArrayBuffer>[];
}

function send(url: URL, init: RequestInit, onBytes: (bytesOut: number) => void): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const isSecure = url.protocol === "https:";
    const body = (init.body ?? new Uint8Array()) as Uint8Array | StreamedBody;
    const headers = plainHeaders(init.headers);
    if (!isGet(init)) {
      headers["content-length"] = String(lengthOf(body));
    }
    const outgoing = (isSecure ? secureRequest : request)(url, {
      method: init.method ?? "GET",
      headers,
      agent: isSecure ? secureAgent : plainAgent,
    });
    const stop = () => {
      if (!isSecure) {
        // What lies in the system's buffer would still go out, and take the line from what comes next. Not offered for TLS.
        outgoing.socket?.resetAndDestroy();
      }
      outgoing.destroy(init.signal?.reason);
    };
    if (init.signal?.aborted) {
      stop();
    }
    init.signal?.addEventListener("abort", stop, { once: true });
    outgoing.once("close", () => init.signal?.removeEventListener("abort", stop));
    outgoing.once("error", reject);
    outgoing.once("response", (incoming) => {
      const parts: Uint8Array<ArrayBuffer>[] = [];
      incoming.on("data", (part: Uint8Array<ArrayBuffer>) => {
        parts.push(part);
        onBytes(Number.POSITIVE_INFINITY);
      });
      incoming.once("error", reject);
      incoming.once("end", () => {
        resolve({ incoming, parts });
        if (!outgoing.writableFinished) {
          // It was refused before it was sent: the rest of it would come in front of the next request.
          outgoing.destroy();
        }
      });
    });
    const write: Write = (piece, next) => outgoing.write(piece, next);
    if (body instanceof StreamedBody) {
      // What cannot be read is why the request ends.
      writeStreamed(body, write, () => outgoing.end(), onBytes).catch((error) => outgoing.destroy(error));
    } else {
      writePieces(body, write, () => outgoing.end(), onBytes);
    }
  });
}

type Write = (piece: Uint8Array, next: (error?: Error | null) => void) => void;

/** Reads on when the system took what was read before. */
async function writeStreamed(
  body: StreamedBody,
  write: Write,
  end: () => void,
  onBytes: (bytesOut: number) => void,
): Promise<void> {
  for (let at = 0; at < body.size; ) {
    const bytes = await body.read(at, Math.min(at + READ_BYTES, body.size));
    const from = at;
    await new Promise<void>((taken) => writePieces(bytes, write, taken, (out) => onBytes(from + out)));
    at += bytes.length;
    body.giveBack(bytes);
  }
  end();
}

/** One piece after the other, each when the system took the one before. */
function writePieces(
  body: Uint8Array,
  write: Write,
  end: () => void,
  onBytes: (bytesOut: number) => void,
): void {
  let at = 0;
  let pieceBytes = PIECE_BYTES;
  let givenMs = 0;
  const next = (error?: Error | null) => {
    if (error) {
      return;
    }
    const nowMs = performance.now();
    if (at > 0) {
      onBytes(at);
      pieceBytes = nowMs - givenMs < AT_ONCE_MS ? Math.min(2 * pieceBytes, PIECE_BYTES_MAX) : PIECE_BYTES;
    }
    if (at >= body.length) {
      end();
      return;
    }
    const piece = body.subarray(at, at + pieceBytes);
    at += piece.length;
    givenMs = nowMs;
    write(piece, next);
  };
  next();
}

function isGet(init: RequestInit): boolean {
  return (init.method ?? "GET") === "GET";
}
