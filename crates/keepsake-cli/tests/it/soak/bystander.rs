//! What else goes on while others upload: sessions that are begun and left, aborted, or finished for nothing, and
//! clean-up all the time. Owns the count of what it left.

use super::node::Service;
use super::picture::Random;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const CHUNK_BYTES: usize = 2_000;
/// More than this, and the oldest is given up: one caller may have 1,000 open.
const LEFT_MAX: usize = 100;
const PAUSE: Duration = Duration::from_millis(50);

/// Sessions that were begun and left, with the chunks that were answered.
pub(crate) type Left = BTreeMap<u64, u32>;

/// What a bystander did.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// Still open.
    pub(crate) left: Left,
    /// Begun, all together.
    pub(crate) abandoned: u64,
}

/// Goes on until `ending`. Its messages are tried again until they are answered.
pub(crate) async fn linger(client: Service, capsule: String, seed: u64, ending: Arc<AtomicBool>) -> Done {
    let (mut random, mut done) = (Random(seed), Done::default());
    while !ending.load(Ordering::SeqCst) {
        done.abandoned += 1;
        let idem = format!("left-{seed}-{}", done.abandoned);
        let session = client.uploads_begin(&capsule, 3, &idem, None).await.expect("a begin is answered");
        let chunks: Vec<_> = (0..3).map(|_| random.bytes(CHUNK_BYTES)).collect();
        let sent = u32::try_from(random.below(3)).expect("at most 2");
        for index in 0..sent {
            let put = client.uploads_put_chunk(session, index, &chunks[index as usize]).await;
            put.expect("a put is answered");
        }
        match random.below(3) {
            0 => client.uploads_abort(session).await.expect("an abort is answered"),
            1 => finish_for_nothing(&client, session, sent, &chunks).await,
            _ => drop(done.left.insert(session, sent)),
        }
        if done.left.len() > LEFT_MAX {
            let (oldest, _) = done.left.pop_first().expect("more than none");
            client.uploads_abort(oldest).await.expect("an abort is answered");
        }
        // Nobody's time has run out: whatever this evicts was somebody's upload.
        let evicted = client.sessions_cleanup_expired().await.expect("a clean-up is answered");
        assert_eq!(evicted, 0, "the clean-up evicted a live session");
        tokio::time::sleep(PAUSE).await;
    }
    done
}

/// A blob that nobody publishes, and that is deleted again.
async fn finish_for_nothing(client: &Service, session: u64, sent: u32, chunks: &[Vec<u8>]) {
    for index in sent..3 {
        let put = client.uploads_put_chunk(session, index, &chunks[index as usize]).await;
        put.expect("a put is answered");
    }
    let (sha256, len) = (Sha256::digest(chunks.concat()), (3 * CHUNK_BYTES) as u64);
    let blob = client.uploads_finish(session, &sha256, len).await.expect("a finish is answered");
    match client.blob_delete(&blob.storage_location).await {
        Ok(_) => {}
        // Sent once only; a kill may have eaten the answer, or the message.
        Err(keepsake_client::CallError::Transport { .. }) => {
            let again = client.blob_delete(&blob.storage_location).await;
            let gone = again.as_ref().err().is_some_and(|error| error.is_not_found());
            assert!(again.is_ok() || gone, "{again:?}");
        }
        Err(error) => panic!("the blob cannot be deleted: {error}"),
    }
}

/// Holds the service to what was left, and gives it up.
pub(crate) async fn give_up(client: &Service, left: &Left) {
    for (session, sent) in left {
        let status = client.uploads_status(*session).await.expect("a session that was left is there");
        assert!(status.received_chunks == *sent, "session {session}: {sent} answered, {status:?}");
        client.uploads_abort(*session).await.expect("an abort is answered");
    }
}
