//! Ids from the wire. A text that no id can have names nothing: `NotFound`, as for an id that is not there.

use keepsake_api::{Answer, Error};
use keepsake_core::ids::{AssetId, BlobId, CapsuleId, MemoryId};

pub(crate) fn capsule(text: &str) -> Answer<CapsuleId> {
    CapsuleId::parse(text).ok_or(Error::NotFound)
}

pub(crate) fn memory(text: &str) -> Answer<MemoryId> {
    MemoryId::parse(text).ok_or(Error::NotFound)
}

pub(crate) fn asset(text: &str) -> Answer<AssetId> {
    AssetId::parse(text).ok_or(Error::NotFound)
}

pub(crate) fn blob(text: &str) -> Answer<BlobId> {
    BlobId::parse(text).ok_or(Error::NotFound)
}
