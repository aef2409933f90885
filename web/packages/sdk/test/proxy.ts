// A proxy before a real host, which can do what proxies and lines do: answer for it, refuse what is large, fall silent.
// Owns the forwarding; a test says what becomes of each request.

import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Host } from "./serving.js";

/** What to do with a request instead of forwarding it. */
export type Deed =
  | { status: number; headers?: Record<string, string>; body?: string }
  /** Takes no byte and answers nothing; the connection stays. */
  | "silence"
  /** Forwards it, and keeps the answer. */
  | "deaf"
  /** Forwards it, and cuts the line when the answer comes. */
  | "lose";

export interface Met {
  /** Of all requests, from 1. */
  count: number;
  /** Chunks without envelopes are updates too. */
  isUpdate: boolean;
  isPut: boolean;
  url: string;
  /** As the head says. */
  bytes: number;
  /** When it came, by `performance.now()`. */
  atMs: number;
  /** The host's answer was handed on. */
  isAnswered: boolean;
}

export class FaultyProxy {
  readonly url: string;
  readonly met: Met[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async before(host: Pick<Host, "url">, deed: (met: Met) => Deed | undefined): Promise<FaultyProxy> {
    let proxy: FaultyProxy | undefined;
    const server = createServer((incoming, outgoing) => {
      const bytes = Number(incoming.headers["content-length"] ?? 0);
      const isPut = incoming.method === "PUT";
      const isUpdate = isPut || (incoming.url?.endsWith("/call") ?? false);
      const [count, atMs] = [(proxy?.met.length ?? 0) + 1, performance.now()];
      const met = { count, isUpdate, isPut, url: incoming.url ?? "", bytes, atMs, isAnswered: false };
      proxy?.met.push(met);
      const onAnswered = () => {
        met.isAnswered = true;
      };
      act(host, deed(met), incoming, outgoing, onAnswered);
    });
    server.listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    proxy = new FaultyProxy(server);
    return proxy;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

function act(
  host: Pick<Host, "url">,
  deed: Deed | undefined,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  onAnswered: () => void,
): void {
  if (deed === "silence") {
    return;
  }
  if (typeof deed === "object") {
    incoming.resume();
    outgoing.writeHead(deed.status, deed.headers).end(deed.body ?? "");
    return;
  }
  const { method, headers } = incoming;
  const forwarded = request(new URL(incoming.url ?? "/", host.url), { method, headers }, (answer) => {
    if (deed === "lose") {
      answer.resume();
      outgoing.destroy();
    } else if (deed !== "deaf") {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(outgoing).once("finish", onAnswered);
    }
  });
  forwarded.on("error", () => outgoing.destroy());
  incoming.on("error", () => forwarded.destroy());
  incoming.pipe(forwarded);
}
