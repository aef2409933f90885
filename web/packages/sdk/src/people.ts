// What people are called: by themselves, and by this account. Thin: one method, one message.

import type { Principal } from "@icp-sdk/core/principal";
import type { Connection } from "./connection.js";
import * as records from "./records.js";
import type { PersonLook, PersonName } from "./types.js";
import { opt, principalOf } from "./wire.js";

export class PeopleClient {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** What this account calls itself from now on; members of its capsules see it. What is left out is no longer. */
  async nameSelf({ name, colour }: PersonLook): Promise<void> {
    await this.#connection.call("profile_set", [opt(name), opt(colour)]);
  }

  /** What this account calls somebody, on all of its devices. Nothing: what they call themselves. */
  async name(person: Principal | string, { name, colour }: PersonLook): Promise<void> {
    await this.#connection.call("people_name", [principalOf(person), opt(name), opt(colour)]);
  }

  /** Whom this account has names for. */
  async list(): Promise<PersonName[]> {
    return (await this.#connection.call("people_list", [])).map(records.personName);
  }
}
