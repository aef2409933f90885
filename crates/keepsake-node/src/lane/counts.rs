//! What the lane did and what went wrong, for the log. Owns the counts since the start, and the line that tells them.

use super::{Lane, LaneError};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Between two lines, where something was counted meanwhile.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Addresses signed for writing.
    pub(crate) granted: u64,
    /// Bytes that they let in.
    pub(crate) granted_bytes: u64,
    /// Originals that were found whole.
    pub(crate) found: u64,
    /// Bytes of them.
    pub(crate) found_bytes: u64,
    /// Bytes read to know what is there.
    pub(crate) read_bytes: u64,
    /// Blobs moved from the heap.
    pub(crate) moved: u64,
    /// Bytes of them.
    pub(crate) moved_bytes: u64,
    /// Objects removed.
    pub(crate) removed: u64,
    /// The bucket did not answer.
    pub(crate) away: u64,
    /// It refused.
    pub(crate) refused: u64,
    /// It had other bytes than were announced.
    pub(crate) differs: u64,
    /// What clients asked for could not be: too early, too late, or no such thing.
    pub(crate) unasked: u64,
    /// The records could not be asked.
    pub(crate) records: u64,
}

/// The counts, shared by whoever counts.
#[derive(Debug, Default)]
pub(super) struct Counter(Mutex<Counts>);

impl Counter {
    pub(super) fn add(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn read(&self) -> Counts {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn add_failure(&mut self, error: &LaneError) {
        *match error {
            LaneError::Away(_) => &mut self.away,
            LaneError::Refused(_) => &mut self.refused,
            LaneError::Differs | LaneError::Gone => &mut self.differs,
            LaneError::Records(_) => &mut self.records,
            LaneError::Service(_)
            | LaneError::AnotherSession
            | LaneError::Malformed(_)
            | LaneError::Missing
            | LaneError::PartsMissing(_) => &mut self.unasked,
        } += 1;
    }
}

impl Lane {
    /// Counts a failure.
    pub(super) fn counted<T>(&self, done: Result<T, LaneError>) -> Result<T, LaneError> {
        if let Err(error) = &done {
            self.counter.add(|counts| counts.add_failure(error));
        }
        done
    }

    /// Tells the counts in the log, for ever.
    pub(super) async fn tell_for_ever(self) {
        let mut told = Counts::default();
        loop {
            tokio::time::sleep(TOLD_EVERY).await;
            let now = self.counter.read();
            if now != told {
                tell(&now);
                told = now;
            }
        }
    }
}

fn tell(counts: &Counts) {
    let Counts {
        granted, granted_bytes, found, found_bytes, read_bytes, moved, moved_bytes, removed, ..
    } = *counts;
    let Counts { away, refused, differs, unasked, records, .. } = *counts;
    tracing::info!(
        granted,
        granted_bytes,
        found,
        found_bytes,
        read_bytes,
        moved,
        moved_bytes,
        removed,
        away,
        refused,
        differs,
        unasked,
        records,
        "the bucket, since the start"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use keepsake_s3::Error as S3Error;

    #[test]
    fn failures_are_counted_by_their_kind() {
        let mut counts = Counts::default();
        for error in [
            LaneError::Away(S3Error::Away { why: "gone".into() }),
            LaneError::Differs,
            LaneError::Gone,
            LaneError::Missing,
            LaneError::Records("full".into()),
        ] {
            counts.add_failure(&error);
        }
        let Counts { away, refused, differs, unasked, records, .. } = counts;
        assert_eq!((away, refused, differs, unasked, records), (1, 0, 2, 1, 1));
    }
}
