//! A life of two capsules, message by message: uploads out of order, publish, every way to give space back, and
//! uploads into that space. Owns the messages, and what a reader sees between them; owns no fault.
#![allow(dead_code, reason = "every test binary uses its own part")]

use crate::inputs::{
    HOUR_NS, START_NS, asset_meta, file, inline_asset, memory_meta, person, publish_session, sha256,
};
use ic_stable_structures::Memory;
use keepsake_core::blob::BlobRecord;
use keepsake_core::capsule::CapsuleView;
use keepsake_core::ids::{BlobId, CapsuleId, MemoryId, SessionId};
use keepsake_core::memory::{AssetChoice, AssetKind, MemoryRecord, NewAsset};
use keepsake_core::publish::{CarriedAsset, Publication};
use keepsake_core::upload::{BeginOptions, SessionState, SessionView};
use keepsake_core::{Call, Refusal, RefusalKind, Store};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A file that somebody uploads: by whom, its length, its chunks' length.
struct Upload(u32, usize, usize);

const UPLOADS: [Upload; 12] = [
    Upload(1, 30_000, 7_000),
    Upload(1, 12_000, 5_000),
    Upload(1, 3_000, 3_000),
    Upload(2, 26_000, 9_000),
    Upload(2, 8_000, 3_000),
    Upload(1, 20_000, 6_000),
    Upload(2, 15_000, 4_000),
    Upload(1, 16_000, 5_000),
    Upload(2, 40_000, 8_000),
    Upload(2, 18 * 4_096 + 100, 4_096),
    Upload(1, 14_000, 14_000),
    Upload(1, 5_000, 5_000),
];

const KINDS: [AssetKind; 3] = [AssetKind::Original, AssetKind::Display, AssetKind::Thumbnail];
const INLINE_BYTES: usize = 120;

/// One message. Uploads are named by their place in [`UPLOADS`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Message {
    Capsule(u32),
    Begin(usize),
    Put(usize, u32),
    Finish(usize),
    Abort(usize),
    Publish(&'static str, &'static [usize]),
    /// A publish of files that come along in the message.
    Carry(&'static str, &'static [usize]),
    DeleteBlob(usize),
    DeleteMemory(&'static str),
    DeleteCapsule(u32),
    /// The TTL tick, this many hours after the message before.
    Tick(u64),
}

use Message::{
    Abort, Begin, Capsule, Carry, DeleteBlob, DeleteCapsule, DeleteMemory, Finish, Publish, Put, Tick,
};

pub(crate) const SCENARIO: &[Message] = &[
    Capsule(1),
    Capsule(2),
    Begin(0),
    Begin(3),
    Put(0, 4),
    Put(3, 1),
    Put(0, 0),
    Begin(4),
    Put(4, 0),
    Put(3, 2),
    Put(4, 2),
    Put(0, 2),
    Abort(4),
    Put(3, 0),
    Begin(5),
    Put(0, 1),
    Put(5, 3),
    Put(5, 0),
    Put(0, 3),
    Begin(1),
    Begin(2),
    Put(1, 2),
    Finish(3),
    Put(1, 0),
    Put(2, 0),
    Put(1, 1),
    Publish("three", &[0, 1, 2]),
    DeleteBlob(3),
    Begin(6),
    Put(6, 1),
    Put(6, 3),
    Put(5, 2),
    Put(5, 1),
    Finish(5),
    Publish("one", &[5]),
    DeleteMemory("three"),
    Carry("along", &[10, 11]),
    Begin(8),
    Put(8, 4),
    Put(8, 1),
    Tick(20),
    Put(8, 0),
    Begin(7),
    Put(7, 2),
    Put(7, 3),
    Tick(5),
    Put(8, 3),
    DeleteCapsule(1),
    Put(8, 2),
    Tick(1),
    Publish("last", &[8]),
    // A file in more runs than one message frees.
    Begin(9),
    Put(9, 18),
    Put(9, 17),
    Put(9, 16),
    Put(9, 15),
    Put(9, 14),
    Put(9, 13),
    Put(9, 12),
    Put(9, 11),
    Put(9, 10),
    Put(9, 9),
    Put(9, 8),
    Put(9, 7),
    Put(9, 6),
    Put(9, 5),
    Put(9, 4),
    Put(9, 3),
    Put(9, 2),
    Put(9, 1),
    Put(9, 0),
    Finish(9),
    DeleteBlob(9),
    Tick(1),
    Tick(60),
];

