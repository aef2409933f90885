// The agents under test, unmodified, each with its own Candid, principals and identities.
// Owns nothing but the choice: whatever differs between the packages is here.

import * as dfinityAgent from "@dfinity/agent";
import { IDL as dfinityIdl } from "@dfinity/candid";
import { Ed25519KeyIdentity as DfinityEd25519 } from "@dfinity/identity";
import { Principal as DfinityPrincipal } from "@dfinity/principal";
import * as icpAgent from "@icp-sdk/core/agent";
import { IDL as icpIdl } from "@icp-sdk/core/candid";
import { Ed25519KeyIdentity as IcpEd25519 } from "@icp-sdk/core/identity";
import { Principal as IcpPrincipal } from "@icp-sdk/core/principal";
import { idlFactory } from "../generated/keepsake.did.js";

/** Every package that the exam is taken with. */
export const AGENTS = [
  {
    name: "@dfinity/agent",
    agent: dfinityAgent,
    IDL: dfinityIdl,
    Principal: DfinityPrincipal,
    Ed25519KeyIdentity: DfinityEd25519,
  },
  {
    name: "@icp-sdk/core",
    agent: icpAgent,
    IDL: icpIdl,
    Principal: IcpPrincipal,
    Ed25519KeyIdentity: IcpEd25519,
  },
];

/**
 * An actor with a new identity and every check at its default, which is on. Nothing is set but where the
 * node is and that its root key has to be fetched, as for any local network.
 *
 * @param flavour one of AGENTS
 * @param node a running node
 * @param options more options of HttpAgent
 */
export async function connect(flavour, node, options = {}) {
  const identity = flavour.Ed25519KeyIdentity.generate();
  const agent = await flavour.agent.HttpAgent.create({
    host: node.url,
    identity,
    shouldFetchRootKey: true,
    ...options,
  });
  const service = flavour.agent.Actor.createActor(idlFactory, { agent, canisterId: node.canisterId });
  return { agent, identity, service };
}

/** What `Ok` holds; an `Err` is thrown. */
export function ok(result) {
  if ("Ok" in result) {
    return result.Ok;
  }
  throw new Error(`the service answered ${JSON.stringify(result.Err)}`);
}
