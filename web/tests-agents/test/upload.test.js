// The exam for each agent: a capsule, 8 MiB in every cut and order, duplicates, reading back, publishing.
// Every check of the agents is at its default: certificates of updates and signatures of queries are verified.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { AGENTS, connect, ok } from "../src/agents.js";
import { SEED, atOnce, chunks, randomBytes, sha256, shuffled } from "../src/bytes.js";
import { metadataOf, originalOf } from "../src/metadata.js";
import { startNode } from "../src/node.js";

const LENGTH = 8 * 1024 * 1024;
const CUTS = { "1.8 MB": 1_800_000, "64 KiB": 65_536 };
const ORDERS = {
  "in order": { arrange: (items) => items, width: 1 },
  shuffled: { arrange: (items) => shuffled(items, SEED), width: 1 },
  "16 at once": { arrange: (items) => shuffled(items, SEED + 1), width: 16 },
};

/** Every fourth chunk is sent twice, the second time right after or much later. */
function withDuplicates(items) {
  return [...items.flatMap((item) => (item.index % 4 === 0 ? [item, item] : [item])), items[0]];
}

async function begin(service, capsuleId, parts, idem) {
  return ok(await service.uploads_begin(capsuleId, parts.length, idem, []));
}

async function readByChunks(service, locator) {
  const meta = ok(await service.blob_get_meta(locator));
  const read = [];
  for (let index = 0; index < meta.chunk_count; index += 1) {
    read.push(ok(await service.blob_read_chunk(locator, index)));
  }
  return Buffer.concat(read);
}

async function readByRanges(service, locator, length) {
  const step = 1_500_001;
  const read = [];
  for (let offset = 0; offset < length; offset += step) {
    read.push(ok(await service.blob_read_range(locator, BigInt(offset), step)));
  }
  return Buffer.concat(read);
}

describe(`agents (KEEPSAKE_SEED=${SEED})`, () => {
  let node;
  before(async () => {
    node = await startNode();
  });
  after(() => node?.stop());

  for (const flavour of AGENTS) {
    describe(flavour.name, () => {
      let service;
      let identity;
      let capsuleId;
      before(async () => {
        ({ service, identity } = await connect(flavour, node));
        capsuleId = ok(await service.capsules_create([])).id;
      });

      test("the own capsule is made once", async () => {
        const again = ok(await service.capsules_create([]));
        assert.equal(again.id, capsuleId);
        assert.equal(again.subject.Principal.toText(), identity.getPrincipal().toText());
        assert.deepEqual((await service.capsules_list()).map((capsule) => capsule.id), [capsuleId]);
      });

      for (const [cut, chunkBytes] of Object.entries(CUTS)) {
        for (const [order, { arrange, width }] of Object.entries(ORDERS)) {
          test(`8 MiB in ${cut} chunks, ${order}, with duplicates`, async () => {
            const bytes = randomBytes(LENGTH, SEED + chunkBytes + width);
            const parts = chunks(bytes, chunkBytes);
            const session = await begin(service, capsuleId, parts, `${cut}, ${order}`);
            await atOnce(width, withDuplicates(arrange(parts)), async ({ index, bytes: part }) => {
              ok(await service.uploads_put_chunk(session, index, part));
            });
            const status = ok(await service.uploads_status(session));
            assert.equal(status.received_chunks, parts.length);
            assert.equal(status.bytes_received, BigInt(LENGTH));
            const finished = ok(await service.uploads_finish(session, sha256(bytes), BigInt(LENGTH)));
            assert.deepEqual(finished.checksum_sha256, [sha256(bytes)]);
            assert.ok((await readByChunks(service, finished.blob_id)).equals(bytes), "chunks differ");
            assert.ok((await readByRanges(service, finished.blob_id, LENGTH)).equals(bytes), "ranges differ");
          });
        }
      }

      test("what is published is listed at once and can be read", async () => {
        const bytes = randomBytes(200_000, SEED + 7);
        const [part] = chunks(bytes, bytes.length);
        const session = await begin(service, capsuleId, [part], "published");
        ok(await service.uploads_put_chunk(session, 0, part.bytes));
        const request = {
          capsule_id: capsuleId,
          metadata: metadataOf("A day at sea"),
          sessions: [
            {
              session_id: session,
              sha256: sha256(bytes),
              total_len: BigInt(bytes.length),
              metadata: originalOf("sea.bin"),
            },
          ],
          inline_assets: [],
          carried_assets: [],
          if_present: [],
          idem: "published",
        };
        const published = ok(await service.uploads_publish(request));
        assert.deepEqual(ok(await service.uploads_publish(request)), published, "a repeat answers the same");
        const page = ok(await service.memories_list(capsuleId, [], []));
        assert.deepEqual(page.items.map((item) => item.id), [published.memory_id]);
        const memory = ok(await service.memories_read(published.memory_id));
        assert.equal(memory.metadata.title[0], "A day at sea");
        const { blob_ref: blob } = memory.blob_internal_assets[0];
        assert.ok(Buffer.from(ok(await service.blob_read(blob.locator))).equals(bytes));
      });

      test("a wrong hash is refused and the upload can go on", async () => {
        const bytes = randomBytes(100_000, SEED + 8);
        const parts = chunks(bytes, 65_536);
        const session = await begin(service, capsuleId, parts, "wrong hash");
        for (const { index, bytes: part } of parts) {
          ok(await service.uploads_put_chunk(session, index, part));
        }
        const refused = await service.uploads_finish(session, sha256(bytes.subarray(1)), BigInt(bytes.length));
        assert.match(refused.Err.InvalidArgument, /^[a-z0-9_]+:/);
        ok(await service.uploads_finish(session, sha256(bytes), BigInt(bytes.length)));
      });

      test("other bytes for a received chunk are a conflict", async () => {
        const bytes = randomBytes(131_072, SEED + 9);
        const parts = chunks(bytes, 65_536);
        const session = await begin(service, capsuleId, parts, "conflict");
        ok(await service.uploads_put_chunk(session, 0, parts[0].bytes));
        const refused = await service.uploads_put_chunk(session, 0, parts[1].bytes);
        assert.ok("Conflict" in refused.Err, JSON.stringify(refused));
        ok(await service.uploads_abort(session));
      });

      test("a stranger finds no trace of the capsule", async () => {
        const stranger = await connect(flavour, node);
        const listed = await stranger.service.memories_list(capsuleId, [], []);
        assert.ok("NotFound" in listed.Err || "Unauthorized" in listed.Err, JSON.stringify(listed));
        assert.deepEqual(await stranger.service.capsules_list(), []);
      });
    });
  }
});
