// Reading an asset at its address, where its bytes are in a bucket that the host does not fetch from: the host decides who may, and
// sends its readers on. Owns the token and what the answers mean; that the bytes are right is checked in download.ts.

import type { Connection, Sending } from "./connection.js";
import { KeepsakeError } from "./errors.js";
import { FaultError, networkReason } from "./faults.js";
import type { MemoryAsset, MemoryId } from "./types.js";

/** A token opens for this long, seconds. */
const TOKEN_SECONDS = 3_600;
/** A token that does not open, or an address in the bucket that ended on the way, is had anew. */
const TOKENS_MAX = 2;

export class AssetReader {
  readonly #connection: Connection;
  readonly #host: string;
  readonly #memoryId: MemoryId;
  readonly #asset: MemoryAsset;
  #token: Promise<string> | undefined;

  /** `host`: where asset addresses point to. */
  constructor(connection: Connection, host: string, memoryId: MemoryId, asset: MemoryAsset) {
    this.#connection = connection;
    this.#host = host;
    this.#memoryId = memoryId;
    this.#asset = asset;
  }

  /** The bytes from `offset` on, as many as came of `length`. */
  async range(offset: number, length: number, sending: Sending): Promise<Uint8Array> {
    const send = async () => {
      let status = 0;
      for (let tokens = 0; tokens < TOKENS_MAX; tokens += 1) {
        const token = await this.#openToken(sending);
        const response = await this.#get(token, offset, length, sending);
        status = response.status;
        if (status === 206 || status === 200) {
          const bytes = new Uint8Array(await response.arrayBuffer());
          return status === 206 ? bytes : bytes.subarray(offset, offset + length);
        }
        if (status === 429 || status >= 500) {
          throw this.#away(`HTTP ${status}`);
        }
        this.#token = undefined;
      }
      const message = `the ${this.#asset.kind} of ${this.#memoryId} cannot be read at its address (HTTP ${status})`;
      throw new KeepsakeError("Network", message, { code: "bucket_refused", detail: `HTTP ${status}` });
    };
    return await this.#connection.attempt("asset", send, sending);
  }

  async #get(token: string, offset: number, length: number, { signal }: Sending): Promise<Response> {
    const path = `/asset/${encodeURIComponent(this.#memoryId)}/${encodeURIComponent(this.#asset.id)}`;
    const url = new URL(`${this.#host}${path}?token=${encodeURIComponent(token)}`);
    const headers = { Range: `bytes=${offset}-${offset + length - 1}` };
    try {
      return await this.#connection.request(url, { headers }, { signal });
    } catch (cause) {
      throw cause instanceof KeepsakeError ? cause : this.#away(networkReason(cause));
    }
  }

  async #openToken(sending: Sending): Promise<string> {
    const ids: [string[]] = [[this.#asset.id]];
    this.#token ??= this.#connection.call(
      "mint_http_token",
      [this.#memoryId, [], ids, TOKEN_SECONDS],
      sending,
    );
    const asked = this.#token;
    try {
      return await asked;
    } catch (error) {
      if (this.#token === asked) {
        this.#token = undefined;
      }
      throw error;
    }
  }

  /** Which of the two did not answer, a browser does not say. */
  #away(reason: string): FaultError {
    return new FaultError({
      kind: "Network",
      message: `the ${this.#asset.kind} of ${this.#memoryId} cannot be read at ${this.#host}, or in the bucket to which that sends its readers (${reason}): try again`,
      code: "bucket_unreachable",
      detail: reason,
      transience: "unreachable",
      surelyNotRun: true,
    });
  }
}