/// What callers remember of the answers.
#[derive(Clone, Default)]
pub(crate) struct Answers {
    capsules: BTreeMap<u32, CapsuleId>,
    sessions: BTreeMap<usize, SessionId>,
    blobs: BTreeMap<usize, BlobId>,
    memories: BTreeMap<&'static str, (u32, MemoryId, &'static [usize])>,
}

/// All that readers see, without where bytes lie.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    capsules: Vec<CapsuleView>,
    sessions: Vec<SessionView>,
    /// Half-open ranges of chunks, of the sessions that say so.
    missing: Vec<Vec<(u32, u32)>>,
    blobs: Vec<BlobRecord>,
    memories: Vec<MemoryRecord>,
}

/// The host's time of the n-th message, ns.
pub(crate) fn now_ns(nth: usize) -> u64 {
    let hours = |message: &Message| if let Tick(hours) = message { *hours } else { 0 };
    START_NS + nth as u64 * 1_000 + SCENARIO[..=nth].iter().map(hours).sum::<u64>() * HOUR_NS
}

fn bytes_of(upload: usize) -> &'static [u8] {
    static FILES: LazyLock<Vec<Vec<u8>>> =
        LazyLock::new(|| UPLOADS.iter().zip(0..).map(|(upload, seed)| file(upload.1, seed)).collect());
    &FILES[upload]
}

fn chunk_of(upload: usize, index: u32) -> &'static [u8] {
    bytes_of(upload).chunks(UPLOADS[upload].2).nth(index as usize).unwrap()
}

#[expect(clippy::needless_pass_by_value, reason = "it is passed to `map_err`")]
fn kind(refusal: impl Refusal) -> RefusalKind {
    refusal.kind()
}

impl Message {
    fn caller(self) -> u32 {
        match self {
            Capsule(who) | DeleteCapsule(who) => who,
            Begin(upload) | Put(upload, _) | Finish(upload) | Abort(upload) | DeleteBlob(upload) => {
                UPLOADS[upload].0
            }
            Publish(_, uploads) | Carry(_, uploads) => UPLOADS[uploads[0]].0,
            DeleteMemory(_) => 1,
            Tick(_) => 9,
        }
    }

    /// Sends the message, in the epoch and with the reuse that `host` says.
    pub(crate) fn send<R: Memory, H: Memory>(
        self,
        store: &mut Store<R, H>,
        host: &Call,
        known: &mut Answers,
    ) -> Result<(), RefusalKind> {
        let who = self.caller();
        let call = &Call { caller: person(who), ..*host };
        match self {
            Capsule(_) => {
                known.capsules.insert(who, store.capsule_create(call, None).map_err(kind)?.id);
            }
            Begin(upload) => {
                let Upload(_, len, chunk) = UPLOADS[upload];
                let expected = u32::try_from(len.div_ceil(chunk)).unwrap();
                let total_len = (upload % 2 == 0).then_some(len as u64);
                let options = BeginOptions { total_len, ..BeginOptions::default() };
                let id = store.upload_begin(
                    call,
                    known.capsules[&who],
                    expected,
                    &format!("upload {upload}"),
                    options,
                );
                known.sessions.insert(upload, id.map_err(kind)?);
            }
            Put(upload, index) => {
                let bytes = chunk_of(upload, index);
                store.upload_put(call, known.sessions[&upload], index, bytes).map_err(kind)?;
            }
            Finish(upload) => {
                let (id, bytes) = (known.sessions[&upload], bytes_of(upload));
                let done = store.upload_finish(call, id, &sha256(bytes), bytes.len() as u64);
                known.blobs.insert(upload, done.map_err(kind)?.done().unwrap().0);
            }
            Abort(upload) => store.upload_abort(call, known.sessions[&upload]).map_err(kind)?,
            Publish(title, uploads) => {
                let session = |(upload, kind): (&usize, AssetKind)| {
                    publish_session(known.sessions[upload], kind, bytes_of(*upload))
                };
                let sessions = uploads.iter().zip(KINDS).map(session).collect();
                let publication = Publication::new(memory_meta(title), sessions, vec![placeholder()]);
                publish(store, call, known, title, uploads, publication)?;
            }
            Carry(title, uploads) => {
                let along = |(upload, kind): (&usize, AssetKind)| CarriedAsset {
                    meta: asset_meta(kind),
                    bytes: bytes_of(*upload).to_vec(),
                };
                let carried = uploads.iter().zip(KINDS).map(along).collect();
                let without = Publication::new(memory_meta(title), Vec::new(), vec![placeholder()]);
                publish(store, call, known, title, uploads, Publication { carried, ..without })?;
            }
            DeleteBlob(upload) => {
                store.blob_delete(call, known.blobs[&upload]).map_err(kind)?;
                known.blobs.remove(&upload);
            }
            DeleteMemory(title) => {
                store.memory_delete(call, known.memories[title].1, true).map_err(kind)?;
                let (_, _, uploads) = known.memories.remove(title).unwrap();
                known.blobs.retain(|upload, _| !uploads.contains(upload));
            }
            DeleteCapsule(_) => {
                store.capsule_delete(call, known.capsules[&who]).map_err(kind)?;
                known.capsules.remove(&who);
                known.memories.retain(|_, (owner, ..)| *owner != who);
                known.blobs.retain(|upload, _| UPLOADS[*upload].0 != who);
            }
            Tick(_) => while store.tick(call).more {},
        }
        Ok(())
    }
}

