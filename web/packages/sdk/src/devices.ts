// The devices of an account: the keys by which one person is reached. Thin: one method, one message, but for `add`.

import type { Identity } from "@icp-sdk/core/agent";
import type { Principal } from "@icp-sdk/core/principal";
import type { Connection } from "./connection.js";
import { KeepsakeError } from "./errors.js";
import { codeFromWords } from "./identity/code.js";
import * as records from "./records.js";
import type { Device, KnownPasskey } from "./types.js";
import { opt, principalOf } from "./wire.js";

export class DevicesClient {
  readonly #connection: Connection;
  readonly #as: (identity: Identity) => Connection;
  readonly #joined: () => void;

  /** `as`: a connection to the same service, as somebody else. `joined`: told when this client acts for another account. */
  constructor(connection: Connection, as: (identity: Identity) => Connection, joined: () => void) {
    this.#connection = connection;
    this.#as = as;
    this.#joined = joined;
  }

  /**
   * A code by which one more device joins this account, once, within 15 minutes: in an address it is `#join=CODE`, and
   * `wordsOfCode` says it in words. `name` is what the account calls that device.
   */
  async invite(name = ""): Promise<string> {
    return await this.#connection.call("devices_invite", [name], { once: true });
  }

  /**
   * Makes the key of this client a device of the account that the code is for; what the key has, capsules and roles, comes
   * along. `typed`: the code as `codeFromWords` reads it. Gives the account. From then on the same client acts for it.
   */
  async join(typed: string, name = "", passkey?: KnownPasskey): Promise<Principal> {
    const account = await join(this.#connection, await codeFromWords(typed), name, passkey);
    this.#joined();
    return account;
  }

  /**
   * Lets another key that is at hand join this account: that of a recovery sheet, of a passkey's session (with the passkey
   * itself, so that it is found again), or of a browser that was recovered.
   */
  async add(identity: Identity, name: string, passkey?: KnownPasskey): Promise<void> {
    await join(this.#as(identity), await this.invite(name), name, passkey);
  }

  /** The devices of this account, this one too. */
  async list(): Promise<Device[]> {
    return (await this.#connection.call("devices_list", [])).map(records.device);
  }

  async rename(device: Principal | string, name: string): Promise<void> {
    await this.#connection.call("devices_rename", [principalOf(device), name]);
  }

  /** Shuts a device out, at once; the last one stays. It may be this one. */
  async remove(device: Principal | string): Promise<void> {
    await this.#connection.call("devices_remove", [principalOf(device)], { goneIsDone: true });
  }

  /** Keeps the public key of the passkey by whose session this client acts, so that `findPasskey` knows it. */
  async registerPasskey(passkey: KnownPasskey): Promise<void> {
    await this.#connection.call("passkeys_register", [records.wirePasskey(passkey)]);
  }

  /** The public key of a passkey, for `usePasskey`; anybody may ask. Undefined where nobody registered it. */
  async findPasskey(credentialId: Uint8Array): Promise<Uint8Array | undefined> {
    try {
      return new Uint8Array(await this.#connection.call("passkeys_find", [credentialId]));
    } catch (error) {
      if (error instanceof KeepsakeError && error.kind === "NotFound" && error.code === "not_found") {
        return undefined;
      }
      throw error;
    }
  }
}

async function join(
  connection: Connection,
  code: string,
  name: string,
  passkey: KnownPasskey | undefined,
): Promise<Principal> {
  return await connection.call("devices_join", [code, name, opt(passkey && records.wirePasskey(passkey))]);
}
