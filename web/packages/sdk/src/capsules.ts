// Capsules: whose memories they are, and who may see them. Thin: one method, one message.

import type { Principal } from "@icp-sdk/core/principal";
import type { Connection, Sending } from "./connection.js";
import * as records from "./records.js";
import type { Capsule, CapsuleHeader, CapsuleId, CapsuleSight, Role, Subject } from "./types.js";
import { opt, personOf, principalOf, wireRoleOf } from "./wire.js";

export class CapsulesClient {
  readonly #connection: Connection;
  #ownId: CapsuleId | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** The caller's own capsule, made on the first call. */
  async own(): Promise<Capsule> {
    return records.capsule(await this.#connection.call("capsules_create", [[]]));
  }

  /** Id of the caller's own capsule, asked for once. */
  async ownId(sending: Sending = {}): Promise<CapsuleId> {
    this.#ownId ??= (await this.#connection.call("capsules_create", [[]], sending)).id;
    return this.#ownId;
  }

  /** Somebody else may have deleted it: it is asked for again where it was known. False where it was not this one. */
  forgetOwnId(id: CapsuleId): boolean {
    const isKnown = this.#ownId === id;
    this.#ownId = isKnown ? undefined : this.#ownId;
    return isKnown;
  }

  /** The caller acts for another account from now on, which has another own capsule. */
  forgetOwn(): void {
    this.#ownId = undefined;
  }

  /** Every capsule that the caller has a role in; those that it made come first. */
  async list(): Promise<CapsuleHeader[]> {
    return (await this.#connection.bare("capsules_list", [])).map(records.capsuleHeader);
  }

  /** One capsule as `list` shows them, also one that the caller has no role in by name, because it is public. */
  async header(id: CapsuleId): Promise<CapsuleSight> {
    return records.capsuleInfo(await this.#connection.call("capsules_read_basic", [opt(id)]));
  }

  /** With members and counters; none: the caller's own. */
  async read(id?: CapsuleId): Promise<Capsule> {
    return records.capsule(await this.#connection.call("capsules_read_full", [opt(id)]));
  }

  /** A new capsule about somebody, owned by the caller. */
  async createAbout(subject: Subject): Promise<Capsule> {
    const args: [[ReturnType<typeof personOf>]] = [[personOf(subject)]];
    return records.capsule(await this.#connection.call("capsules_create", args, { once: true }));
  }

  /** Gives a role, or changes it. Owners only. */
  async grant(id: CapsuleId, who: Principal | string, role: Role): Promise<void> {
    await this.#connection.call("capsules_grant", [id, principalOf(who), wireRoleOf(role)]);
  }

  /** Takes the role away, at once. Owners only; the last owner stays. */
  async revoke(id: CapsuleId, who: Principal | string): Promise<void> {
    await this.#connection.call("capsules_revoke", [id, principalOf(who)], { goneIsDone: true });
  }

  /** Calls it by a name, or by none. Owners only. */
  async rename(id: CapsuleId, name: string | undefined): Promise<void> {
    await this.#connection.call("capsules_rename", [id, opt(name)]);
  }

  /** Says yes to a role that somebody gave. It counts before that too. */
  async accept(id: CapsuleId): Promise<void> {
    await this.#connection.call("capsules_accept", [id]);
  }

  /** Gives one's own role up; the last owner stays. */
  async leave(id: CapsuleId): Promise<void> {
    await this.#connection.call("capsules_leave", [id], { goneIsDone: true });
  }

  /** Deletes the capsule with all its memories and uploads. Owners only. */
  async delete(id: CapsuleId): Promise<void> {
    this.#ownId = undefined;
    await this.#connection.call("capsules_delete", [id], { goneIsDone: true });
  }
}
