// The SDK uploads the photos of a folder one after the other, and prints as a line of JSON what each but the first one took:
// time within BLS verification, by the engine's own profiler, and processor time of the whole process. The first one loads wasm.
// Node has no image codecs, so that the derivatives are bytes at hand: only their messages and sizes matter here.
import { readdir } from "node:fs/promises";
import { Session } from "node:inspector/promises";
import { join } from "node:path";
import { Keepsake } from "@keepsake/sdk";
import { fileIdentity, fileSource } from "@keepsake/sdk/node";

const [host, canisterId, key, folder] = process.argv.slice(2);
const keepsake = await Keepsake.connect({ host, canisterId, identity: await fileIdentity(key) });

/** Of usual sizes; those of a photo begin as its file does, so that no two photos have the same. */
async function derive(photo) {
  const bytes = new Uint8Array(await photo.arrayBuffer());
  const sizes = [
    ["display", 640, 480, 25_000],
    ["thumbnail", 400, 300, 10_000],
    ["placeholder", 32, 18, 700],
  ];
  const derivatives = sizes.map(([kind, width, height, length]) => {
    return { kind, width, height, mimeType: "image/jpeg", bytes: bytes.slice(0, length) };
  });
  return { width: 640, height: 480, orientation: 1, derivatives };
}

async function upload(name) {
  const source = await fileSource(join(folder, name));
  const { alreadyThere } = await keepsake.upload(source, { derive }).done;
  await source.close();
  if (alreadyThere) {
    throw new Error(`${name} was there already`);
  }
}

/** Milliseconds in functions of the SDK's verify/, and in what they call. */
function millisInBls({ nodes, samples, timeDeltas }) {
  const isBls = new Map();
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const mark = (node, within) => {
    const here = within || /\/verify\/bls[^/]*\.js$/.test(node.callFrame.url);
    isBls.set(node.id, here);
    for (const child of node.children ?? []) {
      mark(byId.get(child), here);
    }
  };
  mark(nodes[0], false);
  return samples.reduce((sum, id, at) => sum + (isBls.get(id) ? timeDeltas[at] / 1000 : 0), 0);
}

const [first, ...others] = (await readdir(folder)).sort();
await upload(first);
const session = new Session();
session.connect();
await session.post("Profiler.enable");
await session.post("Profiler.setSamplingInterval", { interval: 200 });
await session.post("Profiler.start");
const before = process.cpuUsage();
for (const name of others) {
  await upload(name);
}
const { user, system } = process.cpuUsage(before);
const { profile } = await session.post("Profiler.stop");
const each = (millis) => millis / Math.max(others.length, 1);
console.log(
  JSON.stringify({ bls_ms: each(millisInBls(profile)), processor_ms: each((user + system) / 1000) }),
);
