// The client: one service, one identity. Owns the parts and hands out what each is for.

import type { Identity } from "@icp-sdk/core/agent";
import type { Principal } from "@icp-sdk/core/principal";
import { platform } from "#platform";
import { checkConnect, checkIds, checkText, checkUpload } from "./arguments.js";
import { CapsulesClient } from "./capsules.js";
import { Connection, type Service } from "./connection.js";
import { DevicesClient } from "./devices.js";
import { assetOf, pieces } from "./download.js";
import { InvitationsClient } from "./invitations.js";
import { LinksClient } from "./links.js";
import { MemoriesClient } from "./memories.js";
import { PeopleClient } from "./people.js";
import { limitUse, whoAmI } from "./records.js";
import { SessionsClient } from "./sessions.js";
import type {
  AssetKind,
  CapsuleId,
  DownloadOptions,
  KeepsakeOptions,
  LimitUse,
  MemoryAsset,
  MemoryId,
  TokenOptions,
  UploadConfig,
  WhoAmI,
} from "./types.js";
import { Scheduler } from "./upload/scheduler.js";
import type { Uploadable, UploadOptions } from "./upload/types.js";
import { Upload } from "./upload.js";

/** A token is good for this long where the caller does not say, seconds. */
const TOKEN_SECONDS = 3_600;
/** Memories of one bulk message. */
const TOKENS_AT_ONCE = 1_000;
/** A host that does not answer for this long when a client connects is told of, ms. */
const CONNECT_MAX_MS = 5_000;

export class Keepsake {
  readonly principal: Principal;
  readonly host: string;
  readonly canisterId: string;
  /** The key that answers are checked against, DER: keep it, and give it as `rootKey` from the next time on. */
  readonly rootKey: Uint8Array;
  /** Every limit of the service. */
  readonly config: UploadConfig;
  readonly capsules: CapsulesClient;
  readonly memories: MemoriesClient;
  readonly sessions: SessionsClient;
  readonly devices: DevicesClient;
  readonly invitations: InvitationsClient;
  readonly links: LinksClient;
  readonly people: PeopleClient;
  /** The service's methods as they are, typed by its Candid interface; without retries. */
  readonly serviceActor: Service;
  readonly #connection: Connection;
  readonly #scheduler: Scheduler;
  readonly #assetHost: string;

  private constructor(connection: Connection, config: UploadConfig, options: KeepsakeOptions) {
    this.#connection = connection;
    this.principal = connection.identity.getPrincipal();
    const kept = () => platform.resumeStore(this.principal.toText());
    const names = options.resume === false ? undefined : (options.resume ?? kept());
    this.host = connection.host.origin;
    this.canisterId = connection.canisterId.toText();
    this.rootKey = connection.rootKey;
    this.config = config;
    this.capsules = new CapsulesClient(connection);
    this.memories = new MemoriesClient(connection);
    this.sessions = new SessionsClient(connection, names);
    const as = (identity: Identity) => new Connection({ ...options, identity, rootKey: connection.rootKey });
    this.devices = new DevicesClient(connection, as, () => this.capsules.forgetOwn());
    this.invitations = new InvitationsClient(connection);
    this.links = new LinksClient(connection);
    this.people = new PeopleClient(connection);
    this.serviceActor = connection.service;
    this.#scheduler = new Scheduler(connection, this.capsules, config, names, options.road);
    this.#assetHost = (options.assetHost ?? assetHostOf(connection)).replace(/\/$/, "");
  }

  /** Fetches the root key where it is not built in, and reads the service's limits. */
  static async connect(options: KeepsakeOptions): Promise<Keepsake> {
    checkConnect(options);
    const connection = new Connection(options);
    const policy = {
      ...connection.policy,
      unreachableMaxMs: options.retry?.unreachableMaxMs ?? CONNECT_MAX_MS,
    };
    await connection.ready(policy);
    const config = await connection.bare("upload_config", [], { policy });
    return new Keepsake(connection, config, options);
  }

