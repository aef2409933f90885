// Devices, invitations and links against a real node: who reaches what by which key, and no longer.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { DelegationChain, DelegationIdentity, Ed25519KeyIdentity } from "@icp-sdk/core/identity";
import {
  type Keepsake,
  linkIdentity,
  newLinkSecret,
  newRecoveryWords,
  parseLink,
  recoveryIdentity,
  wordsOfCode,
} from "@keepsake/sdk";
import { RunningNode } from "./node.js";
import { connect, hex, randomBytes, says, sha256, sourceOf, Wire } from "./world.js";

let node: RunningNode;
before(async () => {
  node = await RunningNode.start();
});
after(() => node.remove());

async function withPhotos(
  count: number,
): Promise<{ owner: Keepsake; capsuleId: string; memories: string[] }> {
  const owner = await connect(node);
  const capsuleId = await owner.capsules.ownId();
  const memories: string[] = [];
  for (let at = 0; at < count; at += 1) {
    memories.push((await owner.upload(sourceOf(`${at}.bin`, randomBytes(100 + at))).done).memoryId);
  }
  return { owner, capsuleId, memories };
}

const titles = async (keepsake: Keepsake, capsuleId: string) =>
  (await keepsake.memories.page(capsuleId)).items.map(({ title }) => title).sort();

test("a second device is the same person, until it is removed", async () => {
  const { owner, capsuleId } = await withPhotos(1);
  const phone = await connect(node);
  await phone.capsules.ownId();
  const words = await wordsOfCode(await owner.devices.invite("phone"));
  const numbered = words.split(" ").map((word, at) => `${at + 1}. ${word.toUpperCase()}`);
  const account = await phone.devices.join(numbered.join("\n"));
  assert.equal(account.toText(), owner.principal.toText());

  assert.equal(await phone.capsules.ownId(), capsuleId, "its own capsule is the account's");
  await phone.upload(sourceOf("phone.bin", randomBytes(300))).done;
  assert.deepEqual(await titles(owner, capsuleId), ["0.bin", "phone.bin"]);
  const { standing, devices, principal } = await phone.whoami();
  assert.deepEqual([standing, devices, principal.toText()], ["admitted", 2, phone.principal.toText()]);
  await owner.devices.rename(phone.principal, "old phone");
  const names = (await owner.devices.list()).map(({ name, isThis }) => [name, isThis]);
  assert.deepEqual(
    names.sort(),
    [
      ["", true],
      ["old phone", false],
    ].sort(),
  );

  const used = connect(node).then((other) => other.devices.join(words));
  await assert.rejects(used, says("Conflict", "code_used", /devices_join/));
  await owner.devices.remove(phone.principal);
  assert.notEqual((await phone.whoami()).account.toText(), owner.principal.toText());
  await assert.rejects(phone.memories.page(capsuleId));
  const last = owner.devices.remove(owner.principal);
  await assert.rejects(last, says("Conflict", "last_device", /add another/));
});

test("who signs in elsewhere, as by Internet Identity, is a device by that key, in every session of it", async () => {
  const { owner, capsuleId } = await withPhotos(1);
  const signer = Ed25519KeyIdentity.generate();
  const session = async () => {
    const key = Ed25519KeyIdentity.generate();
    const chain = await DelegationChain.create(signer, key.getPublicKey(), new Date(Date.now() + 3_600_000));
    return await connect(node, { identity: DelegationIdentity.fromDelegation(key, chain) });
  };
  await (await session()).devices.join(await owner.devices.invite(), "sign-in");
  const later = await session();
  assert.equal((await later.whoami()).account.toText(), owner.principal.toText());
  await later.upload(sourceOf("later.bin", randomBytes(300))).done;
  assert.deepEqual(await titles(owner, capsuleId), ["0.bin", "later.bin"]);
  await owner.devices.remove(signer.getPrincipal());
  await assert.rejects(later.memories.page(capsuleId));
  await assert.rejects((await session()).memories.page(capsuleId));
});

test("who lost every device comes back by the words of a sheet, with a new key", async () => {
  const { owner, capsuleId } = await withPhotos(1);
  const sheet = await newRecoveryWords();
  await owner.devices.add(await recoveryIdentity(sheet), "recovery sheet");

  const fresh = Ed25519KeyIdentity.generate();
  const recovered = await connect(node, { identity: await recoveryIdentity(sheet) });
  await recovered.devices.add(fresh, "new laptop");
  const laptop = await connect(node, { identity: fresh });
  assert.equal((await laptop.whoami()).account.toText(), owner.principal.toText());
  assert.deepEqual(await titles(laptop, capsuleId), ["0.bin"]);
  const names = (await laptop.devices.list()).map(({ name }) => name);
  assert.deepEqual(names.sort(), ["", "new laptop", "recovery sheet"]);
});

