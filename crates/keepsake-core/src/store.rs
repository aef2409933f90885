//! The store: the tables and the heap over the two memories. Owns opening and the configuration; each family of operations
//! is an `impl Store` in its own module, and reaches records through the tables alone.

use crate::certified::Certified;
use crate::door::OPERATOR;
use crate::heap::Heap;
use crate::layout::{BUCKET_PAGES, Header, LAYOUT_VERSION, Part, Vm, part};
use crate::limits;
use crate::record::{Record, principal};
use crate::site::Site;
use crate::tables::{
    Blobs, Callers, Capsules, Contents, Due, Idem, Members, Memories, Objects, Registry, Runs, Sessions,
};
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
    /// What memory costs, for a host that pays for it by time.
    #[cbor(n(4), default)]
    pub upkeep: Upkeep,
    /// The host has no certificates, so nothing is kept for it that would prove answers over HTTP.
    #[cbor(n(5), default)]
    pub uncertified: bool,
    /// What records may take.
    #[cbor(n(6), default)]
    pub records: RecordLimits,
    /// Who may come in; none: as the host has it by default.
    #[n(7)]
    pub admission: Option<Admission>,
    /// Where the operator does not say who may come in: only who is invited.
    #[cbor(n(8), default)]
    pub invited_by_default: bool,
    /// Principals that may say what is in the bucket, beside the operator at the machine itself.
    #[cbor(n(9), with = "principals", default)]
    pub attestors: Vec<Principal>,
    /// The program that keeps the keys of a bucket, where the host cannot.
    #[n(10)]
    pub gate: Option<Gate>,
}

/// A program beside the host that keeps the keys of a bucket.
#[derive(Encode, Decode, Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// Its address, without a slash at the end.
    #[n(0)]
    pub url: String,
    /// Clients should send originals to the bucket from this length on, bytes.
    #[n(1)]
    pub from_len: u64,
}

/// Who may come in.
#[derive(Encode, Decode, Clone, Copy, Debug, PartialEq, Eq)]
#[cbor(index_only)]
pub enum Admission {
    /// Whoever has a key may make capsules.
    #[n(0)]
    Everybody,
    /// Only who was invited, and whom the store knows already.
    #[n(1)]
    Invited,
}

/// What records may take.
#[derive(Encode, Decode, Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordLimits {
    /// All records and indexes, bytes of their pages.
    #[n(0)]
    pub record_bytes_max: u64,
    /// Records of one capsule's memories and blobs, bytes.
    #[n(1)]
    pub capsule_record_bytes_max: u64,
}

impl Default for RecordLimits {
    fn default() -> Self {
        Self {
            record_bytes_max: limits::RECORD_BYTES_MAX,
            capsule_record_bytes_max: limits::CAPSULE_RECORD_BYTES_MAX,
        }
    }
}

/// What an operator says about the price of memory on the Internet Computer.
#[derive(Encode, Decode, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upkeep {
    /// What is stored must be paid for so far ahead, seconds.
    #[n(0)]
    pub freezing_threshold_secs: u64,
    /// Machines of the subnet, at least: each holds all of it.
    #[n(1)]
    pub subnet_nodes: u32,
}

impl Default for Upkeep {
    fn default() -> Self {
        Self { freezing_threshold_secs: 90 * 24 * 3_600, subnet_nodes: 13 }
    }
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
            upkeep: Upkeep::default(),
            uncertified: false,
            records: RecordLimits::default(),
            admission: None,
            invited_by_default: false,
            attestors: Vec::new(),
            gate: None,
        }
    }
}