  /** Whose key this is: the account that it acts for, and what the host thinks of it. */
  async whoami(): Promise<WhoAmI> {
    return whoAmI(await this.#connection.bare("whoami", []));
  }

  /**
   * The limits of the caller, of a capsule where one is named, and of the host, with what is used and left: what to look
   * at after a `ResourceExhausted`, which does not say itself what is full.
   */
  async usage(capsuleId?: CapsuleId): Promise<LimitUse[]> {
    const named: [] | [CapsuleId] = capsuleId === undefined ? [] : [capsuleId];
    const { limits } = await this.#connection.call("usage", [named]);
    return limits.map(limitUse);
  }

  /** Starts an upload. It resumes by itself what an earlier one of the same file left behind. */
  upload(file: Uploadable, options: UploadOptions = {}): Upload {
    checkUpload(options, this.config);
    return new Upload(this.#scheduler, file, options);
  }

  /** Address of an asset for `<img>` and friends; a private one needs a `token`. */
  assetUrl(memoryId: MemoryId, asset: AssetKind | (string & {}), options: { token?: string } = {}): string {
    checkText(memoryId, "a memory's id");
    checkText(asset, "an asset's kind or id");
    const path = `/asset/${encodeURIComponent(memoryId)}/${encodeURIComponent(asset)}`;
    const query = options.token === undefined ? "" : `?token=${encodeURIComponent(options.token)}`;
    return `${this.#assetHost}${path}${query}`;
  }

  /** A token that opens the assets of one memory: it lends the rights of the caller, and ends with them. */
  async token(memoryId: MemoryId, options: TokenOptions = {}): Promise<string> {
    const { kinds = [], validForSeconds = TOKEN_SECONDS } = options;
    return await this.#connection.call("mint_http_token", [memoryId, kinds, [], validForSeconds]);
  }

  /** Tokens of many memories at once; those that the caller may not see have none. */
  async tokens(memoryIds: Iterable<MemoryId>, options: TokenOptions = {}): Promise<Map<MemoryId, string>> {
    const { kinds = [], validForSeconds = TOKEN_SECONDS } = options;
    checkIds(memoryIds, "tokens");
    const ids = [...new Set(memoryIds)];
    const tokens = new Map<MemoryId, string>();
    for (let at = 0; at < ids.length; at += TOKENS_AT_ONCE) {
      const slice = ids.slice(at, at + TOKENS_AT_ONCE);
      const requests = slice.map((memory_id) => ({ memory_id, variants: kinds, asset_ids: [] as [] }));
      for (const row of await this.#connection.call("mint_http_tokens_bulk", [requests, validForSeconds])) {
        if (row.token[0] !== undefined) {
          tokens.set(row.memory_id, row.token[0]);
        }
      }
    }
    return tokens;
  }

  /** The bytes of an asset as a `Blob` of its type: pieces in parallel, SHA-256 checked. */
  async download(
    memoryId: MemoryId,
    asset: AssetKind | (string & {}),
    options: DownloadOptions = {},
  ): Promise<Blob> {
    const found = assetOf(await this.memories.read(memoryId), asset);
    const parts: Blob[] = [];
    for await (const piece of this.#pieces(memoryId, found, options)) {
      // A browser may move a Blob to disk, but not an array.
      parts.push(new Blob([piece]));
    }
    return new Blob(parts, { type: found.mimeType });
  }

  /** The same piece by piece, for what does not fit memory. Throws at the end where the SHA-256 differs. */
  async *downloadPieces(
    memoryId: MemoryId,
    asset: AssetKind | (string & {}),
    options: DownloadOptions = {},
  ): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
    yield* this.#pieces(memoryId, assetOf(await this.memories.read(memoryId), asset), options);
  }

  #pieces(memoryId: MemoryId, asset: MemoryAsset, options: DownloadOptions) {
    const place = { memoryId, asset, assetHost: this.#assetHost };
    return pieces(this.#connection, this.config, place, options);
  }
}

/** The node serves assets itself; on the Internet Computer the gateway does, under the canister's name. */
function assetHostOf(connection: Connection): string {
  return connection.isMainnet ? `https://${connection.canisterId.toText()}.icp0.io` : connection.host.origin;
}
