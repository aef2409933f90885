// One connection to one service: the agents, and the loop that sends a message until it is answered.
// Owns retries, the checks that stay on (certificates, signatures), and the choice of the root key. Owns no method.

import {
  Actor,
  type ActorSubclass,
  AnonymousIdentity,
  type HttpAgent,
  type Identity,
} from "@icp-sdk/core/agent";
import { Principal } from "@icp-sdk/core/principal";
import { platform } from "#platform";
import type { _SERVICE, Error as ServiceError } from "../generated/keepsake.did.js";
import { idlFactory } from "../generated/keepsake.did.js";
import { type RemoteSender, Unreadable, WorkerMissing } from "./background/client.js";
import type { LargeAnswer, LargeCall, LargeMethod } from "./background/messages.js";
import { encodingError } from "./encoding.js";
import { endOf, type Signer, signerOf } from "./envelope.js";
import { KeepsakeError, linkOnlyLooks, refusal, throwIfAborted } from "./errors.js";
import { FastAgent } from "./fast-agent.js";
import { type Fault, understand, wrongClock } from "./faults.js";
import { readBlobs, readWhole } from "./hash/pieces.js";
import { isOfLink } from "./identity/of-link.js";
import { isMainnet } from "./mainnet.js";
import { NodeKeys } from "./node-keys.js";
import { type PutChunk, type PutEnd, putChunk, Unanswered } from "./put-chunk.js";
import { Attempts, RETRY_DEFAULT } from "./retry.js";
import { Patience, timedFetch } from "./timed-fetch.js";
import type { KeepsakeOptions, RetryPolicy } from "./types.js";
import type { OpenSource } from "./upload/source.js";
import { orAborted, pause } from "./wait.js";
import { type Body, StreamedBody, type WatchedFetch, watchedBy } from "./watched-fetch.js";

/** Clocks that differ by less agree. */
const CLOCKS_AGREE_MS = 30_000;

export type Service = ActorSubclass<_SERVICE>;
type Method = keyof _SERVICE;
type Args<M extends Method> = Parameters<_SERVICE[M]>;
type Reply<M extends Method> = Awaited<ReturnType<_SERVICE[M]>>;
/** What `Ok` holds in the answers of a method. */
export type Ok<M extends Method> = Extract<Reply<M>, { Ok: unknown }>["Ok"];

/** How one message is sent. */
export interface Sending {
  /** Whose requests end with `signal`; see `Connection.scoped`. */
  service?: Service;
  signal?: AbortSignal;
  policy?: RetryPolicy;
  /** It may run at most once: sent again only where it surely did not run. */
  once?: boolean;
  /** It deletes: `NotFound` on a later attempt means that an earlier one did it. */
  goneIsDone?: boolean;
  /** Told of every failed attempt that is followed by another one. */
  onRetry?: (failures: number, fault: Fault) => void;
}

export class Connection {
  readonly host: URL;
  readonly canisterId: Principal;
  readonly identity: Identity;
  readonly policy: RetryPolicy;
  readonly service: Service;
  readonly #agent: HttpAgent;
  readonly #fetch: WatchedFetch;
  readonly #ownFetch: boolean;
  readonly #patience: Patience;
  /** By origin. */
  readonly #elsewhere = new Map<string, Patience>();
  readonly #nodeKeys = new NodeKeys();
  readonly #signer: Signer | undefined;
  #lastTask: Promise<void> = Promise.resolve();

  constructor(options: KeepsakeOptions) {
    this.host = parseHost(options.host);
    this.canisterId = parseCanisterId(options.canisterId);
    this.identity = options.identity ?? new AnonymousIdentity();
    this.policy = { ...RETRY_DEFAULT, ...options.retry };
    this.#patience = new Patience(this.policy.stallMs);
    this.#ownFetch = options.fetch !== undefined;
    this.#fetch = options.fetch ? watchedBy(options.fetch) : platform.fetch;
    this.#signer = signerOf(this.identity);
    this.#agent = this.#makeAgent(options.rootKey);
    this.service = this.#actor(this.#agent);
  }

  /** Whether the host belongs to the Internet Computer. */
  get isMainnet(): boolean {
    return isMainnet(this.host);
  }

  /** The key that answers are checked against; there once the connection is ready. */
  get rootKey(): Uint8Array {
    return this.#agent.rootKey ?? new Uint8Array();
  }

  /** Throws `link_only_looks` where this is a link's connection; `what` is to be done. */
  checkMayChange(what: string): void {
    if (isOfLink(this.identity)) {
      throw linkOnlyLooks(what);
    }
  }