test("an invitation shows what it is into, gives the role, and is used up", async () => {
  const { owner, capsuleId } = await withPhotos(1);
  await owner.people.nameSelf({ name: "Ann", colour: 0xff8800 });
  await owner.capsules.rename(capsuleId, "Our photos");
  const code = await owner.invitations.create(capsuleId, "member", { label: "Ben", uses: 1 });
  const ben = await connect(node);
  const shown = await ben.invitations.read(`https://photos.example/#invite=${code}`);
  assert.deepEqual(shown.into, { kind: "capsule", capsuleId, name: "Our photos", role: "member" });
  assert.deepEqual([shown.invitedByName, shown.label, shown.uses, shown.usesMax], ["Ann", "Ben", 0, 1]);
  const { capsule } = await ben.invitations.redeem(code);
  assert.deepEqual(
    [capsule?.id, capsule?.role, capsule?.accepted, capsule?.isOwn],
    [capsuleId, "member", true, false],
  );
  assert.equal((await ben.invitations.redeem(code)).capsule?.id, capsuleId, "again is harmless");
  const { members } = await owner.capsules.read(capsuleId);
  const ann = members.find(({ principal }) => principal.toText() === owner.principal.toText());
  assert.deepEqual([ann?.name, ann?.colour, ann?.role], ["Ann", 0xff8800, "owner"]);

  const carl = await connect(node);
  await assert.rejects(carl.invitations.redeem(code), says("Conflict", "code_used", /ask for another/));
  const other = await owner.invitations.create(capsuleId, "guest", {
    expiresAt: new Date(Date.now() + 60_000),
  });
  const open = (await owner.invitations.list(capsuleId)).find(
    ({ into }) => "role" in into && into.role === "guest",
  );
  assert.ok(open?.expiresAt);
  await owner.invitations.revoke(open.id);
  await assert.rejects(carl.invitations.redeem(other), says("Conflict", "code_unknown", /ask for another/));
  await assert.rejects(
    carl.invitations.redeem("abandon"),
    says("InvalidArgument", "code_malformed", /12 words/),
  );
  await ben.capsules.leave(capsuleId);
  await assert.rejects(ben.memories.page(capsuleId));
});

test("whoever controls a host lets somebody onto it, with so much room", async () => {
  const identity = Ed25519KeyIdentity.generate();
  const operator = identity.getPrincipal().toText();
  const host = await RunningNode.start(["--controller", operator, "--admission", "invited"]);
  try {
    const controller = await connect(host, { identity });
    const guest = await connect(host);
    await assert.rejects(guest.capsules.own(), says("Conflict", "not_admitted", /ask whoever runs it/));
    await assert.rejects(guest.invitations.createOntoHost(), says("Unauthorized", "unauthorized", /role/));
    const code = await controller.invitations.createOntoHost({
      uses: 2,
      label: "Ben",
      quotaBytes: 5_000_000,
    });
    assert.deepEqual((await guest.invitations.read(code)).into, { kind: "host", quotaBytes: 5_000_000 });
    await guest.invitations.redeem(code);
    await guest.capsules.own();
    const [listed] = await controller.invitations.list();
    assert.deepEqual([listed?.label, listed?.uses, listed?.usesMax], ["Ben", 1, 2]);
  } finally {
    await host.remove();
  }
});

test("a capsule that somebody gave a role in is told apart, and accepted", async () => {
  const { owner, capsuleId } = await withPhotos(0);
  const ben = await connect(node);
  await owner.capsules.grant(capsuleId, ben.principal, "guest");
  const found = async () => (await ben.capsules.list()).find(({ id }) => id === capsuleId);
  const given = await found();
  assert.deepEqual([given?.accepted, given?.creator?.toText()], [false, owner.principal.toText()]);
  await ben.capsules.accept(capsuleId);
  assert.equal((await found())?.accepted, true);
  await ben.people.name(owner.principal, { name: "Mum" });
  const names = (await ben.people.list()).map(({ principal, name }) => [principal.toText(), name]);
  assert.deepEqual(names, [[owner.principal.toText(), "Mum"]]);
});

