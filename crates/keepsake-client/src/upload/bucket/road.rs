//! Whether originals go into the host's bucket: as the caller wants, as the host offers, and as long as the bucket can be reached
//! from here. Owns that choice for all uploads of a client.

use crate::bucket::BucketFault;
use crate::client::CallError;
use crate::transport::TransportError;
use keepsake_api::{Error as Refusal, S3Lane};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use url::Url;

/// Where the original goes. What is made of it stays with the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hosting {
    /// Into the host's bucket from the length on that the host says, as long as it can be reached from here; else to the host.
    #[default]
    Auto,
    /// Into the host's bucket, whatever its length; an upload that cannot go so waits or fails.
    S3,
    /// To the host itself.
    Host,
}

/// Parts in flight of all uploads of a client together.
pub(crate) const PARTS_IN_FLIGHT_LIMIT: u32 = 4;

/// So many in a row, while the host reaches the bucket and before any part got an answer: it is not for this client.
const UNANSWERED_MAX: u32 = 2;

/// What is known of the way to a host's bucket.
#[derive(Debug, Default)]
pub(crate) struct KnownBucket(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Originals go to the host.
    is_shut: bool,
    /// It got something from here.
    is_proven: bool,
    unanswered: u32,
    counted_at: Option<Instant>,
}

/// What it means that nobody answered to a part.
pub(super) enum Unanswered {
    /// The bucket is away.
    Away(BucketFault),
    /// It is not for this client.
    Shut(BucketFault),
}

impl KnownBucket {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lane for an original of so many bytes; none: it goes to the host.
    ///
    /// # Errors
    /// Where the bucket is asked for, and there is none.
    pub(crate) fn lane_for<'a>(
        &self,
        offered: Option<&'a S3Lane>,
        bytes: u64,
        hosting: Hosting,
    ) -> Result<Option<&'a S3Lane>, CallError> {
        match (hosting, offered) {
            (Hosting::S3, None) => {
                let told = "s3_not_configured: this host has no bucket; leave `hosting` out".to_owned();
                Err(CallError::Refused { method: "uploads_begin", error: Refusal::NotImplemented(told) })
            }
            (Hosting::S3, Some(lane)) => Ok(Some(lane)),
            (Hosting::Auto, Some(lane)) if bytes >= lane.from_len && !self.state().is_shut => Ok(Some(lane)),
            (Hosting::Auto | Hosting::Host, _) => Ok(None),
        }
    }

    /// It got something from here.
    pub(super) fn answered(&self) {
        self.state().is_proven = true;
    }

    /// From now on originals go to the host.
    pub(super) fn shut(&self) {
        self.state().is_shut = true;
    }

    /// What it means that a part which set out at `from` got no answer. `host_reaches` asks the host what the bucket has: where it
    /// is told, the bucket is there, and not for this client.
    pub(super) async fn unanswered(
        &self,
        (url, reason): (&Url, &str),
        from: Instant,
        hosting: Hosting,
        host_reaches: impl Future<Output = bool>,
    ) -> Unanswered {
        let away = BucketFault::unreachable(url, reason);
        if self.state().is_proven || !host_reaches.await {
            return Unanswered::Away(away);
        }
        let state = &mut *self.state();
        if state.is_proven {
            return Unanswered::Away(away);
        }
        // Those that flew together met the same.
        if state.counted_at.is_none_or(|counted_at| from >= counted_at) {
            state.unanswered += 1;
        }
        state.counted_at = Some(Instant::now());
        if state.unanswered < UNANSWERED_MAX || hosting != Hosting::Auto {
            return Unanswered::Away(away);
        }
        state.is_shut = true;
        Unanswered::Shut(away)
    }
}

/// The bucket is in the way of a part.
pub(super) fn bucket_error(fault: BucketFault) -> CallError {
    CallError::Transport { method: METHOD, error: TransportError::Bucket(fault) }
}

/// What a part is called in errors.
pub(super) const METHOD: &str = "uploads_put_part";

#[cfg(test)]
mod tests {
    use super::*;

    fn url() -> Url {
        "http://127.0.0.1:9/photos/1/7".parse().unwrap()
    }

    async fn meet(known: &KnownBucket, hosting: Hosting, host_reaches: bool) -> bool {
        let reaches = std::future::ready(host_reaches);
        let met = known.unanswered((&url(), "refused"), Instant::now(), hosting, reaches).await;
        matches!(met, Unanswered::Shut(_))
    }

    #[tokio::test]
    async fn a_bucket_is_not_for_this_client_after_two_in_a_row_while_the_host_reaches_it() {
        let known = KnownBucket::default();
        assert!(!meet(&known, Hosting::Auto, true).await);
        assert!(!meet(&known, Hosting::Auto, false).await, "the host says nothing: it may be away");
        assert!(meet(&known, Hosting::Auto, true).await);

        let asked_for = KnownBucket::default();
        for _ in 0..5 {
            assert!(!meet(&asked_for, Hosting::S3, true).await, "whoever asked for it waits");
        }
        let proven = KnownBucket::default();
        proven.answered();
        for _ in 0..5 {
            assert!(!meet(&proven, Hosting::Auto, true).await, "it was there a moment ago");
        }
    }

    #[tokio::test]
    async fn parts_that_flew_together_count_once() {
        let (known, from, url) = (KnownBucket::default(), Instant::now(), url());
        for _ in 0..4 {
            let met =
                known.unanswered((&url, "refused"), from, Hosting::Auto, std::future::ready(true)).await;
            assert!(matches!(met, Unanswered::Away(_)));
        }
    }
}
