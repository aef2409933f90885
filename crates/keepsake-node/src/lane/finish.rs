//! Whether the bytes of a session are in the bucket: by the bucket's own hash where it is known to compare it, else by reading
//! them once. Owns the work that goes on while its owner asks again.

use super::grant::{Listed, WantedPart, count, is_whole, len_of, listed};
use super::{Known, Lane, LaneError, Purpose, sha256_of};
use keepsake_api::{Answer, Attestation, ObjectGrant};
use keepsake_s3::{Bucket, Head, Key, Part, Verify};
use serde_bytes::ByteBuf;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;

/// Objects that are read at once: each takes the line to the bucket.
const READ_AT_ONCE: usize = 2;
/// Failures that are kept for owners who may never ask again.
const FAILURES_MAX: usize = 1_000;
/// Parts that are named where some are missing.
const NAMED_MAX: usize = 20;

/// Where a finish stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// All bytes are there.
    Yes,
    /// They are being read.
    Verifying {
        /// Bytes read.
        hashed: u64,
        /// Bytes in all.
        len: u64,
    },
}

/// What is being looked at now, by session.
#[derive(Clone, Debug)]
pub(super) struct Finishing {
    running: Arc<Mutex<HashMap<u64, Arc<AtomicU64>>>>,
    failed: Arc<Mutex<Failures>>,
    turns: Arc<Semaphore>,
}

/// Why objects were not found as announced, until their owners ask: the newest, by session. Whoever asks after that is looked
/// at anew.
#[derive(Debug, Default)]
struct Failures(VecDeque<(u64, LaneError)>);

impl Failures {
    fn keep(&mut self, session: u64, error: LaneError) {
        self.0.retain(|(other, _)| *other != session);
        if self.0.len() == FAILURES_MAX {
            self.0.pop_front();
        }
        self.0.push_back((session, error));
    }

    fn take(&mut self, session: u64) -> Option<LaneError> {
        let at = self.0.iter().position(|(other, _)| *other == session)?;
        self.0.remove(at).map(|(_, error)| error)
    }
}

impl Default for Finishing {
    fn default() -> Self {
        let turns = Arc::new(Semaphore::new(READ_AT_ONCE));
        Self { running: Arc::default(), failed: Arc::default(), turns }
    }
}

impl Lane {
    /// Looks whether all bytes are there, and says so to the service. What takes long goes on by itself: the same question again
    /// tells how far it is.
    ///
    /// # Errors
    /// [`LaneError`].
    pub(crate) async fn finish(
        &self,
        ticket: &str,
        session: u64,
        hashes: &[WantedPart],
    ) -> Result<Found, LaneError> {
        self.counted(self.find(ticket, session, hashes).await)
    }

    async fn find(&self, ticket: &str, session: u64, hashes: &[WantedPart]) -> Result<Found, LaneError> {
        let (grant, key) = self.object(ticket, session, Purpose::Look).await?;
        if grant.attested {
            return Ok(Found::Yes);
        }
        if let Some(error) = lock(&self.finishing.failed).take(session) {
            return Err(error);
        }
        let len = grant.len;
        if let Some(hashed) = lock(&self.finishing.running).get(&session) {
            return Ok(Found::Verifying { hashed: hashed.load(Ordering::Relaxed), len });
        }
        let Known { bucket, verify, .. } = self.known();
        let mut parts = self.missing_nothing(&bucket, &grant, &key).await?;
        name_hashes(&bucket, &mut parts, hashes)?;
        if is_whole(&grant) && verify == Verify::Checksum {
            let head = bucket.head(&key).await?;
            if let Some(sha256) = head.sha256 {
                self.attest(&grant, len, sha256, head).await?;
                return Ok(Found::Yes);
            }
        }
        self.read_by_itself(bucket, grant, key, parts);
        Ok(Found::Verifying { hashed: 0, len })
    }

