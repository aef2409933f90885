// Invitations: codes that let a person into a capsule, or onto the host. Thin: one method, one message.

import type { Connection } from "./connection.js";
import { codeFromWords } from "./identity/code.js";
import * as records from "./records.js";
import type {
  CapsuleId,
  HostInvitationOptions,
  Invitation,
  InvitationOptions,
  Redeemed,
  Role,
} from "./types.js";
import { opt, timeOf, wireRoleOf } from "./wire.js";

export class InvitationsClient {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * A code that gives a role in a capsule: in an address it is `#invite=CODE`, and `wordsOfCode` says it in words. Owners only.
   * It is told once, here.
   */
  async create(capsuleId: CapsuleId, role: Role, options: InvitationOptions = {}): Promise<string> {
    const { uses = 1, expiresAt, label } = options;
    const ends = opt(expiresAt && timeOf(expiresAt));
    const args = [capsuleId, wireRoleOf(role), uses, ends, opt(label)] as const;
    return await this.#connection.call("invitations_create", [...args], { once: true });
  }

  /** A code that lets whoever redeems it make capsules on this host, of so many bytes all together. Controllers only. */
  async createOntoHost(options: HostInvitationOptions = {}): Promise<string> {
    const { uses = 1, expiresAt, label, quotaBytes } = options;
    const ends = opt(expiresAt && timeOf(expiresAt));
    const quota = opt(quotaBytes === undefined ? undefined : BigInt(quotaBytes));
    return await this.#connection.call("admin_invite", [uses, ends, opt(label), quota], { once: true });
  }

  /** What a code opens, before it is redeemed: who invites into what. `typed`: the code as `codeFromWords` reads it. */
  async read(typed: string): Promise<Invitation> {
    return records.invitation(await this.#connection.call("invitations_read", [await codeFromWords(typed)]));
  }

  /** Takes what a code gives. Again is harmless: what one has already uses nothing up. */
  async redeem(typed: string): Promise<Redeemed> {
    const { invitation, capsule } = await this.#connection.call("invitations_redeem", [
      await codeFromWords(typed),
    ]);
    return {
      invitation: records.invitation(invitation),
      capsule: capsule.map(records.capsuleHeader)[0],
    };
  }

  /** Those into a capsule, for its owners; none: those onto the host, for controllers. */
  async list(capsuleId?: CapsuleId): Promise<Invitation[]> {
    return (await this.#connection.call("invitations_list", [opt(capsuleId)])).map(records.invitation);
  }

  /** Takes one back: its code opens nothing from then on. */
  async revoke(id: Invitation["id"]): Promise<void> {
    await this.#connection.call("invitations_revoke", [id], { goneIsDone: true });
  }
}
