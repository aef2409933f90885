// Who signed in acts by a delegation, and that may end in the middle, be for others, or for less: each is told as what it is, by
// a real node.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { DelegationChain, DelegationIdentity, Ed25519KeyIdentity } from "@icp-sdk/core/identity";
import { Principal } from "@icp-sdk/core/principal";
import type { Keepsake, KeepsakeOptions } from "@keepsake/sdk";
import { RunningNode } from "./node.js";
import {
  connect,
  deriveFixed,
  hex,
  pictureLike,
  randomBytes,
  says,
  sha256,
  sourceOf,
  Wire,
} from "./world.js";

const CHUNK = 1_800_000;
const HOUR_MS = 3_600_000;

let node: RunningNode;
before(async () => {
  node = await RunningNode.start();
});
after(() => node.remove());

type Limits = Parameters<typeof DelegationChain.create>[3];

async function signedIn(
  person: Ed25519KeyIdentity,
  until: Date,
  limits: Limits = {},
  options: Partial<KeepsakeOptions> = {},
): Promise<Keepsake> {
  const session = Ed25519KeyIdentity.generate();
  const chain = await DelegationChain.create(person, session.getPublicKey(), until, limits);
  return await connect(node, { identity: DelegationIdentity.fromDelegation(session, chain), ...options });
}

const soon = () => new Date(Date.now() + HOUR_MS);

describe("roads", { concurrency: 2 }, () => {
  for (const road of ["auto", "envelopes"] as const) {
    test(`an upload whose sign-in ends in its middle goes on after the next: ${road}`, async () => {
      const person = Ed25519KeyIdentity.generate();
      const wire = new Wire();
      const until = new Date(Date.now() + 4_000);
      wire.fault = async (method, when, count) => {
        if (method === "uploads_put_chunk" && when === "before" && count === 3) {
          await pause(Math.max(0, until.getTime() - Date.now()) + 50);
        }
      };
      const first = await signedIn(person, until, {}, { fetch: wire.fetch, road });
      const file = sourceOf("a.bin", randomBytes(5 * CHUNK));
      const ended = first.upload(file, { concurrency: 1 });
      await assert.rejects(ended.done, says("SignedOut", "delegation_expired", /sign in again/));

      const rest = new Wire();
      const again = await signedIn(person, soon(), {}, { fetch: rest.fetch, road });
      const { sha256: stored } = await again.upload(file, { concurrency: 1 }).done;
      assert.equal(hex(stored), sha256(await file.slice(0, file.size)));
      // A ticket opens on: what is refused then is the publish.
      assert.equal(rest.count("uploads_put_chunk"), road === "auto" ? 0 : 3);
    });
  }
});

test("a sign-in for other canisters", async () => {
  const targets = [Principal.managementCanister()];
  const connecting = signedIn(Ed25519KeyIdentity.generate(), soon(), { targets });
  await assert.rejects(connecting, says("SignedOut", "delegation_targets", /for this one/));
  const own = { targets: [Principal.fromText(node.canisterId)] };
  const keepsake = await signedIn(Ed25519KeyIdentity.generate(), soon(), own);
  const { memoryId } = await keepsake.upload(sourceOf("a.png", pictureLike(50_000)), { derive: deriveFixed })
    .done;
  assert.ok(memoryId, "one for this canister too is taken, in large messages as in small ones");
});

test("a sign-in for queries alone looks, and adds nothing", async () => {
  const person = Ed25519KeyIdentity.generate();
  const keepsake = await signedIn(person, soon(), { permissions: "queries" });
  assert.deepEqual(await keepsake.capsules.list(), []);
  const refused = says("SignedOut", "delegation_invalid", /permits queries only/);
  await assert.rejects(keepsake.capsules.ownId(), refused);
  const owner = await connect(node, { identity: person });
  const capsuleId = await owner.capsules.ownId();
  for (const bytes of [100, 50_000]) {
    // The second is too large for the agent's own signing.
    const upload = keepsake.upload(sourceOf("a.bin", randomBytes(bytes)), { capsuleId });
    await assert.rejects(upload.done, refused, `${bytes} bytes`);
  }
});

test("a sign-in that a clock which is behind has made blames the clock", async (t) => {
  const over = new Date(Date.now() - HOUR_MS);
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() - 2 * HOUR_MS });
  const connecting = signedIn(Ed25519KeyIdentity.generate(), over);
  await assert.rejects(connecting, says("SignedOut", "wrong_clock", /clock is behind/));
  t.mock.timers.reset();
  const later = signedIn(Ed25519KeyIdentity.generate(), over);
  await assert.rejects(later, says("SignedOut", "delegation_expired", /sign in again/));
});
