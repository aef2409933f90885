//! Idempotency keys: the first answer of a message, kept under who asked where with which key.
//!
//! ```text
//! key: SHA-256( scope u8 | principal | capsule u64 | key text )     value: IdemRecord
//! ```
//! A record lives as long as what it answers with: a pending session, a capsule, a memory, an asset.
//! Owns the map, lookup and the comparison of arguments; what is answered belongs to the operation.

use crate::ids::CapsuleId;
use crate::layout::{Map, Part, part};
use crate::limits::IDEM_BYTES_MAX;
use crate::record::{Record, canonical, principal_key};
use crate::refusal::{Refusal, RefusalKind};
use ic_principal::Principal;
use ic_stable_structures::Memory;
use ic_stable_structures::memory_manager::MemoryManager;
use minicbor::{Decode, Encode};
use sha2::{Digest, Sha256};

/// Which family of messages a key belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Begin = 1,
    OwnCapsule = 2,
    Memory = 3,
    Asset = 4,
    Publish = 5,
    /// No message: see `capsule/listing.rs`.
    Listing = 6,
}

/// The first answer, and what it answered.
#[derive(Encode, Decode, Clone, Debug, PartialEq, Eq)]
pub(crate) struct IdemRecord {
    /// SHA-256 of the arguments.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub(crate) fingerprint: [u8; 32],
    /// The number of what was made: session, capsule, memory, asset.
    #[n(1)]
    pub(crate) made: u64,
    /// More of the answer, in the operation's own encoding.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub(crate) detail: Vec<u8>,
}

/// Why an idempotency key is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdemError {
    /// Empty or too long.
    #[error("idem_length: {0} bytes, allowed 1..={IDEM_BYTES_MAX}")]
    Length(usize),
    /// Used before with other arguments.
    #[error("idem_reused: the key was used with other arguments; choose a new one")]
    Reused,
}

impl Refusal for IdemError {
    fn kind(&self) -> RefusalKind {
        match self {
            Self::Length(_) => RefusalKind::InvalidArgument,
            Self::Reused => RefusalKind::Conflict,
        }
    }
}

/// Where an answer is kept.
pub(crate) fn idem_key(
    scope: Scope,
    caller: &Principal,
    capsule: CapsuleId,
    text: &str,
) -> Result<[u8; 32], IdemError> {
    if text.is_empty() || text.len() > IDEM_BYTES_MAX {
        return Err(IdemError::Length(text.len()));
    }
    Ok(key_of(scope, caller, capsule, text.as_bytes()))
}

pub(crate) fn key_of(scope: Scope, caller: &Principal, capsule: CapsuleId, text: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update([scope as u8]);
    hash.update(principal_key(caller));
    hash.update(capsule.0.to_be_bytes());
    hash.update(text);
    hash.finalize().into()
}

/// The SHA-256 of arguments, by their canonical encoding.
pub(crate) fn fingerprint<T: Encode<()>>(arguments: &T) -> [u8; 32] {
    Sha256::digest(canonical(arguments)).into()
}

pub(crate) struct Idem<R: Memory>(Map<[u8; 32], Record<IdemRecord>, R>);

impl<R: Memory> Idem<R> {
    pub(crate) fn open(manager: &MemoryManager<R>) -> Self {
        Self(Map::init(part(manager, Part::Idem)))
    }

    /// What is broken in the trees below, in words. O(pages).
    pub(crate) fn check_trees(&self, wrong: &mut Vec<String>) {
        self.0.check_tree("idempotency keys", wrong);
    }

    /// The first answer to the same message, if there is one.
    pub(crate) fn recall(
        &self,
        key: &[u8; 32],
        fingerprint: &[u8; 32],
    ) -> Result<Option<IdemRecord>, IdemError> {
        match self.get(key) {
            None => Ok(None),
            Some(known) if known.fingerprint == *fingerprint => Ok(Some(known)),
            Some(_) => Err(IdemError::Reused),
        }
    }

    /// What was answered, whatever the arguments were.
    pub(crate) fn get(&self, key: &[u8; 32]) -> Option<IdemRecord> {
        self.0.get(key).map(|record| record.0)
    }

    pub(crate) fn remember(&mut self, key: [u8; 32], fingerprint: [u8; 32], made: u64, detail: Vec<u8>) {
        self.0.put(&key, &IdemRecord { fingerprint, made, detail });
    }

    pub(crate) fn forget(&mut self, key: &[u8; 32]) {
        self.0.remove(key);
    }

    /// Bytes of the pages that it takes.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.bytes()
    }

    pub(crate) fn len(&self) -> u64 {
        self.0.len()
    }
}