  /** Fetches the root key where it is not built in. Everything later is checked against it. */
  async ready(policy: RetryPolicy): Promise<void> {
    if (this.#agent.rootKey === null) {
      await this.attempt("status", () => this.#agent.fetchRootKey(), { policy });
    }
  }

  /** The service, by an agent whose requests end when `signal` fires. */
  scoped(signal: AbortSignal): Service {
    return this.#actor(this.#makeAgent(this.#agent.rootKey ?? undefined, signal));
  }

  /** Sends large messages apart from the page; undefined where this platform, identity or `fetch` does not allow it. */
  async remoteSender(): Promise<RemoteSender | undefined> {
    const { rootKey } = this.#agent;
    const signer = this.#signer;
    if (this.#ownFetch || !platform.remoteSender || !rootKey || !signer) {
      return undefined;
    }
    const envelope = await signer.envelope();
    const setup = {
      host: this.host.href,
      canisterId: this.canisterId.toText(),
      rootKey,
      principal: this.identity.getPrincipal().toUint8Array(),
      stallMs: this.policy.stallMs,
    };
    return envelope && platform.remoteSender({ ...setup, envelope }, (bytes) => signer.sign(bytes));
  }

  /**
   * Sends a large message: as `first` does where it can, else by `remote` where there is one. `make` is asked anew for each
   * attempt.
   */
  async callLarge<M extends LargeMethod>(
    remote: () => Promise<RemoteSender | undefined>,
    method: M,
    make: () => Promise<Omit<LargeCall, "method">>,
    sending: Sending,
    first?: (call: Omit<LargeCall, "method">) => Promise<LargeAnswer | undefined>,
  ): Promise<Ok<M>> {
    const local = async ({ args }: Omit<LargeCall, "method">) => {
      const list = (await readable(readBlobs(args))) as unknown[];
      return await this.#sendTo<LargeAnswer>(sending.service ?? this.service, method, list);
    };
    const send = async () => {
      const call = await make();
      const done = await first?.(call);
      if (done) {
        return done;
      }
      try {
        const answer = (await remote())?.call({ method, ...call });
        return await (answer ? orAborted(answer, sending.signal, method) : local(call));
      } catch (error) {
        if (error instanceof WorkerMissing) {
          return await local(call);
        }
        throw error;
      }
    };
    const answer = await this.attempt(method, send, sending);
    if ("Err" in answer) {
      throw refusal(method, answer.Err);
    }
    return answer.Ok as Ok<M>;
  }

  /** Sends a chunk once, without an envelope; see `putChunk`. */
  async put(chunk: PutChunk, signal: AbortSignal | undefined): Promise<PutEnd> {
    const fetch = timedFetch(this.#fetch, this.#patience, signal);
    const { body } = chunk;
    if (!(body instanceof Blob)) {
      return await putChunk(fetch, this.host, chunk);
    }
    if (!this.#fetch.takesBlobs) {
      return await putChunk(fetch, this.host, { ...chunk, body: await readable(readWhole(body, body.size)) });
    }
    try {
      return await putChunk(fetch, this.host, chunk);
    } catch (error) {
      if (error instanceof Unanswered) {
        // A file that is gone fails as a host that is.
        await readable(readWhole(body, body.size));
      }
      throw error;
    }
  }

  /** One plain request, to the host or to where it sends its callers; the lines to both are known apart. */
  async request(
    url: URL,
    init: Omit<RequestInit, "body"> & { body?: Body | string },
    { signal, onBytes }: { signal?: AbortSignal; onBytes?: (bytesOut: number) => void },
  ): Promise<Response> {
    const patience = url.origin === this.host.origin ? this.#patience : this.#patienceElsewhere(url.origin);
    const send = timedFetch(this.#fetch, patience, signal, onBytes);
    const body = typeof init.body === "string" ? new TextEncoder().encode(init.body) : init.body;
    return await send(url, { ...init, body: body as BodyInit | undefined });
  }

  /** The bytes of a source from `start` up to `end`, in the form in which they go out without being whole in memory. */
  async body(source: OpenSource, start: number, end: number): Promise<Body> {
    if (this.#fetch.takesStreams) {
      return new StreamedBody({
        size: end - start,
        read: (from, to) => source.read(start + from, start + to),
        giveBack: (piece) => source.giveBack(piece),
      });
    }
    return source.blob ? source.blob.slice(start, end) : await source.read(start, end);
  }

  #patienceElsewhere(origin: string): Patience {
    const patience = this.#elsewhere.get(origin) ?? new Patience(this.policy.stallMs);
    this.#elsewhere.set(origin, patience);
    return patience;
  }

  /** Sends a message whose answer is `variant { Ok; Err }`. `args` may be made anew for each attempt. */
  async call<M extends Method>(
    method: M,
    args: Args<M> | (() => Promise<Args<M>>),
    sending: Sending = {},
  ): Promise<Ok<M>> {
    let failures = 0;
    const onRetry = (count: number, fault: Fault) => {
      failures = count;
      sending.onRetry?.(count, fault);
    };
    const reply = await this.bare(method, args, { ...sending, onRetry });
    const answer = reply as { Ok: Ok<M> } | { Err: ServiceError };
    if ("Ok" in answer) {
      return answer.Ok;
    }
    if (sending.goneIsDone && failures > 0 && "NotFound" in answer.Err) {
      return undefined as unknown as Ok<M>;
    }
    throw refusal(method, answer.Err);
  }

  /** Sends a message and gives the answer as it is. */
  async bare<M extends Method>(
    method: M,
    args: Args<M> | (() => Promise<Args<M>>),
    sending: Sending = {},
  ): Promise<Reply<M>> {
    const service = sending.service ?? this.service;
    if (!isQuery(service, method)) {
      this.checkMayChange(method);
    }
    const send = async (): Promise<Reply<M>> => {
      return await this.#sendTo<Reply<M>>(service, method, typeof args === "function" ? await args() : args);
    };
    return await this.attempt<Reply<M>>(method, send, sending);
  }

  /** Runs `send` until it succeeds, or until another attempt is of no use. */
  async attempt<R>(method: string, send: () => Promise<R>, sending: Sending): Promise<R> {
    const { signal, policy = this.policy } = sending;
    const attempts = new Attempts(policy);
    for (;;) {
      throwIfAborted(signal, method);
      try {
        return await send();
      } catch (thrown) {
        throwIfAborted(signal, method);
        if (thrown instanceof Unreadable) {
          throw thrown;
        }
        const fault = await this.#understand(method, thrown);
        if (sending.once && !fault.surelyNotRun) {
          throw fault.error;
        }
        const pauseMs = attempts.pauseAfter(fault.transience, Date.now(), Math.random(), fault.retryAfterMs);
        if (pauseMs === undefined) {
          throw fault.error;
        }
        sending.onRetry?.(attempts.failures, fault);
        await pause(pauseMs, signal, method);
      }
    }
  }

  async #understand(method: string, thrown: unknown): Promise<Fault> {
    const fault = understand(method, this.host.origin, thrown);
    if (fault.error.code !== "delegation_expired") {
      return fault;
    }
    const ends = endOf(await this.#signer?.envelope());
    return ends && ends.getTime() > Date.now() + CLOCKS_AGREE_MS ? wrongClock(method, ends, fault) : fault;
  }

  async #sendTo<R>(service: Service, method: Method, args: unknown[]): Promise<R> {
    await this.#taskOfItsOwn();
    try {
      return await (service[method] as unknown as (...list: unknown[]) => Promise<R>)(...args);
    } catch (thrown) {
      throw encodingError(service, method, args, thrown) ?? thrown;
    }
  }

  /** Encoding, hashing and signing a chunk takes some 20 ms: one after the other, the page answers in between. */
  #taskOfItsOwn(): Promise<void> {
    this.#lastTask = this.#lastTask.then(() => platform.nextTask());
    return this.#lastTask;
  }

