// Passkeys: WebAuthn P-256 keys that an authenticator holds, and sessions that they sign for
// (https://internetcomputer.org/docs/references/ic-interface-spec#webauthn). Owns making one, signing in by one with a single
// question to the person, and what is said where that fails. Which keys belong to whom is the host's to know.

import {
  Cbor,
  type DerEncodedPublicKey,
  IC_REQUEST_AUTH_DELEGATION_DOMAIN_SEPARATOR,
  requestIdOf,
  type Signature,
} from "@icp-sdk/core/agent";
import {
  DER_COSE_OID,
  Delegation,
  DelegationChain,
  DelegationIdentity,
  ECDSAKeyIdentity,
  unwrapDER,
  WebAuthnIdentity,
} from "@icp-sdk/core/identity";
import { del, get, set } from "idb-keyval";
import { aborted, KeepsakeError, type KeepsakeErrorKind } from "../errors.js";
import { checkSecure, keys, orNoStorage } from "./kept.js";
import { randomSecret } from "./secret.js";

const SESSION = "passkey-session";
const SESSION_SECONDS = 8 * 3_600;
const NS_PER_MS = 1_000_000n;
const ES256 = -7;
/** {1: 2, 3: -7, -1: 1, -2: x, -3: y} in CBOR; what may follow it are extensions. */
const COSE_BYTES = 77;

/** A passkey that was made just now. */
export interface Passkey {
  /** What the authenticator knows it by: keep it beside `publicKey`, for `usePasskey`. */
  credentialId: Uint8Array<ArrayBuffer>;
  /** DER, with the COSE key in it, as the Internet Computer takes it. */
  publicKey: Uint8Array<ArrayBuffer>;
  /** Signs by the passkey itself, with a question to the person each time: for joining an account. Then use a session. */
  identity: WebAuthnIdentity;
}

export interface CreatePasskeyOptions {
  /** What the person sees when they choose among passkeys, such as “Ann's photos”. */
  name: string;
  /** Of passkeys that the account has already: an authenticator that holds one of them makes no second. */
  exclude?: readonly Uint8Array[];
  signal?: AbortSignal;
}

export interface UsePasskeyOptions {
  /** The public key (DER, as `createPasskey` gave it) of the passkey that the person chose; undefined where nobody knows it. */
  find: (credentialId: Uint8Array<ArrayBuffer>) => Promise<Uint8Array | undefined>;
  /** These passkeys alone; none: any that the person has for this site. */
  allow?: readonly Uint8Array[];
  /** How long the session lasts, seconds; 8 hours unless said otherwise. */
  seconds?: number;
  /** `session`, as it is unless said otherwise: gone with the page. `keep`: the browser keeps it, for `keptPasskeySession`. */
  persist?: "session" | "keep";
  /** `conditional`: the browser offers passkeys where the page has an input with `autocomplete="webauthn"`. */
  mediation?: "optional" | "conditional";
  signal?: AbortSignal;
}

/** Somebody who signed in by a passkey. */
export interface PasskeySession {
  /** For `Keepsake.connect`: the passkey's own principal, signed for by a key of this session. */
  identity: DelegationIdentity;
  /** The passkey that was chosen. */
  credentialId: Uint8Array<ArrayBuffer>;
  /** From then on calls fail with the kind `SignedOut`. */
  expiresAt: Date;
}

/** A session as the browser keeps it. The key cannot be read. */
interface KeptSession {
  key: CryptoKeyPair;
  chain: string;
  credentialId: Uint8Array<ArrayBuffer>;
}

/**
 * Whether this device holds passkeys itself, for a page that offers to make one. Where not, a phone nearby or a security key
 * may still have one.
 */
export async function passkeysAvailable(): Promise<boolean> {
  const hasSome = globalThis.isSecureContext && typeof PublicKeyCredential !== "undefined";
  return hasSome && (await PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable());
}

/**
 * Makes a passkey for this site: a key of P-256 that the person's device, or their account with its maker, holds and finds
 * again by itself. Call it from a click. Throws `insecure_address`, `no_passkeys`, `passkey_cancelled`, `passkey_exists`.
 */