test("whoever has a link looks at what it names, adds nothing, and no longer once it is ended", async () => {
  const { owner, capsuleId, memories } = await withPhotos(3);
  const [first = ""] = memories;
  const expiresAt = new Date(Math.trunc(Date.now() / 1000) * 1000 + 3_600_000);
  const options = { memories: [first], expiresAt, password: "correct horse", label: "for the press" };
  const { fragment, principal } = await owner.links.create(capsuleId, options);
  const { secret, hasPassword } = parseLink(`https://photos.example/${fragment}`);
  assert.ok(hasPassword);

  const looker = await connect(node, { identity: await linkIdentity(secret, "correct horse") });
  assert.equal((await looker.whoami()).standing, "link");
  assert.deepEqual((await looker.capsules.header(capsuleId)).link, {
    someMemories: true,
    download: true,
    expiresAt,
  });
  assert.deepEqual(await titles(looker, capsuleId), ["0.bin"]);
  const original = new Uint8Array(await (await looker.download(first, "original")).arrayBuffer());
  const [asset] = (await owner.memories.read(first)).assets;
  assert.equal(sha256(original), hex(asset?.sha256 ?? new Uint8Array()));
  await assert.rejects(
    looker.memories.read(memories[1] ?? ""),
    says("NotFound", "not_found", /not yours to see/),
  );
  const upload = looker.upload(sourceOf("a.bin", randomBytes(9)), { capsuleId });
  await assert.rejects(upload.done, says("Unauthorized", "link_only_looks", /identity of a person/));
  const wrong = await connect(node, { identity: await linkIdentity(secret, "wrong horse") });
  await assert.rejects(wrong.memories.read(first), says("NotFound", "not_found", /not yours to see/));

  const whole = await owner.links.create(capsuleId, { download: false });
  const all = await connect(node, { identity: await linkIdentity(whole.secret) });
  assert.deepEqual(await titles(all, capsuleId), ["0.bin", "1.bin", "2.bin"]);
  const listed = (await owner.links.list(capsuleId)).map(
    ({ memories: count, hasPassword: locked, download, label }) => ({
      count,
      locked,
      download,
      label,
    }),
  );
  const expected = [
    { count: 1, locked: true, download: true, label: "for the press" },
    { count: undefined, locked: false, download: false, label: "" },
  ];
  assert.deepEqual(new Set(listed), new Set(expected));
  await owner.links.revoke(capsuleId, principal);
  await assert.rejects(looker.memories.read(first), says("NotFound", "not_found", /not yours to see/));
  const past = owner.links.create(capsuleId, { expiresAt: new Date(1) });
  await assert.rejects(past, says("InvalidArgument", "expires_in_the_past", /a time to come/));
});

test("by a link that was ended, or that nobody made, nothing is kept", async () => {
  const { owner, capsuleId } = await withPhotos(1);
  const ended = await owner.links.create(capsuleId);
  await owner.links.revoke(capsuleId, ended.principal);
  for (const secret of [ended.secret, newLinkSecret()]) {
    const wire = new Wire();
    const looker = await connect(node, { identity: await linkIdentity(secret), fetch: wire.fetch });
    const code = await owner.invitations.create(capsuleId, "member");
    const deeds: (() => Promise<unknown>)[] = [
      () => looker.upload(sourceOf("a.bin", randomBytes(9))).done,
      () => looker.upload(sourceOf("a.bin", randomBytes(9)), { capsuleId }).done,
      () => looker.capsules.own(),
      () => looker.capsules.createAbout("Alice's album"),
      () => looker.devices.invite(),
      () => looker.invitations.redeem(code),
      () => looker.people.nameSelf({ name: "Alice" }),
    ];
    for (const deed of deeds) {
      await assert.rejects(deed(), says("Unauthorized", "link_only_looks", /identity of a person/));
    }
    assert.deepEqual(wire.sent, [], "nothing is sent that would change something");
    assert.deepEqual(await looker.capsules.list(), []);
  }
});

test("a link that may be shown has a path on a node, and none with a password or unasked", async () => {
  const { owner, capsuleId } = await withPhotos(1);
  const shown = await owner.links.create(capsuleId, { preview: true });
  assert.match(shown.path, /^\/l\/[\w-]{22}$/);
  const { secret } = parseLink(`https://photos.example${shown.path}${shown.fragment}`);
  const looker = await connect(node, { identity: await linkIdentity(secret) });
  assert.equal((await looker.memories.page(capsuleId)).items.length, 1);
  assert.equal((await fetch(`${node.url}${shown.path}/picture`)).status, 404, "it has no thumbnail");
  const plain = await owner.links.create(capsuleId);
  const locked = await owner.links.create(capsuleId, { preview: true, password: "correct horse" });
  const told = [shown, plain, locked].map(({ preview, path }) => [preview, path !== ""]);
  assert.deepEqual(told, [
    [true, true],
    [false, false],
    [false, false],
  ]);
  const listed = (await owner.links.list(capsuleId)).find(({ path }) => path !== "");
  assert.deepEqual([listed?.principal.toText(), listed?.path], [shown.principal.toText(), shown.path]);
});
