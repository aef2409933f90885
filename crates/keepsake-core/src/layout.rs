//! Which stable map lives in which virtual memory, and the header. Owns the numbers; they never change meaning.
//!
//! The records memory is cut by `ic-stable-structures`' `MemoryManager` into virtual memories of 2 MiB buckets:
//! ```text
//!  id  what                       key                          value
//!   0  header (below)
//!   1  config                     (a cell)                     Config
//!   2  heap: free by address      address u64                  length u64
//!   3  heap: free by length       length, address              -
//!   4  heap: limbo                epoch, address               length u64
//!   5  sessions                   session u64                  SessionRecord
//!   6  sessions: received bits    session, page                512 bytes
//!   7  due                        time ns, kind u8, id u64     -
//!   8  blobs                      blob u64                     BlobRecord
//!   9  capsules                   capsule u64                  CapsuleRecord
//!  10  members                    capsule, principal           role u8
//!  11  capsules of a principal    principal, capsule           -
//!  12  memories                   memory u64                   MemoryRecord
//!  13  inline assets              memory, asset                bytes
//!  14  items of a capsule         capsule, kind u8, id         -
//!  15  idempotency keys,          SHA-256                      IdemRecord
//!      order of capsules lists
//!  16  callers                    principal                    CallerRecord
//!  17  sessions of a caller       principal, state u8, session -
//!  18  sessions by state          state u8, session            -
//!  19  certified tree: nodes      (see `certified.rs`)
//!  20  certified tree: to do      tag u8, number u64           a number u64
//!  21  pieces of large assets     memory, asset                SHA-256 of each piece, one after the other
//!  22  site                       0 u8                         SiteRecord
//!  23  runs of chunks             session u64, chunk u32       heap offset u64, length u64
//!  24  contents                   capsule, SHA-256, memory     -
//!  25  registry of people         tag u8, principals, numbers  (see `tables/registry.rs`)
//!  26  objects in the bucket      object u64                   ObjectRecord
//!  27  objects to be removed      time ns, object              -
//! ```
//! Each map has the form of `ic-stable-structures`' `StableBTreeMap`, see `tree.rs`.
//!
//! Header, little-endian, at offset 0 of virtual memory 0:
//! ```text
//!    0  magic "KEEPSAKE"     8  layout version u32   12  zero u32
//!   16  next capsule u64    24  next memory u64      32  next blob u64      40  next session u64
//!   48  heap end u64        56  pending sessions     64  finished sessions  72  bytes in flight
//!   80  HTTP token secret, 32 bytes (0: none yet)   112  memories stored    120  blobs stored
//!  128  memories looked at for the certified tree: through this number; 2^64-1: all
//!  136  certified tree: what comes before `asset`, 32 bytes   168  what comes after it, 32 bytes (0: nothing)
//!  200  form of what is certified, as the service numbers them u64
//!  208  memories from this number on are counted in their capsules' record bytes; 0: all     216  the same of blobs
//!  224  memories from this number on are in the index of contents; 0: all
//!  232  number of the last invitation    240  number of the next entry of the operators' log
//!  248  number of the last object
//! ```
//! Version 2 added maps 21 and 22, and the header from 136 on. Version 3 added map 23: the chunks of sessions that begin
//! from then on lie in runs; those of older sessions and blobs stay in the extents that their records name. Version 4 added the
//! capsules' record bytes, and the header from 208 on: what is older is counted slice by slice (see `charge.rs`). Version 5 added map
//! 24, and the header at 224: older memories are indexed slice by slice (see `contents.rs`). Version 6 added map 25, the header from
//! 232 on, and the bit 0x80 of a member's role: given, and not accepted yet; every role of before was accepted. Version 7 added
//! maps 26 and 27, and the header at 248: a session or a blob may name an object. An older store becomes one of this version when it
//! is opened to be written.

use crate::map::StableMap;
use ic_stable_structures::Memory;
use ic_stable_structures::memory_manager::{MemoryId, MemoryManager, VirtualMemory};

/// The layout that this program writes. It reads every version up to this one.
pub const LAYOUT_VERSION: u32 = 7;
/// First bytes of the header.
pub const MAGIC: &[u8; 8] = b"KEEPSAKE";
/// Virtual memories grow by 2 MiB: small stores stay small, and 32,768 buckets still make 64 GiB of records.
pub(crate) const BUCKET_PAGES: u16 = 32;

/// One virtual memory of the records.
pub type Vm<R> = VirtualMemory<R>;
/// A stable map in the records.
pub(crate) type Map<K, V, R> = StableMap<K, V, Vm<R>>;

/// The parts of the records memory.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    Header = 0,
    Config = 1,
    FreeByAddress = 2,
    FreeByLength = 3,
    Limbo = 4,
    Sessions = 5,
    SessionBits = 6,
    Due = 7,
    Blobs = 8,
    Capsules = 9,
    Members = 10,
    CapsulesOf = 11,
    Memories = 12,
    Inline = 13,
    Items = 14,
    Idem = 15,
    Callers = 16,
    SessionsOf = 17,
    SessionsByState = 18,
    Certified = 19,
    Uncertified = 20,
    Pieces = 21,
    Site = 22,
    Runs = 23,
    Contents = 24,
    Registry = 25,
    Objects = 26,
    ObjectsLeaving = 27,
}