    /// Nothing is missing: the parts that are to be put together, or none where they are an object already.
    async fn missing_nothing(
        &self,
        bucket: &Bucket,
        grant: &ObjectGrant,
        key: &Key,
    ) -> Result<Vec<Part>, LaneError> {
        match listed(bucket, grant, key).await? {
            Listed::Nothing => Err(LaneError::Missing),
            Listed::Whole => Ok(Vec::new()),
            Listed::Parts(parts) => {
                let is_there = |number: &u32| {
                    let same = |part: &&Part| u32::from(part.number) == *number;
                    parts.iter().find(same).is_some_and(|part| part.len == len_of(grant, *number))
                };
                let missing: Vec<_> =
                    (1..=count(grant)).filter(|number| !is_there(number)).map(|n| n.to_string()).collect();
                if missing.is_empty() {
                    return Ok(parts);
                }
                let more = if missing.len() > NAMED_MAX { " and more" } else { "" };
                let named = missing[..missing.len().min(NAMED_MAX)].join(", ");
                Err(LaneError::PartsMissing(format!("{named}{more}")))
            }
        }
    }

    /// Puts the parts together, reads the object and says what it found, while its owner asks again.
    fn read_by_itself(&self, bucket: Bucket, grant: ObjectGrant, key: Key, parts: Vec<Part>) {
        let hashed = Arc::new(AtomicU64::new(0));
        let mut running = lock(&self.finishing.running);
        if running.contains_key(&grant.session_id) {
            return;
        }
        running.insert(grant.session_id, Arc::clone(&hashed));
        drop(running);
        let lane = self.clone();
        self.spawn(async move {
            let session = grant.session_id;
            let done = lane.read(&bucket, &grant, &key, &parts, &hashed).await;
            if let Err(error) = done {
                tracing::warn!(session, %error, "an object was not found as announced");
                lock(&lane.finishing.failed).keep(session, error);
            }
            lock(&lane.finishing.running).remove(&session);
        });
    }

    async fn read(
        &self,
        bucket: &Bucket,
        grant: &ObjectGrant,
        key: &Key,
        parts: &[Part],
        hashed: &AtomicU64,
    ) -> Result<(), LaneError> {
        let turn = self.finishing.turns.acquire().await;
        if let (Some(upload_id), false) = (&grant.upload_id, parts.is_empty()) {
            bucket.complete(key, upload_id, parts).await?;
        }
        // What is read is what its version names, or whatever stands there where the bucket keeps none.
        let head = bucket.head(key).await?;
        let progress = |bytes| hashed.store(bytes, Ordering::Relaxed);
        let found = bucket.hash_version(key, head.version_id.as_deref(), progress).await?;
        self.counter.add(|counts| counts.read_bytes += found.len);
        let after = bucket.head(key).await?;
        drop(turn);
        if (&head.etag, &head.version_id) != (&after.etag, &after.version_id) {
            return Err(LaneError::Differs);
        }
        self.attest(grant, found.len, found.sha256, head).await
    }

    async fn attest(
        &self,
        grant: &ObjectGrant,
        len: u64,
        sha256: [u8; 32],
        head: Head,
    ) -> Result<(), LaneError> {
        if (len, sha256) != (grant.len, sha256_of(grant)?) {
            return Err(LaneError::Differs);
        }
        let found = Attestation { len, sha256: ByteBuf::from(sha256), version: head.version_id };
        let answer: Answer<()> = self.own.ask("uploads_attest", (grant.session_id, found)).await?;
        answer?;
        self.counter.add(|counts| {
            counts.found += 1;
            counts.found_bytes += len;
        });
        Ok(())
    }
}

/// Some servers compare the hashes of parts once more when these are put together, and tell nobody which they have.
fn name_hashes(bucket: &Bucket, parts: &mut [Part], hashes: &[WantedPart]) -> Result<(), LaneError> {
    if !bucket.signer().abilities().part_checksums {
        return Ok(());
    }
    for part in parts.iter_mut().filter(|part| part.sha256.is_none()) {
        let named = hashes.iter().find(|hash| hash.number == u32::from(part.number));
        let named = named.ok_or_else(|| {
            LaneError::Malformed(format!(
                "name all parts with their SHA-256: part {} is not named",
                part.number
            ))
        })?;
        part.sha256 = Some(named.sha256);
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_that_nobody_asks_for_are_bounded_and_the_newest_stay() {
        let mut failures = Failures::default();
        for session in 0..FAILURES_MAX as u64 + 10 {
            failures.keep(session, LaneError::Missing);
            failures.keep(session, LaneError::Differs);
        }
        assert_eq!(failures.0.len(), FAILURES_MAX);
        assert!(failures.take(9).is_none(), "the oldest went");
        assert!(matches!(failures.take(10), Some(LaneError::Differs)), "the last one of a session counts");
        assert!(failures.take(10).is_none(), "it is told once");
    }
}
