// Addresses for the parts of one session: asked for together where several are wanted at once, kept while they are good. Owns
// which are at hand; they live for an hour at most, so that none is asked for before its part is to go.

import type { Sending } from "../connection.js";
import type { SignedRequest } from "./bucket.js";
import type { HostSide, WantedPart } from "./host.js";

/** The host signs so many at once. */
const AT_ONCE_MAX = 100;
/** An address that ends sooner may end on the way, ms. */
const SPARE_MS = 60_000;

interface Waiting {
  part: WantedPart;
  resolve(request: SignedRequest | undefined): void;
  reject(error: unknown): void;
}

export class Grants {
  readonly #host: HostSide;
  readonly #kept = new Map<number, SignedRequest>();
  #waiting: Waiting[] = [];
  #isAsking = false;

  constructor(host: HostSide) {
    this.#host = host;
  }

  /** The address for a part; none where the host has found all parts already. */
  async of(part: WantedPart, sending: Sending): Promise<SignedRequest | undefined> {
    const kept = this.#kept.get(part.number);
    if (kept && kept.expiresAtMs - SPARE_MS > Date.now()) {
      return kept;
    }
    const granted = new Promise<SignedRequest | undefined>((resolve, reject) => {
      this.#waiting.push({ part, resolve, reject });
    });
    if (!this.#isAsking) {
      this.#isAsking = true;
      // In the same turn others come, who go along.
      queueMicrotask(() => void this.#askForWaiting(sending));
    }
    return await granted;
  }

  /** It opens nothing any more, or is used. */
  forget(number: number): void {
    this.#kept.delete(number);
  }

  async #askForWaiting(sending: Sending): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, AT_ONCE_MAX);
      try {
        const requests = await this.#host.grant(
          batch.map(({ part }) => part),
          sending,
        );
        const byNumber = new Map(requests.map((request) => [request.number, request]));
        for (const { part, resolve } of batch) {
          const request = byNumber.get(part.number);
          if (request) {
            this.#kept.set(part.number, request);
          }
          resolve(request);
        }
      } catch (error) {
        for (const { reject } of batch) {
          reject(error);
        }
      }
    }
    this.#isAsking = false;
  }
}
