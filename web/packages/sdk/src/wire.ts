// Candid's shapes and the SDK's: options, variants, times.
// Owns the conversions of values; the records are converted in records.ts.

import { Principal } from "@icp-sdk/core/principal";
import type {
  AssetType,
  PersonRef,
  MemoryType as WireMemoryType,
  Role as WireRole,
  Standing as WireStanding,
} from "../generated/keepsake.did.js";
import { KeepsakeError } from "./errors.js";
import type { AnyAssetKind, MemoryType, Role, Standing, Subject } from "./types.js";

/** Candid's `opt`. */
export type Opt<T> = [] | [T];

export function opt<T>(value: T | undefined): Opt<T> {
  return value === undefined ? [] : [value];
}

/** ns since 1970 as a `Date`; below a millisecond it is cut off. */
export function dateOf(ns: bigint): Date {
  return new Date(Number(ns / 1_000_000n));
}

/** The last time that the wire's `nat64` can say, in the year 2554. */
const NS_MAX = 2n ** 64n - 1n;

/** ns since 1970; undefined for what the wire cannot say: a time before 1970, after 2554, or none at all. */
export function nsOf(date: Date): bigint | undefined {
  const ms = date.getTime();
  if (!Number.isFinite(ms) || ms < 0) {
    return undefined;
  }
  const ns = BigInt(Math.trunc(ms)) * 1_000_000n;
  return ns > NS_MAX ? undefined : ns;
}

/** As `nsOf`, of a date that the caller asks for. */
export function timeOf(date: Date): bigint {
  const ns = nsOf(date);
  if (ns === undefined) {
    const message = `${date} cannot be kept: the service keeps times from 1970 to 2554`;
    throw new KeepsakeError("InvalidArgument", message, { code: "date_out_of_range" });
  }
  return ns;
}

/** The name of a variant without data. */
function tag(variant: object): string {
  return Object.keys(variant)[0] ?? "";
}

function uncapitalized(word: string): string {
  return word.charAt(0).toLowerCase() + word.slice(1);
}

function capitalized<T>(word: string): T {
  return { [word.charAt(0).toUpperCase() + word.slice(1)]: null } as T;
}

export const kindOf = (type: AssetType) => tag(type).toLowerCase() as AnyAssetKind;
export const assetTypeOf = (kind: AnyAssetKind) => capitalized<AssetType>(kind);
export const standingOf = (standing: WireStanding) => uncapitalized(tag(standing)) as Standing;
export const memoryTypeOf = (type: WireMemoryType) => tag(type).toLowerCase() as MemoryType;
export const roleOf = (role: WireRole) => tag(role).toLowerCase() as Role;
export const wireRoleOf = (role: Role) => capitalized<WireRole>(role);
export const wireMemoryTypeOf = (type: MemoryType) => capitalized<WireMemoryType>(type);

export function subjectOf(person: PersonRef): Subject {
  return "Principal" in person ? person.Principal : person.Opaque;
}

export function personOf(subject: Subject): PersonRef {
  return typeof subject === "string" ? { Opaque: subject } : { Principal: subject };
}

export function principalOf(who: Principal | string): Principal {
  try {
    return Principal.from(who);
  } catch (cause) {
    const message = `${JSON.stringify(who)} is no principal: it looks like 2vxsx-fae, or longer`;
    throw new KeepsakeError("InvalidArgument", message, { code: "bad_argument", cause });
  }
}