fn placeholder() -> NewAsset {
    inline_asset(AssetKind::Placeholder, file(INLINE_BYTES, 77))
}

fn publish<R: Memory, H: Memory>(
    store: &mut Store<R, H>,
    call: &Call,
    known: &mut Answers,
    title: &'static str,
    uploads: &'static [usize],
    publication: Publication,
) -> Result<(), RefusalKind> {
    let who = UPLOADS[uploads[0]].0;
    let done = store.publish(call, known.capsules[&who], publication, title);
    let done = done.map_err(kind)?.done().unwrap();
    known.memories.insert(title, (who, MemoryId(done.memory), uploads));
    for (upload, asset) in uploads.iter().zip(&done.assets) {
        known.blobs.insert(*upload, BlobId(asset.blob.unwrap()));
    }
    Ok(())
}

impl Answers {
    /// What everybody sees. Panics where bytes are not those that were sent.
    pub(crate) fn look<R: Memory, H: Memory>(&self, store: &Store<R, H>, now_ns: u64) -> Seen {
        let mut seen =
            Seen { capsules: vec![], sessions: vec![], missing: vec![], blobs: vec![], memories: vec![] };
        for who in [1, 2] {
            seen.capsules.extend(store.capsule_list(&person(who)));
            let call = Call {
                caller: person(who),
                now_ns,
                epoch: 0,
                reusable_through: 0,
                room_bytes: u64::MAX,
                rows_max: u32::MAX,
            };
            for mut view in store.session_list(&person(who)) {
                seen.missing.extend(store.upload_status(&call, view.id).map(|status| status.missing));
                (view.record.tail, view.record.room) = (vec![], 0);
                seen.sessions.push(view);
            }
        }
        for (upload, blob) in &self.blobs {
            let who = person(UPLOADS[*upload].0);
            let mut record = store.blob_meta(&who, *blob).expect("a blob that was answered is there");
            assert!(
                store.blob_bytes(&store.blob_read(&who, *blob).unwrap()) == bytes_of(*upload),
                "bytes of upload {upload}"
            );
            record.extents = vec![];
            seen.blobs.push(record);
        }
        for (who, memory, _) in self.memories.values() {
            let record = store.memory_read(&person(*who), *memory);
            seen.memories.push(record.expect("a memory that was answered is there"));
            let choice = AssetChoice::Kind(AssetKind::Placeholder);
            let inline = store.asset_read(&person(*who), *memory, choice).unwrap().inline;
            assert_eq!(inline.unwrap(), file(INLINE_BYTES, 77));
        }
        seen
    }

    /// Sends every chunk of pending sessions that was received once more: it is refused unless the same bytes lie
    /// there.
    pub(crate) fn resend_received<R: Memory, H: Memory>(&self, store: &mut Store<R, H>, now_ns: u64) {
        for (upload, id) in &self.sessions {
            let call = Call {
                caller: person(UPLOADS[*upload].0),
                now_ns,
                epoch: 0,
                reusable_through: 0,
                room_bytes: u64::MAX,
                rows_max: u32::MAX,
            };
            let Ok(status) = store.upload_status(&call, *id) else { continue };
            if status.record.state != SessionState::Pending {
                continue;
            }
            let missing = |index: &u32| status.missing.iter().any(|(from, to)| (from..to).contains(&index));
            for index in (0..status.record.expected).filter(|index| !missing(index)) {
                let again = store.upload_put(&call, *id, index, chunk_of(*upload, index));
                assert_eq!(again, Ok(()), "upload {upload}, chunk {index}");
            }
        }
    }
}