export async function createPasskey(options: CreatePasskeyOptions): Promise<Passkey> {
  checkPasskeys();
  const { name, exclude = [], signal } = options;
  const publicKey: PublicKeyCredentialCreationOptions = {
    // The host of the page is whose passkey it is.
    rp: { name: location.hostname },
    user: { id: randomSecret(), name, displayName: name },
    challenge: randomSecret(),
    pubKeyCredParams: [{ type: "public-key", alg: ES256 }],
    authenticatorSelection: {
      residentKey: "required",
      requireResidentKey: true,
      userVerification: "preferred",
    },
    excludeCredentials: exclude.map(descriptor),
    attestation: "none",
  };
  const made = await WebAuthnIdentity.create({ publicKey, ...(signal && { signal }) }).catch(refuse(signal));
  const cose = unwrapDER(made.getPublicKey().toDer(), DER_COSE_OID).slice(0, COSE_BYTES);
  const identity = new WebAuthnIdentity(made.rawId, cose, made.getAuthenticatorAttachment());
  return { credentialId: made.rawId, publicKey: new Uint8Array(identity.getPublicKey().toDer()), identity };
}

/**
 * Signs in by a passkey of this site: the person is asked once, and the passkey signs that a key of this session may act for
 * it. Call it from a click. A browser does not say whether there is no passkey or the person closed its window: both are
 * `passkey_cancelled`. Throws `passkey_unknown` too, where `find` knows no key, `insecure_address`, and `no_passkeys`.
 */
export async function usePasskey(options: UsePasskeyOptions): Promise<PasskeySession> {
  checkPasskeys();
  const { find, allow = [], seconds = SESSION_SECONDS, persist = "session", mediation, signal } = options;
  const session = await ECDSAKeyIdentity.generate({ extractable: false });
  const expiresAt = new Date(Date.now() + seconds * 1_000);
  const delegation = new Delegation(session.getPublicKey().toDer(), BigInt(+expiresAt) * NS_PER_MS);
  const { credentialId, signature } = await asked(challengeOf(delegation), allow, mediation, signal);
  const publicKey = await find(credentialId);
  if (!publicKey) {
    const message =
      "this site does not know the passkey that was chosen: its account may have removed it. Choose another one";
    throw failure("NotFound", "passkey_unknown", message);
  }
  const chain = DelegationChain.fromDelegations([{ delegation, signature }], derOf(publicKey));
  if (persist === "keep") {
    const kept: KeptSession = { key: session.getKeyPair(), chain: JSON.stringify(chain), credentialId };
    await orNoStorage(set(SESSION, kept, keys()));
  }
  return { identity: DelegationIdentity.fromDelegation(session, chain), credentialId, expiresAt };
}

/** The session that `usePasskey({ persist: "keep" })` left in this browser; undefined where there is none, or it ended. */
export async function keptPasskeySession(): Promise<PasskeySession | undefined> {
  if (!globalThis.isSecureContext) {
    return undefined;
  }
  const kept = await get<KeptSession>(SESSION, keys()).catch(() => undefined);
  if (!kept) {
    return undefined;
  }
  const chain = DelegationChain.fromJSON(kept.chain);
  const ends = chain.delegations.map(({ delegation }) => Number(delegation.expiration / NS_PER_MS));
  const expiresAt = new Date(Math.min(...ends));
  if (expiresAt.getTime() <= Date.now()) {
    await forgetPasskeySession();
    return undefined;
  }
  const session = await ECDSAKeyIdentity.fromKeyPair(kept.key);
  const identity = DelegationIdentity.fromDelegation(session, chain);
  return { identity, credentialId: kept.credentialId, expiresAt };
}

/** Signs out: the browser keeps no session any more. The passkey stays. */
export async function forgetPasskeySession(): Promise<void> {
  if (globalThis.isSecureContext) {
    await orNoStorage(del(SESSION, keys()));
  }
}

