// Sending large messages from the Worker: the IC's agent with its checks on, apart from the page.
// Owns the agents, one per upload or download. The key stays in the page: what is to be signed is asked for there.

import {
  Actor,
  type ActorSubclass,
  IC_REQUEST_DOMAIN_SEPARATOR,
  type Identity,
  requestIdOf,
} from "@icp-sdk/core/agent";
import { Principal } from "@icp-sdk/core/principal";
import { type _SERVICE, idlFactory } from "../../generated/keepsake.did.js";
import { encodingError } from "../encoding.js";
import { FastAgent } from "../fast-agent.js";
import { type PlainFault, plainFault, understand } from "../faults.js";
import { readBlobs } from "../hash/pieces.js";
import type { NodeKeys } from "../node-keys.js";
import { browserFetch } from "../platform/browser-fetch.js";
import { Patience, timedFetch } from "../timed-fetch.js";
import { verifyBls } from "../verify/bls.js";
import type { LargeAnswer, LargeCall, SenderSetup } from "./messages.js";

export type CallResult = { answer: LargeAnswer } | { fault: PlainFault } | { failure: string };

export class Sender {
  readonly #host: string;
  readonly #service: ActorSubclass<_SERVICE>;
  readonly #stop = new AbortController();

  constructor(setup: SenderSetup, nodeKeys: NodeKeys, sign: (bytes: Uint8Array) => Promise<Uint8Array>) {
    const options = {
      host: setup.host,
      identity: remoteIdentity(setup, sign),
      retryTimes: 0,
      rootKey: setup.rootKey,
      subnetNodeKeyExpirableStore: nodeKeys,
      fetch: timedFetch(browserFetch, new Patience(setup.stallMs), this.#stop.signal),
    };
    const signer = { envelope: async () => setup.envelope, sign };
    const agent = new FastAgent(options, { signer, verify: verifyBls });
    const { canisterId } = setup;
    this.#host = new URL(setup.host).origin;
    this.#service = Actor.createActor<_SERVICE>(idlFactory, { agent, canisterId });
  }

  close(): void {
    this.#stop.abort();
  }

  async call({ method, args }: LargeCall): Promise<CallResult> {
    let list: unknown[];
    try {
      list = (await readBlobs(args)) as unknown[];
    } catch (error) {
      return { failure: String(error) };
    }
    try {
      const send = this.#service[method] as unknown as (...list: unknown[]) => Promise<LargeAnswer>;
      return { answer: await send(...list) };
    } catch (thrown) {
      const error = encodingError(this.#service, method, list, thrown) ?? thrown;
      return { fault: plainFault(understand(method, this.#host, error)) };
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
