// The IC's agent, with the work of its processor done faster. Owns which code verifies certificates, and the making and
// signing of an update whose argument is large: it is hashed once and by the platform, where the agent hashes it three
// times in JavaScript. What is verified, polled for or refused, and how, is the agent's own.

import {
  type CallOptions,
  Cbor,
  calculateIngressExpiry,
  HttpAgent,
  type HttpAgentOptions,
  HttpErrorCode,
  HttpFetchErrorCode,
  hashValue,
  httpHeadersTransform,
  IC_REQUEST_DOMAIN_SEPARATOR,
  type Identity,
  makeNonce,
  ProtocolError,
  type ReadStateResponse,
  type RequestId,
  type SubmitResponse,
  TransportError,
  type UpdateResult,
  type VerifyFunc,
} from "@icp-sdk/core/agent";
import { Principal } from "@icp-sdk/core/principal";
import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import type { Envelope, Signer } from "./envelope.js";
import { sha256Of } from "./hash/inline.js";
import { sha256OfLarge } from "./hash/large.js";

/** Below this an argument is hashed in less than a millisecond anyway, bytes. */
const LARGE_BYTES = 32_768;
/** What the agent itself asks for. */
const EXPIRES_AFTER_MINUTES = 5;

export class FastAgent extends HttpAgent {
  readonly #signer: Signer | undefined;
  readonly #verify: VerifyFunc;
  readonly #fetch: typeof fetch;

  /** Without a signer, large messages are sent as others are. */
  constructor(
    options: HttpAgentOptions & { fetch: typeof fetch },
    { signer, verify }: { signer: Signer | undefined; verify: VerifyFunc },
  ) {
    super(options);
    this.#fetch = options.fetch;
    this.#signer = signer;
    this.#verify = verify;
  }

  override update(...[canisterId, fields, polling]: Parameters<HttpAgent["update"]>): Promise<UpdateResult> {
    return super.update(canisterId, fields, { ...polling, blsVerify: this.#verify });
  }

  override readState(
    ...[target, fields, identity, request]: Parameters<HttpAgent["readState"]>
  ): Promise<ReadStateResponse> {
    return super.readState(target, { ...fields, blsVerify: this.#verify }, identity, request);
  }

  override async call(
    canisterId: Principal | string,
    options: CallOptions,
    identity?: Identity | Promise<Identity>,
  ): Promise<SubmitResponse> {
    const isOurs = options.arg.length >= LARGE_BYTES && options.callSync !== false && identity === undefined;
    const envelope = isOurs ? await this.#signer?.envelope() : undefined;
    const sent = envelope && (await this.#send(Principal.from(canisterId), options, envelope));
    // What does not know the message, or its time, is for the agent to find out.
    return sent ?? (await super.call(canisterId, options, identity));
  }

  async #send(
    canister: Principal,
    options: CallOptions,
    envelope: Envelope,
  ): Promise<SubmitResponse | undefined> {
    const content = {
      request_type: "call",
      canister_id: canister,
      method_name: options.methodName,
      arg: options.arg,
      sender: await this.getPrincipal(),
      ingress_expiry: calculateIngressExpiry(EXPIRES_AFTER_MINUTES, this.getTimeDiffMsecs()),
      nonce: makeNonce(),
    };
    const requestId = await largeRequestId(content);
    const sender_sig = await this.#signer?.sign(concatBytes(IC_REQUEST_DOMAIN_SEPARATOR, requestId));
    const response = await this.#post(canister, Cbor.encode({ content, ...envelope, sender_sig }));
    const { ok, status, statusText } = response;
    const headers = httpHeadersTransform(response.headers);
    if (status !== 200 && status !== 202) {
      const text = await response.text();
      if (status === 404 || text.includes("Invalid request expiry: ")) {
        return undefined;
      }
      throw ProtocolError.fromCode(new HttpErrorCode(status, statusText, headers, text));
    }
    const bytes = new Uint8Array(await response.arrayBuffer());
    const body =
      status === 200 && bytes.length > 0 ? Cbor.decode<SubmitResponse["response"]["body"]>(bytes) : null;
    const requestDetails = content as SubmitResponse["requestDetails"];
    return { requestId, response: { ok, status, statusText, headers, body }, requestDetails };
  }

  async #post(canister: Principal, body: Uint8Array): Promise<Response> {
    const url = new URL(`api/v4/canister/${canister.toText()}/call`, this.host);
    try {
      const headers = { "Content-Type": "application/cbor" };
      return await this.#fetch(url, { method: "POST", headers, body: body as Uint8Array<ArrayBuffer> });
    } catch (error) {
      throw TransportError.fromCode(
        new HttpFetchErrorCode(error instanceof Error ? error : new Error(String(error))),
      );
    }
  }
}

/** As the agent's `requestIdOf`: https://internetcomputer.org/docs/references/ic-interface-spec#request-id */
export async function largeRequestId(content: { arg: Uint8Array }): Promise<RequestId> {
  const argHash = await sha256OfLarge(content.arg);
  const pairs = Object.entries(content).map(([name, value]) =>
    concatBytes(sha256Of(utf8ToBytes(name)), name === "arg" ? argHash : hashValue(value)),
  );
  return sha256Of(concatBytes(...pairs.sort(compareBytes))) as RequestId;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const at = a.findIndex((byte, index) => byte !== b[index]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}
