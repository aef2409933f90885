// Sending large messages from the Worker: the IC's agent, unmodified and with its checks on, apart from the page.
// Owns the agents, one per upload or download. The key stays in the page: what is to be signed is asked for there.

import {
  Actor,
  type ActorSubclass,
  HttpAgent,
  IC_REQUEST_DOMAIN_SEPARATOR,
  type Identity,
  requestIdOf,
} from "@icp-sdk/core/agent";
import { Principal } from "@icp-sdk/core/principal";
import { type _SERVICE, idlFactory } from "../../generated/keepsake.did.js";
import { type PlainFault, plainFault, understand } from "../faults.js";
import { readWhole } from "../hash/pieces.js";
import type { NodeKeys } from "../node-keys.js";
import { timedFetch } from "../timed-fetch.js";
import type { LargeAnswer, LargeCall, SenderSetup } from "./messages.js";

export type CallResult = { answer: LargeAnswer } | { fault: PlainFault } | { failure: string };

export class Sender {
  readonly #host: string;
  readonly #service: ActorSubclass<_SERVICE>;
  readonly #stop = new AbortController();

  constructor(setup: SenderSetup, nodeKeys: NodeKeys, sign: (bytes: Uint8Array) => Promise<Uint8Array>) {
    const agent = HttpAgent.createSync({
      host: setup.host,
      identity: remoteIdentity(setup, sign),
      retryTimes: 0,
      rootKey: setup.rootKey,
      subnetNodeKeyExpirableStore: nodeKeys,
      fetch: timedFetch(globalThis.fetch.bind(globalThis), this.#stop.signal),
    });
    this.#host = new URL(setup.host).origin;
    this.#service = Actor.createActor<_SERVICE>(idlFactory, { agent, canisterId: setup.canisterId });
  }

  close(): void {
    this.#stop.abort();
  }

  async call({ method, args, length }: LargeCall): Promise<CallResult> {
    let list: unknown[];
    try {
      list = await Promise.all(args.map((arg) => (arg instanceof Blob ? readWhole(arg, length) : arg)));
    } catch (error) {
      return { failure: String(error) };
    }
    try {
      const send = this.#service[method] as unknown as (...list: unknown[]) => Promise<LargeAnswer>;
      return { answer: await send(...list) };
    } catch (thrown) {
      return { fault: plainFault(understand(method, this.#host, thrown)) };
    }
  }
}

/** Signs as `SignIdentity` does, but asks for the signature. */
function remoteIdentity(setup: SenderSetup, sign: (bytes: Uint8Array) => Promise<Uint8Array>): Identity {
  return {
    getPrincipal: () => Principal.fromUint8Array(setup.principal),
    async transformRequest({ body, ...fields }) {
      const id = requestIdOf(body as unknown as Record<string, unknown>);
      const signed = new Uint8Array(IC_REQUEST_DOMAIN_SEPARATOR.length + id.length);
      signed.set(IC_REQUEST_DOMAIN_SEPARATOR);
      signed.set(id, IC_REQUEST_DOMAIN_SEPARATOR.length);
      return { ...fields, body: { content: body, ...setup.envelope, sender_sig: await sign(signed) } };
    },
  };
}