/// The store over its records memory `R` and its blob heap `H`.
pub struct Store<R: Memory, H: Memory> {
    pub(crate) header: Header<R>,
    config: StableCell<Record<Config>, Vm<R>>,
    pub(crate) heap: Heap<R, H>,
    pub(crate) sessions: Sessions<R>,
    pub(crate) runs: Runs<R>,
    pub(crate) due: Due<R>,
    pub(crate) blobs: Blobs<R>,
    pub(crate) capsules: Capsules<R>,
    pub(crate) members: Members<R>,
    pub(crate) memories: Memories<R>,
    pub(crate) contents: Contents<R>,
    pub(crate) idem: Idem<R>,
    pub(crate) callers: Callers<R>,
    pub(crate) certified: Certified<R>,
    pub(crate) site: Site<R>,
    pub(crate) registry: Registry<R>,
    pub(crate) objects: Objects<R>,
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
        store.certified.keep(!config.uncertified);
        if store.config().uncertified && !config.uncertified {
            store.certified.look_at_all_again();
        }
        if &store.config.get().0 != config {
            store.config.set(Record(config.clone()));
            store.heap.limit(config.heap_bytes_max);
        }
        Ok(store)
    }

    /// Makes a store of an older layout one of this layout. What is certified has other forms since version 2: all of it
    /// is looked at again, in slices.
    fn renew(&mut self) {
        let version = self.header.version();
        if version < Some(2) {
            self.certified.look_at_all_again();
        }
        if version < Some(4) {
            self.memories.count_none();
            self.blobs.count_none();
        }
        if version < Some(5) {
            self.index_none();
        }
        if version != Some(LAYOUT_VERSION) {
            self.header.set_version();
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
        let certified = !config.get().0.uncertified;
        Ok(Self {
            heap: Heap::open(manager, bytes, limit_bytes),
            header,
            config,
            sessions: Sessions::open(manager),
            runs: Runs::open(manager),
            due: Due::open(manager),
            blobs: Blobs::open(manager),
            capsules: Capsules::open(manager),
            members: Members::open(manager),
            memories: Memories::open(manager),
            contents: Contents::open(manager),
            idem: Idem::open(manager),
            callers: Callers::open(manager),
            certified: Certified::open(manager, certified),
            site: Site::open(manager),
            registry: Registry::open(manager),
            objects: Objects::open(manager),
        })
    }

    /// What the operator set.
    pub fn config(&self) -> &Config {
        &self.config.get().0
    }

    /// The caller is one of the operator's controllers, or the operator at the machine itself. Whatever was set, nobody's key is
    /// none, nor is a device of another account, now or before it was removed.
    pub fn is_controller(&self, caller: &Principal) -> bool {
        let is_named = || self.config().controllers.contains(caller) && !is_nobody(caller);
        caller.as_slice() == OPERATOR || (is_named() && self.account_of(caller) == *caller)
    }

    /// The account that a key among the operator's controllers is a device of: that account has to be named instead.
    pub fn controller_by_account(&self, key: &Principal) -> Option<Principal> {
        let account = self.account_of(key);
        (account != *key && self.config().controllers.contains(key)).then_some(account)
    }

    /// The caller may say what is in the bucket: the host itself, or the program that keeps the bucket's keys.
    pub fn is_attestor(&self, caller: &Principal) -> bool {
        self.config().attestors.contains(caller) || caller.as_slice() == OPERATOR
    }

    /// Sets what the operator says, from now on.
    pub(crate) fn reconfigure(&mut self, change: impl FnOnce(&mut Config)) {
        let mut config = self.config().clone();
        change(&mut config);
        self.heap.limit(config.heap_bytes_max);
        self.config.set(Record(config));
    }

    /// The blob heap, to read extents and its usage.
    pub fn heap(&self) -> &Heap<R, H> {
        &self.heap
    }

    /// Memories stored, all capsules together.
    pub fn memory_count(&self) -> u64 {
        self.memories.count()
    }
}

/// Principals that nobody has the key of: the anonymous one, which everybody is, and the management canister's.
pub fn is_nobody(who: &Principal) -> bool {
    *who == Principal::anonymous() || *who == Principal::management_canister()
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
