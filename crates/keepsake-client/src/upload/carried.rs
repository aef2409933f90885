//! Which assets go along in the publish, and which have a session of their own. Owns the choice.
//!
//! The original comes first, then display and thumbnail, each where it fits what the others leave. So a small photo is one
//! message, and a large one has the session of its original alone.

use super::ChunkCounts;
use super::hash::{Sha, sha256};
use super::lane::SessionDone;
use super::source::OpenSource;
use bytes::Bytes;

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

/// What is left of the publish, bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room(u64);

impl Room {
    /// What the service takes with a publish, and whoever is on the way in one message.
    pub(crate) fn new(carried_bytes_max: Option<u32>, message_bytes_max: u32) -> Self {
        Self(carried_bytes_max.unwrap_or(0).min(message_bytes_max).into())
    }

    /// Bytes.
    pub(crate) fn left(self) -> u64 {
        self.0
    }

    /// Takes an asset that is in memory, where it fits. It counts as one chunk.
    pub(crate) fn take(&mut self, source: &OpenSource) -> Option<Brought> {
        let bytes = source.whole()?;
        self.0 = self.0.checked_sub(source.len())?;
        Some(Brought {
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

    fn asset(len: usize) -> OpenSource {
        OpenSource::of_bytes("a", vec![7; len].into(), None)
    }

    #[test]
    fn what_fits_what_the_others_leave_goes_along() {
        let mut room = Room::new(Some(100), 1_000);
        let taken = [60, 50, 40, 1].map(|len| room.take(&asset(len)).is_some());
        assert_eq!(taken, [true, false, true, false]);
        assert_eq!(room.left(), 0);
    }

    #[test]
    fn nothing_goes_along_where_the_service_takes_nothing_or_the_way_lets_no_such_message_through() {
        assert_eq!(Room::new(None, 1_000).left(), 0);
        assert!(Room::new(None, 1_000).take(&asset(1)).is_none());
        assert_eq!(Room::new(Some(1_800_000), 900_000).left(), 900_000);
    }
}
