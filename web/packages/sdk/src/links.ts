// Links: secrets that let whoever has one look at a capsule, or at some memories of it. Owns that the secret is made here and
// never sent: the service is told the public key that it makes.

import type { Principal } from "@icp-sdk/core/principal";
import type { Connection } from "./connection.js";
import { linkFragment, linkIdentity, newLinkSecret } from "./identity/link.js";
import * as records from "./records.js";
import type { CapsuleId, CreatedLink, Link, LinkOptions } from "./types.js";
import { opt, principalOf, timeOf } from "./wire.js";

export class LinksClient {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * A link into a capsule. Its address is the page's origin, then `path`, then `fragment`. Whoever opens it reads it by
   * `parseLink`, makes its key by `linkIdentity`, and connects as that. Owners only. The secret is told once, here.
   */
  async create(capsuleId: CapsuleId, options: LinkOptions = {}): Promise<CreatedLink> {
    const { memories, expiresAt, download, password, label, preview } = options;
    const secret = newLinkSecret();
    const hasPassword = password !== undefined;
    const identity = await linkIdentity(secret, password);
    const publicKey = new Uint8Array(identity.getPublicKey().toDer());
    const wanted = {
      memories: opt(memories && [...memories]),
      expires_at: opt(expiresAt && timeOf(expiresAt)),
      download: opt(download),
      password: opt(hasPassword),
      label: opt(label),
      preview: opt(preview),
    };
    const link = records.link(await this.#connection.call("links_create", [capsuleId, publicKey, [wanted]]));
    return { ...link, secret, fragment: linkFragment(secret, { hasPassword }) };
  }

  /** The links into a capsule, those whose time ran out too. Owners only. */
  async list(capsuleId: CapsuleId): Promise<Link[]> {
    return (await this.#connection.call("links_list", [capsuleId])).map(records.link);
  }

  /** Ends a link, at once. Owners only. */
  async revoke(capsuleId: CapsuleId, link: Principal | string): Promise<void> {
    await this.#connection.call("links_revoke", [capsuleId, principalOf(link)]);
  }
}
