// A request that tells of every byte which moves. Owns the shape, and what is left of it where a caller brings a `fetch`
// of their own: that one tells of nothing until the answer begins. The platforms' own are in platform/.

/**
 * As `fetch`, with `onBytes` called whenever bytes went out or came in, with the number of those that went out so far: the
 * system or the browser took them, which is not yet the other end. The answer is whole when it resolves.
 */
export interface WatchedFetch {
  (url: URL, init: RequestInit, onBytes: (bytesOut: number) => void): Promise<Response>;
  /** It cannot tell of the bytes that go out. */
  isBlind?: boolean;
  /** It reads a `Blob` by itself, without bringing the bytes here first. */
  takesBlobs?: boolean;
  /** It reads a {@link StreamedBody} while that goes out. */
  takesStreams?: boolean;
}

/** A body that is read while it goes out: it is never whole in memory. */
export class StreamedBody {
  /** Bytes. */
  readonly size: number;
  /** Exactly the bytes from `start` up to `end`. */
  readonly read: (start: number, end: number) => Promise<Uint8Array>;
  /** Nobody looks at these any more. */
  readonly giveBack: (piece: Uint8Array) => void;

  constructor({ size, read, giveBack }: Pick<StreamedBody, "size" | "read" | "giveBack">) {
    this.size = size;
    this.read = read;
    this.giveBack = giveBack;
  }
}

export type Body = Blob | Uint8Array | StreamedBody;

/** Bytes of it. */
export function lengthOf(body: Body | undefined): number {
  return body instanceof Uint8Array ? body.byteLength : (body?.size ?? 0);
}

export function watchedBy(plain: typeof fetch): WatchedFetch {
  const watched: WatchedFetch = async (url, init, onBytes) => {
    const response = await plain(url, init);
    const parts: Uint8Array<ArrayBuffer>[] = [];
    for await (const part of response.body ?? []) {
      parts.push(part as Uint8Array<ArrayBuffer>);
      onBytes(Number.POSITIVE_INFINITY);
    }
    return answerOf(response.status, response.statusText, response.headers, parts, response.url || url.href);
  };
  watched.isBlind = true;
  return watched;
}

/** An answer that came whole. */
export function answerOf(
  status: number,
  statusText: string,
  headers: Headers,
  parts: Uint8Array<ArrayBuffer>[],
  url: string,
): Response {
  const bytes = joined(parts);
  const response = new Response(bytes.length === 0 ? null : bytes, { status, statusText, headers });
  // The agent looks at it to tell which interface a host lacks.
  Object.defineProperty(response, "url", { value: url });
  return response;
}

export function joined(parts: Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  const [first] = parts;
  if (first && parts.length === 1) {
    return first;
  }
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
