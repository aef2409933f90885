//! Which assets go along in the publish, and which have a session of their own. Owns the choice.
//!
//! The smallest come first. So a small photo is one message, and a large one has the session of its original alone.
//! `fixtures/client/carried.json` has the cases.

use super::ChunkCounts;
use super::hash::{Sha, sha256};
use super::lane::SessionDone;
use super::source::OpenSource;
use bytes::Bytes;
use keepsake_api::AssetType;

/// How an asset reaches the publish.
#[derive(Clone, Debug)]
pub(crate) enum Way {
    /// A session holds it.
    Session(u64),
    /// It goes along.
    Carried(Bytes),
}

/// An asset that the publish can name.
#[derive(Clone, Debug)]
pub(crate) struct Brought {
    pub(crate) way: Way,
    pub(crate) sha256: Sha,
    /// Bytes.
    pub(crate) total_len: u64,
    pub(crate) counts: ChunkCounts,
}

impl From<SessionDone> for Brought {
    fn from(done: SessionDone) -> Self {
        let SessionDone { session_id, sha256, total_len, counts } = done;
        Self { way: Way::Session(session_id), sha256, total_len, counts }
    }
}

/// What may go along in a publish, bytes: what the service takes, and whoever is on the way in one message.
pub(crate) fn carried_max(carried_bytes_max: Option<u32>, message_bytes_max: u32) -> u64 {
    carried_bytes_max.unwrap_or(0).min(message_bytes_max).into()
}

/// Which assets go along, by their bytes: the smallest first, as many as have `bytes_max` together.
pub(crate) fn carried_kinds(assets: &[(AssetType, u64)], bytes_max: u64) -> Vec<AssetType> {
    let mut smallest_first = assets.to_vec();
    smallest_first.sort_by_key(|(_, bytes)| *bytes);
    let mut left = bytes_max;
    let fits = |(kind, bytes): (AssetType, u64)| {
        left = left.checked_sub(bytes)?;
        Some(kind)
    };
    smallest_first.into_iter().map_while(fits).collect()
}

impl Brought {
    /// An asset that goes along, where its bytes are in memory. It counts as one chunk.
    pub(crate) fn carried(source: &OpenSource) -> Option<Self> {
        let bytes = source.whole()?;
        Some(Self {
            sha256: source.sha256().unwrap_or_else(|| sha256(bytes)),
            total_len: source.len(),
            counts: ChunkCounts { sent: 1, ..ChunkCounts::default() },
            way: Way::Carried(bytes.clone()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_goes_along_where_the_service_takes_nothing_or_the_way_lets_no_such_message_through() {
        assert_eq!(carried_max(None, 1_000), 0);
        assert_eq!(carried_max(Some(1_800_000), 900_000), 900_000);
        assert_eq!(carried_max(Some(800_000), 900_000), 800_000);
    }
}