  #makeAgent(rootKey: Uint8Array | undefined, signal?: AbortSignal): HttpAgent {
    const options = {
      host: this.host.href,
      identity: this.identity,
      // The loop above tries again, with jitter and by what the fault is.
      retryTimes: 0,
      rootKey,
      shouldFetchRootKey: rootKey === undefined && !this.isMainnet,
      subnetNodeKeyExpirableStore: this.#nodeKeys,
      fetch: timedFetch(this.#fetch, this.#patience, signal),
    };
    return new FastAgent(options, { signer: this.#signer, verify: platform.verify });
  }

  #actor(agent: HttpAgent): Service {
    return Actor.createActor<_SERVICE>(idlFactory, { agent, canisterId: this.canisterId });
  }
}

/** Whether a method changes nothing. */
function isQuery(service: Service, method: Method): boolean {
  const found = Actor.interfaceOf(service)._fields.find(([name]) => name === method);
  return found?.[1].annotations.includes("query") ?? false;
}

async function readable<R>(reading: Promise<R>): Promise<R> {
  try {
    return await reading;
  } catch (cause) {
    throw new Unreadable(String(cause), { cause });
  }
}

function parseHost(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !["http:", "https:"].includes(url.protocol) || !url.hostname) {
    const message = `the host ${JSON.stringify(text)} is no web address: write http://HOST:PORT`;
    throw new KeepsakeError("InvalidArgument", message, { code: "bad_host" });
  }
  return url;
}

function parseCanisterId(text: string): Principal {
  try {
    return Principal.fromText(text);
  } catch (cause) {
    const message = `${JSON.stringify(text)} is no canister id: it looks like uxrrr-q7777-77774-qaaaq-cai`;
    throw new KeepsakeError("InvalidArgument", message, { code: "bad_canister_id", cause });
  }
}