pub(crate) fn part<R: Memory>(manager: &MemoryManager<R>, part: Part) -> Vm<R> {
    manager.get(MemoryId::new(part as u8))
}

/// A `u64` of the header.
#[derive(Clone, Copy)]
pub(crate) enum Field {
    NextCapsule = 16,
    NextMemory = 24,
    NextBlob = 32,
    NextSession = 40,
    HeapEnd = 48,
    PendingSessions = 56,
    FinishedSessions = 64,
    BytesInFlight = 72,
    MemoriesStored = 112,
    BlobsStored = 120,
    CertifiedThrough = 128,
    CertifiedForm = 200,
    MemoriesCountedFrom = 208,
    BlobsCountedFrom = 216,
    ContentsFrom = 224,
    NextInvitation = 232,
    NextLog = 240,
    LastObject = 248,
}

const VERSION_OFFSET: u64 = 8;
const SECRET_OFFSET: u64 = 80;
const BESIDE_ASSETS_OFFSET: u64 = 136;

/// The value of [`Field::CertifiedThrough`] where every memory was looked at.
pub(crate) const ALL_CERTIFIED: u64 = u64::MAX;

/// One number of the header, read and written in place. Each belongs to one table.
pub(crate) struct Counter<R: Memory> {
    memory: Vm<R>,
    at: u64,
}

impl<R: Memory> Counter<R> {
    pub(crate) fn open(manager: &MemoryManager<R>, field: Field) -> Self {
        Self { memory: part(manager, Part::Header), at: field as u64 }
    }

    pub(crate) fn read(&self) -> u64 {
        let mut bytes = [0; 8];
        self.memory.read(self.at, &mut bytes);
        u64::from_le_bytes(bytes)
    }

    pub(crate) fn set(&self, value: u64) {
        self.memory.write(self.at, &value.to_le_bytes());
    }

    pub(crate) fn add(&self, amount: u64) {
        self.set(self.read().checked_add(amount).expect("a counter stays below 2^64"));
    }

    pub(crate) fn sub(&self, amount: u64) {
        self.set(self.read().checked_sub(amount).expect("a counter never goes below zero"));
    }

    /// Hands out the next number of a sequence.
    pub(crate) fn next(&self) -> u64 {
        let next = self.read();
        self.set(next + 1);
        next
    }
}

/// What the header has besides numbers: the version, the secret, and digests beside the certified tree.
pub(crate) struct Header<R: Memory>(Vm<R>);

impl<R: Memory> Header<R> {
    pub(crate) fn open(memory: Vm<R>) -> Self {
        Self(memory)
    }

    /// Writes a fresh header. The caller made sure that there is room for it.
    pub(crate) fn format(&self, token_secret: &[u8; 32]) {
        assert!(self.0.size() > 0 || self.0.grow(1) == 0, "a new store has room for its header");
        self.0.write(0, MAGIC);
        self.set_version();
        self.0.write(SECRET_OFFSET, token_secret);
        for first in [Field::NextCapsule, Field::NextMemory, Field::NextBlob, Field::NextSession] {
            self.0.write(first as u64, &1_u64.to_le_bytes());
        }
        self.0.write(Field::CertifiedThrough as u64, &ALL_CERTIFIED.to_le_bytes());
    }

    /// From now on the store is one of this program's version.
    pub(crate) fn set_version(&self) {
        self.0.write(VERSION_OFFSET, &LAYOUT_VERSION.to_le_bytes());
    }

    /// The layout version, or none where there is no header.
    pub(crate) fn version(&self) -> Option<u32> {
        if self.0.size() == 0 {
            return None;
        }
        let mut magic = [0; 8];
        self.0.read(0, &mut magic);
        let mut version = [0; 4];
        self.0.read(VERSION_OFFSET, &mut version);
        (&magic == MAGIC).then(|| u32::from_le_bytes(version))
    }

    /// Digests of what the certified tree has before and after the assets; zeros where there is nothing.
    pub(crate) fn beside_assets(&self) -> [[u8; 32]; 2] {
        let mut digests = [[0; 32]; 2];
        self.0.read(BESIDE_ASSETS_OFFSET, digests.as_flattened_mut());
        digests
    }

    pub(crate) fn set_beside_assets(&self, digests: &[[u8; 32]; 2]) {
        self.0.write(BESIDE_ASSETS_OFFSET, digests.as_flattened());
    }

    pub(crate) fn set_token_secret(&self, token_secret: &[u8; 32]) {
        self.0.write(SECRET_OFFSET, token_secret);
    }

    pub(crate) fn token_secret(&self) -> [u8; 32] {
        let mut secret = [0; 32];
        self.0.read(SECRET_OFFSET, &mut secret);
        secret
    }
}
