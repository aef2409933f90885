// What an identity puts around every message: its key, the delegations that it acts by, a signature.
// Owns telling whether others may repeat that: the Worker, and the agent that sends large messages.

import type { Identity, SignIdentity } from "@icp-sdk/core/agent";
import type { Principal } from "@icp-sdk/core/principal";

const NS_PER_MS = 1_000_000n;

/** What every signed message carries beside its content and its signature. */
export interface Envelope {
  sender_pubkey?: Uint8Array;
  sender_delegation?: {
    delegation: { pubkey: Uint8Array; expiration: bigint; targets?: Uint8Array[]; permissions?: string };
    signature: Uint8Array;
  }[];
}

/** Signs as an identity does; undefined where the identity does more than to sign, which nobody else could repeat. */
export interface Signer {
  envelope(): Promise<Envelope | undefined>;
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

export function signerOf(identity: Identity): Signer | undefined {
  if (!canSign(identity)) {
    return undefined;
  }
  let envelope: Promise<Envelope | undefined> | undefined;
  return {
    envelope() {
      envelope ??= envelopeOf(identity);
      return envelope;
    },
    sign: (bytes) => identity.sign(bytes),
  };
}

/** When the first of an envelope's delegations ends; undefined where there is none. */
export function endOf(envelope: Envelope | undefined): Date | undefined {
  const ends = envelope?.sender_delegation?.map(({ delegation }) =>
    Number(delegation.expiration / NS_PER_MS),
  );
  return ends?.length ? new Date(Math.min(...ends)) : undefined;
}

function canSign(identity: Identity): identity is SignIdentity {
  return "sign" in identity && typeof identity.sign === "function";
}

async function envelopeOf(identity: SignIdentity): Promise<Envelope | undefined> {
  const probe = { request_type: "call", arg: new Uint8Array() };
  const request = { endpoint: "call", request: {}, body: probe };
  const signed = (await identity.transformRequest(
    request as unknown as Parameters<Identity["transformRequest"]>[0],
  )) as {
    body: Record<string, unknown>;
  };
  const { content, sender_sig, sender_pubkey, sender_delegation, ...other } = signed.body;
  if (content !== probe || !sender_sig || Object.keys(other).length > 0) {
    return undefined;
  }
  const delegations = sender_delegation as SignedDelegation[] | undefined;
  return {
    sender_pubkey: sender_pubkey as Uint8Array,
    ...(delegations && { sender_delegation: delegations.map(plainDelegation) }),
  };
}

interface SignedDelegation {
  delegation: { pubkey: Uint8Array; expiration: bigint; targets?: Principal[]; permissions?: string };
  signature: Uint8Array;
}

function plainDelegation({ delegation, signature }: SignedDelegation) {
  const { pubkey, expiration, targets, permissions } = delegation;
  const limited = {
    ...(targets && { targets: targets.map((target) => target.toUint8Array()) }),
    ...(permissions !== undefined && { permissions }),
  };
  return { delegation: { pubkey, expiration, ...limited }, signature };
}
