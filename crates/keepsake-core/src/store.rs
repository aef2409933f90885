//! The store: opens the layouts over the two memories and carries every operation. Owns opening and the shared
//! records (configuration, callers); each family of operations is an `impl Store` in its own module.

use crate::blob::BlobRecord;
use crate::capsule::CapsuleRecord;
use crate::certified::{Changes, Nodes};
use crate::heap::Heap;
use crate::idem::IdemRecord;
use crate::layout::{BUCKET_PAGES, Field, Header, LAYOUT_VERSION, Map, Part, Vm, part};
use crate::limits;
use crate::memory::MemoryRecord;
use crate::record::{Record, principal, principal_key};
use crate::site::SiteRecord;
use crate::upload::{Bits, SessionRecord};
use ic_principal::Principal;
use ic_stable_structures::memory_manager::MemoryManager;
use ic_stable_structures::{Memory, StableCell};
use minicbor::{Decode, Encode};

/// Why a store does not open. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The records memory is not empty and holds something else.
    #[error("the records memory does not hold a Keepsake store: choose another data directory or canister")]
    NotAStore,
    /// Written by a later program.
    #[error(
        "the store has layout version {found}, this program reads up to {LAYOUT_VERSION}: use a newer program"
    )]
    NewerLayout {
        /// The version found.
        found: u32,
    },
}

/// What an operator sets. Stored, so that readers of a snapshot see it too.
#[derive(Encode, Decode, Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Principals that see every session.
    #[cbor(n(0), with = "principals")]
    pub controllers: Vec<Principal>,
    /// The canister id that this store answers as; HTTP tokens are bound to it.
    #[cbor(n(3), with = "principal")]
    pub canister_id: Principal,
    /// Upper bound of the blob heap, bytes.
    #[n(1)]
    pub heap_bytes_max: u64,
    /// What one capsule and one caller may take.
    #[n(2)]
    pub quotas: Quotas,
}

/// What one capsule and one caller may take.
#[derive(Encode, Decode, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// Blobs, inline assets and bytes in flight of one capsule, bytes.
    #[n(0)]
    pub capsule_bytes_max: u64,
    /// Bytes reserved by one caller's pending sessions.
    #[n(1)]
    pub bytes_in_flight_per_caller_max: u64,
    /// Pending sessions of one caller.
    #[n(2)]
    pub sessions_per_caller_max: u32,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            capsule_bytes_max: limits::CAPSULE_BYTES_MAX,
            bytes_in_flight_per_caller_max: limits::BYTES_IN_FLIGHT_PER_CALLER_MAX,
            sessions_per_caller_max: limits::SESSIONS_PER_CALLER_MAX,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            controllers: Vec::new(),
            canister_id: Principal::management_canister(),
            heap_bytes_max: limits::HEAP_BYTES_MAX,
            quotas: Quotas::default(),
        }
    }
}

/// What one caller has open.
#[derive(Encode, Decode, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CallerRecord {
    #[n(0)]
    pub(crate) pending_sessions: u32,
    #[n(1)]
    pub(crate) bytes_in_flight: u64,
    #[n(2)]
    pub(crate) finished_sessions: u64,
    #[n(3)]
    pub(crate) capsules_created: u32,
    /// Aborted sessions that are listed.
    #[cbor(n(4), default)]
    pub(crate) aborted_sessions: u32,
}

/// The store over its records memory `R` and its blob heap `H`.
pub struct Store<R: Memory, H: Memory> {
    pub(crate) header: Header<R>,
    pub(crate) config: StableCell<Record<Config>, Vm<R>>,
    pub(crate) heap: Heap<R, H>,
    pub(crate) sessions: Map<u64, Record<SessionRecord>, R>,
    pub(crate) bits: Bits<R>,
    pub(crate) due: Map<[u8; 17], (), R>,
    pub(crate) blobs: Map<u64, Record<BlobRecord>, R>,
    pub(crate) capsules: Map<u64, Record<CapsuleRecord>, R>,
    pub(crate) members: Map<[u8; 38], u8, R>,
    pub(crate) capsules_of: Map<[u8; 38], (), R>,
    pub(crate) memories: Map<u64, Record<MemoryRecord>, R>,
    pub(crate) inline: Map<[u8; 16], Vec<u8>, R>,
    pub(crate) items: Map<[u8; 17], (), R>,
    pub(crate) idem: Map<[u8; 32], Record<IdemRecord>, R>,
    pub(crate) callers: Map<[u8; 30], Record<CallerRecord>, R>,
    pub(crate) sessions_of: Map<[u8; 39], (), R>,
    pub(crate) sessions_by_state: Map<[u8; 9], (), R>,
    pub(crate) certified: Nodes<R>,
    pub(crate) uncertified: Map<[u8; 9], u64, R>,
    pub(crate) pieces: Map<[u8; 16], Vec<u8>, R>,
    pub(crate) site: Map<u8, Record<SiteRecord>, R>,
    pub(crate) changes: Changes,
}