/** One question to the person: which passkey, and its signature. */
async function asked(
  challenge: Uint8Array<ArrayBuffer>,
  allow: readonly Uint8Array[],
  mediation: "optional" | "conditional" | undefined,
  signal: AbortSignal | undefined,
): Promise<{ credentialId: Uint8Array<ArrayBuffer>; signature: Signature }> {
  const publicKey: PublicKeyCredentialRequestOptions = {
    challenge,
    allowCredentials: allow.map(descriptor),
    userVerification: "preferred",
  };
  const getting = navigator.credentials.get({
    publicKey,
    ...(mediation && { mediation }),
    ...(signal && { signal }),
  });
  const credential = (await getting.catch(refuse(signal))) as PublicKeyCredential | null;
  if (!credential) {
    throw nothingChosen();
  }
  const { authenticatorData, clientDataJSON, signature } =
    credential.response as AuthenticatorAssertionResponse;
  const encoded = Cbor.encode({
    authenticator_data: new Uint8Array(authenticatorData),
    client_data_json: new TextDecoder().decode(clientDataJSON),
    signature: new Uint8Array(signature),
  });
  return { credentialId: new Uint8Array(credential.rawId), signature: encoded as Signature };
}

/** What is signed for a delegation: https://internetcomputer.org/docs/references/ic-interface-spec#authentication */
function challengeOf(delegation: Delegation): Uint8Array<ArrayBuffer> {
  const id = requestIdOf({ ...delegation });
  return new Uint8Array([...IC_REQUEST_AUTH_DELEGATION_DOMAIN_SEPARATOR, ...id]);
}

function derOf(publicKey: Uint8Array): DerEncodedPublicKey {
  try {
    unwrapDER(publicKey, DER_COSE_OID);
  } catch (cause) {
    const message = "`find` gave no public key of a passkey: give what `createPasskey` gave as `publicKey`";
    throw new KeepsakeError("InvalidArgument", message, { code: "bad_argument", cause });
  }
  return new Uint8Array(publicKey) as DerEncodedPublicKey;
}

function descriptor(id: Uint8Array): PublicKeyCredentialDescriptor {
  return { type: "public-key", id: new Uint8Array(id) };
}

function checkPasskeys(): void {
  checkSecure();
  if (typeof PublicKeyCredential === "undefined" || !navigator.credentials) {
    throw failure(
      "InvalidArgument",
      "no_passkeys",
      "this browser has no passkeys: use another one, or another way in",
    );
  }
}

function failure(
  kind: KeepsakeErrorKind,
  code: "no_passkeys" | "passkey_cancelled" | "passkey_exists" | "passkey_unknown" | "insecure_address",
  message: string,
  cause?: unknown,
): KeepsakeError {
  return new KeepsakeError(kind, message, { code, cause });
}

function nothingChosen(cause?: unknown): KeepsakeError {
  const message =
    "no passkey was used: there is none for this site on this device, or its window was closed. Try again, or take another way in";
  return failure("Aborted", "passkey_cancelled", message, cause);
}

/** What the browser says of an authenticator, in a sentence: https://w3c.github.io/webauthn/#sctn-op-make-cred */
function refuse(signal: AbortSignal | undefined): (cause: unknown) => never {
  return (cause) => {
    const name = cause instanceof Error ? cause.name : "";
    const reason = cause instanceof Error ? cause.message : String(cause);
    if (signal?.aborted) {
      throw signal.reason instanceof KeepsakeError ? signal.reason : aborted("the passkey");
    }
    if (name === "NotAllowedError" || name === "TimeoutError") {
      throw nothingChosen(cause);
    }
    if (name === "InvalidStateError") {
      const message = "this device has a passkey of this account already: sign in by it";
      throw failure("Conflict", "passkey_exists", message, cause);
    }
    if (name === "SecurityError") {
      const message = `a passkey belongs to a site with a name (${reason}): open the page by its name, with https, or as http://localhost`;
      throw failure("InvalidArgument", "insecure_address", message, cause);
    }
    const message = `this device makes and uses no passkey here (${reason}): use another one, or another way in`;
    throw failure("InvalidArgument", "no_passkeys", message, cause);
  };
}
