//! One stranger's worst hour, as data: which messages somebody may send again and again whom nobody invited, and how much
//! of the host each may take. Owns the messages, the things that they need, and the bounds; a host's test sends them and
//! measures.
//!
//! The rule that the bounds hold: what stays of a message is bounded by what it sent, plus a small constant.

use crate::api::{
    AssetMetadata, AssetType, BeginOptions, HttpRequest, MemoryMetadata, MemoryUpdateData, PersonRef,
    PublishRequest, Role,
};
use crate::samples::{asset, blob, bytes, changed, inline, memory, sha256};
use crate::verdict::allowed;
use crate::world::upload;
use candid::Principal;
use candid::utils::ArgumentEncoder;
use keepsake_client::{Client, Transport};
use serde_bytes::ByteBuf;

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// No key: no signature either.
    Anonymous,
    /// A key that did nothing before, a new one for each message.
    NewKey,
    /// Somebody with a capsule of its own: any new key, one message later.
    Resident,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is done.
    Done,
    /// A rule refuses it.
    Refused,
    /// It is turned away before it is taken in: on the canister by inspection, so that nothing is paid for it.
    TurnedAway,
}

/// A message, and what each one of its kind may take.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// For the reader of the table.
    pub what: &'static str,
    /// The method.
    pub method: &'static str,
    /// Who sends it.
    pub sender: Sender,
    /// The argument of the `nth` such message.
    pub arg: fn(&Things, nth: u64) -> Vec<u8>,
    /// What becomes of it.
    pub answer: Answer,
    /// Bytes that may stay beside as many as it sent.
    pub stays_bytes_max: u64,
    /// Instructions that it may take on the canister, with what timers do for it afterwards.
    pub instructions_max: u64,
}

/// What a resident has.
#[derive(Clone, Debug)]
pub struct Things {
    /// A capsule that everybody may look at.
    pub capsule: String,
    /// A memory in it, whose original has [`LARGE_BYTES`].
    pub memory: String,
    /// That original.
    pub blob: String,
    /// A session of [`SESSION_CHUNKS`] chunks of which none came.
    pub session: u64,
}

/// Longest original that one answer holds, bytes.
pub const LARGE_BYTES: usize = 1_900_000;
/// Chunks of the session.
pub const SESSION_CHUNKS: u32 = 1_000;

const CHUNK_BYTES: usize = 1_800_000;
/// Longest texts that are sent, bytes: below the bound of a memory's.
const TEXT_BYTES: usize = 16_000;

impl Things {
    /// Makes them, as a resident.
    pub async fn make<T: Transport>(resident: &Client<T>) -> Self {
        let capsule = allowed(resident.capsules_create(None::<PersonRef>).await).id;
        allowed(resident.capsules_grant(&capsule, Principal::anonymous(), Role::Guest).await);
        let original = upload(resident, &capsule, &bytes(LARGE_BYTES, 1), LARGE_BYTES / 2).await.blob_id;
        let (about, assets) = (memory("Large"), [blob(AssetType::Original, &original)]);
        let made = resident.memories_create_with_internal_blobs(&capsule, &about, &assets, "large").await;
        let session = allowed(resident.uploads_begin(&capsule, SESSION_CHUNKS, "burden", None).await);
        Self { capsule, memory: allowed(made), blob: original, session }
    }
}

const fn case(
    what: &'static str,
    method: &'static str,
    (sender, answer): (Sender, Answer),
    (stays_bytes_max, instructions_max): (u64, u64),
    arg: fn(&Things, u64) -> Vec<u8>,
) -> Case {
    Case { what, method, sender, arg, answer, stays_bytes_max, instructions_max }
}

const NOBODY: (Sender, Answer) = (Sender::Anonymous, Answer::Refused);
const NOBODY_AT_ALL: (Sender, Answer) = (Sender::Anonymous, Answer::TurnedAway);
const NEW: (Sender, Answer) = (Sender::NewKey, Answer::Refused);
const NEW_AT_ALL: (Sender, Answer) = (Sender::NewKey, Answer::TurnedAway);
const RESIDENT: (Sender, Answer) = (Sender::Resident, Answer::Done);
const RESIDENT_REFUSED: (Sender, Answer) = (Sender::Resident, Answer::Refused);
const RESIDENT_AT_ALL: (Sender, Answer) = (Sender::Resident, Answer::TurnedAway);

const M: u64 = 1_000_000;
/// What is written in pages of 4,096 bytes may touch some that it fills later.
const PAGES: u64 = 32 << 10;