impl<R: Memory, H: Memory> Store<R, H> {
    /// Opens the store in `records`, or makes it where the memory is empty. `token_secret` is used only then.
    /// Writes `config` where it differs from the stored one. O(1).
    ///
    /// # Errors
    /// [`OpenError`]; nothing was written.
    pub fn open(records: R, heap: H, config: &Config, token_secret: &[u8; 32]) -> Result<Self, OpenError> {
        let fresh = is_empty(&records)?;
        let manager = MemoryManager::init_with_bucket_size(records, BUCKET_PAGES);
        if fresh {
            Header::open(part(&manager, Part::Header)).format(token_secret);
        }
        let mut store = Self::load(&manager, heap, config.clone())?;
        store.renew();
        if &store.config.get().0 != config {
            store.config.set(Record(config.clone()));
            store.heap.limit(config.heap_bytes_max);
        }
        Ok(store)
    }

    /// Makes a store of an older layout one of this layout. What is certified has other forms now: all of it is looked
    /// at again, in slices.
    fn renew(&mut self) {
        if self.header.version() != Some(LAYOUT_VERSION) {
            self.header.set_version();
            self.header.set(Field::CertifiedThrough, 0);
        }
    }

    /// Opens an existing store to read. Writes nothing. O(1).
    ///
    /// # Errors
    /// [`OpenError`], also where the memory is empty.
    pub fn open_snapshot(records: R, heap: H) -> Result<Self, OpenError> {
        if is_empty(&records)? {
            return Err(OpenError::NotAStore);
        }
        Self::load(&MemoryManager::init_with_bucket_size(records, BUCKET_PAGES), heap, Config::default())
    }

    fn load(manager: &MemoryManager<R>, bytes: H, config: Config) -> Result<Self, OpenError> {
        let header = Header::open(part(manager, Part::Header));
        match header.version() {
            None => return Err(OpenError::NotAStore),
            Some(found) if found > LAYOUT_VERSION => return Err(OpenError::NewerLayout { found }),
            Some(_) => {}
        }
        let config = StableCell::init(part(manager, Part::Config), Record(config));
        let limit_bytes = config.get().0.heap_bytes_max;
        Ok(Self {
            heap: Heap::open(manager, bytes, limit_bytes),
            header,
            config,
            sessions: Map::init(part(manager, Part::Sessions)),
            bits: Bits::open(part(manager, Part::SessionBits)),
            due: Map::init(part(manager, Part::Due)),
            blobs: Map::init(part(manager, Part::Blobs)),
            capsules: Map::init(part(manager, Part::Capsules)),
            members: Map::init(part(manager, Part::Members)),
            capsules_of: Map::init(part(manager, Part::CapsulesOf)),
            memories: Map::init(part(manager, Part::Memories)),
            inline: Map::init(part(manager, Part::Inline)),
            items: Map::init(part(manager, Part::Items)),
            idem: Map::init(part(manager, Part::Idem)),
            callers: Map::init(part(manager, Part::Callers)),
            sessions_of: Map::init(part(manager, Part::SessionsOf)),
            sessions_by_state: Map::init(part(manager, Part::SessionsByState)),
            certified: Nodes::open(part(manager, Part::Certified)),
            uncertified: Map::init(part(manager, Part::Uncertified)),
            pieces: Map::open(part(manager, Part::Pieces)),
            site: Map::open(part(manager, Part::Site)),
            changes: Changes::default(),
        })
    }

    /// What the operator set.
    pub fn config(&self) -> &Config {
        &self.config.get().0
    }

    /// The caller is one of the operator's controllers.
    pub fn is_controller(&self, caller: &Principal) -> bool {
        self.config().controllers.contains(caller)
    }

    /// The blob heap, to read extents and its usage.
    pub fn heap(&self) -> &Heap<R, H> {
        &self.heap
    }

    /// Memories stored, all capsules together.
    pub fn memory_count(&self) -> u64 {
        self.header.read(Field::MemoriesStored)
    }

    pub(crate) fn caller_record(&self, caller: &Principal) -> CallerRecord {
        self.callers.get(&principal_key(caller)).map_or_else(CallerRecord::default, |record| record.0)
    }

    pub(crate) fn update_caller(&mut self, caller: &Principal, change: impl FnOnce(&mut CallerRecord)) {
        let mut record = self.caller_record(caller);
        change(&mut record);
        if record == CallerRecord::default() {
            self.callers.remove(&principal_key(caller));
        } else {
            self.callers.put(&principal_key(caller), &record);
        }
    }
}

/// Whether there is nothing yet. A memory that holds something else must not be formatted over.
fn is_empty<R: Memory>(records: &R) -> Result<bool, OpenError> {
    if records.size() == 0 {
        return Ok(true);
    }
    let mut magic = [0; 3];
    records.read(0, &mut magic);
    match &magic {
        b"MGR" => Ok(false),
        _ => Err(OpenError::NotAStore),
    }
}

mod principals {
    //! A list of principals as CBOR.
    use super::{Principal, principal};
    use minicbor::{
        Decoder, Encoder, decode::Error as DecodeError, encode::Error as EncodeError, encode::Write,
    };

    pub(super) fn encode<C, W: Write>(
        value: &[Principal],
        e: &mut Encoder<W>,
        c: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        e.array(value.len() as u64)?;
        value.iter().try_for_each(|one| principal::encode(one, e, c))
    }

    pub(super) fn decode<C>(d: &mut Decoder<'_>, c: &mut C) -> Result<Vec<Principal>, DecodeError> {
        let len = d.array()?.ok_or_else(|| DecodeError::message("a list with a length"))?;
        (0..len).map(|_| principal::decode(d, c)).collect()
    }
}
