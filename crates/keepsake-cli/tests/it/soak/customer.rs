//! One customer: does one job after the other until the node is killed. Owns the messages; what was answered goes into
//! its [`Ledger`]. Nothing is tried again here: a message without an answer ends the round.

use super::ledger::{Job, Ledger};
use super::node::Service;
use super::picture::{Random, original, title};
use keepsake_client::api::{BeginOptions, SessionState};
use keepsake_client::{CallError, Source, UploadError, UploadOptions, upload_events};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Small, so that a photo of some KiB is many chunks.
const CHUNK_BYTES: u32 = 1_500;
const BLOB_CHUNKS: u32 = 4;

/// What all customers share in one round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Round {
    /// From now on a message may stay unanswered.
    pub(crate) killing: Arc<AtomicBool>,
    /// End after the job under way.
    pub(crate) ending: Arc<AtomicBool>,
}

/// The node was killed under a message.
struct Unanswered;

/// Bytes that are stored as a blob, by number.
pub(crate) fn blob_bytes(number: u64) -> Vec<u8> {
    let len = u64::from(CHUNK_BYTES * (BLOB_CHUNKS - 1)) + 1 + number % u64::from(CHUNK_BYTES);
    Random(!number).bytes(usize::try_from(len).expect("some KiB"))
}

/// Works until the node is killed, or until it is told to end.
pub(crate) async fn work(
    client: Service,
    capsule: String,
    mut ledger: Ledger,
    seed: u64,
    round: Round,
) -> Ledger {
    let mut random = Random(seed);
    while !round.ending.load(Ordering::SeqCst) || ledger.open.is_some() {
        let job = ledger.job(&mut random);
        let answer = match &job {
            Job::Upload(number) => upload(&client, &capsule, &mut ledger, *number, &round).await,
            Job::Blob(number) => blob(&client, &capsule, &mut ledger, *number, &round).await,
            Job::Forget(id) => {
                let answer = answered(client.memories_delete(id, true).await, &round);
                answer.map(|()| ledger.forget(id))
            }
            Job::Drop(locator) => {
                let answer = answered(client.blob_delete(locator).await, &round);
                answer.map(|_| ledger.forget(locator))
            }
        };
        match answer {
            Ok(()) => ledger.close(),
            Err(Unanswered) => break,
        }
    }
    ledger
}

/// A refusal breaks a promise, and so does silence while the node is alive.
fn answered<T>(result: Result<T, CallError>, round: &Round) -> Result<T, Unanswered> {
    result.map_err(|error| unanswered(&error, round))
}

fn unanswered(error: &CallError, round: &Round) -> Unanswered {
    let transport = matches!(error, CallError::Transport { .. });
    assert!(transport && round.killing.load(Ordering::SeqCst), "a live node answered: {error}");
    Unanswered
}

async fn upload(
    client: &Service,
    capsule: &str,
    ledger: &mut Ledger,
    number: u64,
    round: &Round,
) -> Result<(), Unanswered> {
    let (events, mut stream) = upload_events();
    let options = UploadOptions {
        capsule_id: Some(capsule.to_owned()),
        title: Some(title(number)),
        upload_key: Some(title(number)),
        chunk_bytes_max: Some(CHUNK_BYTES),
        events: Some(events),
        ..UploadOptions::default()
    };
    let result = client.upload(Source::bytes(format!("{number}.jpg"), original(number)), options).await;
    let mut told = Vec::new();
    while let Some(event) = stream.next().await {
        told.push(event);
    }
    ledger.note(told);
    match result {
        Ok(uploaded) => {
            assert_eq!(uploaded.derivatives_skipped, None, "photo {number}");
            ledger.add_memory(uploaded.memory_id, number);
            Ok(())
        }
        Err(UploadError::Call(error)) => Err(unanswered(&error, round)),
        Err(error) => panic!("photo {number}: {error}"),
    }
}

async fn blob(
    client: &Service,
    capsule: &str,
    ledger: &mut Ledger,
    number: u64,
    round: &Round,
) -> Result<(), Unanswered> {
    let bytes = blob_bytes(number);
    let session = if let Some(session) = ledger.answered.keys().next() {
        *session
    } else {
        let options = BeginOptions { total_len: Some(bytes.len() as u64), ..BeginOptions::default() };
        let idem = format!("blob-{number}");
        answered(client.uploads_begin(capsule, BLOB_CHUNKS, &idem, Some(options)).await, round)?
    };
    let there = answered(client.uploads_status(session).await, round)?;
    let received = ledger.answered.entry(session).or_default().len();
    assert!(there.received_chunks as usize >= received, "session {session}: {received} answered, {there:?}");
    if there.state == SessionState::Pending {
        for index in there.missing.iter().flat_map(|(from, to)| *from..*to) {
            let start = index as usize * CHUNK_BYTES as usize;
            let chunk = &bytes[start..bytes.len().min(start + CHUNK_BYTES as usize)];
            answered(client.uploads_put_chunk(session, index, chunk).await, round)?;
            ledger.answered.entry(session).or_default().insert(index);
        }
    }
    let finished =
        answered(client.uploads_finish(session, &Sha256::digest(&bytes), bytes.len() as u64).await, round)?;
    ledger.add_blob(finished.storage_location, number);
    Ok(())
}