/// The messages.
pub const CASES: &[Case] = &[
    case("an update without a key", "capsules_create", NOBODY, (0, 2 * M), |_, _| {
        encode((None::<PersonRef>,))
    }),
    case("a long one", "uploads_put_chunk", NOBODY_AT_ALL, (0, 0), |things, _| {
        put(things.session, 0, CHUNK_BYTES)
    }),
    case("a query as an update", "blob_read", NOBODY_AT_ALL, (0, 0), |things, _| encode((&things.blob,))),
    case("junk to a query", "capsules_list", NOBODY_AT_ALL, (0, 0), |_, _| junk(1_000_000)),
    case(
        "a page that is not there",
        "http_request_update",
        (Sender::Anonymous, Answer::Done),
        (0, 5 * M),
        |_, nth| http(&format!("/{nth}"), &[("x", &"y".repeat(60_000))]),
    ),
    case(
        "a large public original",
        "http_request_update",
        (Sender::Anonymous, Answer::Done),
        (0, 400 * M),
        |things, _| http(&format!("/asset/{}/original", things.memory), &[]),
    ),
    case("a chunk, by a new key", "uploads_put_chunk", NEW_AT_ALL, (0, 0), |things, _| {
        put(things.session, 0, CHUNK_BYTES)
    }),
    case("a short chunk, by a new key", "uploads_put_chunk", NEW, (0, 2 * M), |things, _| {
        put(things.session, 0, 1_000)
    }),
    case(
        "a capsule for each key",
        "capsules_create",
        (Sender::NewKey, Answer::Done),
        (PAGES, 4 * M),
        |_, _| encode((None::<PersonRef>,)),
    ),
    case("a capsule", "capsules_create", RESIDENT, (PAGES, 4 * M), |_, nth| {
        encode((Some(PersonRef::Opaque(format!("{nth} {}", "n".repeat(200)))),))
    }),
    case("a chunk of no session", "uploads_put_chunk", RESIDENT_REFUSED, (0, 20 * M), |_, nth| {
        put(1 << 40 | nth, 0, CHUNK_BYTES)
    }),
    case("a chunk that is too large", "uploads_put_chunk", RESIDENT_AT_ALL, (0, 0), |things, _| {
        put(things.session, 0, 2_000_000)
    }),
    // Arrived in order, the chunk is hashed at once, 65 instructions a byte.
    case("a chunk", "uploads_put_chunk", RESIDENT, (PAGES, 140 * M), |things, nth| {
        put(things.session, u32::try_from(nth).expect("few"), CHUNK_BYTES)
    }),
    // What arrived reserves no more than it has bytes itself.
    case("every 16th chunk, from behind", "uploads_put_chunk", RESIDENT, (PAGES, 20 * M), |things, nth| {
        put(things.session, SESSION_CHUNKS - 1 - 16 * u32::try_from(nth).expect("few"), CHUNK_BYTES)
    }),
    case("a session of 1.8 GB", "uploads_begin", RESIDENT, (PAGES, 2 * M), |things, nth| {
        let options = BeginOptions { total_len: Some(1_800_000_000), ..BeginOptions::default() };
        encode((&things.capsule, 1_000_u32, format!("{nth}"), Some(options)))
    }),
    case("a memory with long texts", "memories_create", RESIDENT, (PAGES, 20 * M), |things, nth| {
        let none = (None::<crate::api::BlobRef>, None::<crate::api::BlobHosting>, None::<String>);
        let idem = format!("{nth}");
        let bytes = Some(ByteBuf::from(bytes(30_000, nth)));
        encode((
            &things.capsule,
            bytes,
            none.0,
            none.1,
            none.2,
            None::<String>,
            None::<u64>,
            None::<ByteBuf>,
            worded(),
            idem,
        ))
    }),
    case(
        "an inline asset that is too large",
        "memories_add_inline_asset",
        RESIDENT_REFUSED,
        (0, 12 * M),
        |things, nth| {
            encode((&things.memory, inline(AssetType::Preview, &bytes(100_000, nth)), format!("{nth}")))
        },
    ),
    case("other long texts", "memories_update", RESIDENT, (PAGES, 8 * M), |things, nth| {
        let text = |letter: &str| Some(format!("{nth} {}", letter.repeat(TEXT_BYTES)));
        let metadata = MemoryMetadata { description: text("d"), memory_notes: text("n"), ..memory("Worded") };
        encode((&things.memory, MemoryUpdateData { metadata: Some(metadata), ..MemoryUpdateData::default() }))
    }),
    case("an original as an update", "blob_read", RESIDENT, (0, 400 * M), |things, _| {
        encode((&things.blob,))
    }),
    case("presence of a thousand", "memories_ping", RESIDENT, (0, 80 * M), |things, _| {
        encode((vec![&things.memory; 1_000],))
    }),
    case("a thousand files that are not there", "memories_find", RESIDENT, (0, 120 * M), |things, nth| {
        let hashes = (0..1_000).map(|at| ByteBuf::from(sha256(&bytes(8, nth << 10 | at))));
        encode((&things.capsule, hashes.collect::<Vec<_>>()))
    }),
    // As a chunk: hashed at once, 65 instructions a byte.
    case("a photo in one message", "uploads_publish", RESIDENT, (PAGES, 140 * M), |things, nth| {
        encode((PublishRequest {
            capsule_id: things.capsule.clone(),
            metadata: memory("Along"),
            sessions: Vec::new(),
            inline_assets: Vec::new(),
            carried_assets: Some(vec![inline(AssetType::Original, &bytes(CHUNK_BYTES, nth))]),
            if_present: None,
            idem: format!("along {nth}"),
        },))
    }),
    case("public, private, public …", "capsules_grant", RESIDENT, (PAGES, 20 * M), |things, _| {
        encode((&things.capsule, Principal::anonymous(), Role::Guest))
    }),
    case("a finish of nothing", "uploads_finish", RESIDENT_REFUSED, (0, 2 * M), |things, _| {
        encode((things.session, ByteBuf::from(sha256(b"nothing")), 7_u64))
    }),
];

fn encode<A: ArgumentEncoder>(args: A) -> Vec<u8> {
    candid::encode_args(args).expect("samples encode")
}

fn put(session: u64, index: u32, len: usize) -> Vec<u8> {
    encode((session, index, ByteBuf::from(bytes(len, session ^ u64::from(index)))))
}

/// A message of no arguments, with bytes behind them.
fn junk(len: usize) -> Vec<u8> {
    [encode(()), bytes(len, 3)].concat()
}

fn http(url: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let (method, url, body) = ("GET".to_owned(), url.to_owned(), ByteBuf::new());
    encode((HttpRequest { method, url, headers, body, certificate_version: Some(2) },))
}

/// Metadata with long texts.
fn worded() -> AssetMetadata {
    changed(asset(AssetType::Original, "image/jpeg"), |base| base.description = Some("d".repeat(TEXT_BYTES)))
}
