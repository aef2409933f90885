//! After a kill: everything that was answered is there, byte for byte; what was not is there whole, or not at all.

use super::customer::blob_bytes;
use super::ledger::{Job, Ledger};
use super::node::Service;
use super::picture::{Random, Verdict, compare, title};
use keepsake_client::api::{MemoryHeader, SessionState};
use std::collections::BTreeMap;

/// How much to read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// What is new, and a few of the others.
    Sample,
    /// All of it.
    All,
}

const SAMPLE: usize = 3;

/// Compares the service with the ledger, and closes the open job where it has run. Panics at a broken promise.
pub(crate) async fn settle(client: &Service, capsule: &str, ledger: &mut Ledger, depth: Depth, seed: u64) {
    settle_memories(client, capsule, ledger).await;
    settle_blobs(client, ledger).await;
    settle_sessions(client, ledger).await;
    let mut random = Random(seed);
    let mut chosen = |id: &String, unread: bool, count: usize| {
        unread || depth == Depth::All || random.below(count as u64) < SAMPLE as u64 || id.is_empty()
    };
    for (id, number) in &ledger.memories {
        if chosen(id, ledger.unread.contains(id), ledger.memories.len()) {
            assert_eq!(compare(client, id, *number).await, Verdict::Whole);
        }
    }
    for (locator, number) in &ledger.blobs {
        if chosen(locator, ledger.unread.contains(locator), ledger.blobs.len()) {
            let bytes = client.blob_read(locator).await.expect("a finished blob is there");
            assert!(bytes == blob_bytes(*number), "{locator} has other bytes");
        }
    }
    ledger.unread.clear();
}

/// All memories of a capsule, by id.
pub(crate) async fn list(client: &Service, capsule: &str) -> BTreeMap<String, MemoryHeader> {
    let (mut found, mut cursor) = (BTreeMap::new(), None::<String>);
    loop {
        let page =
            client.memories_list(capsule, cursor.as_deref(), Some(100)).await.expect("a list is answered");
        let rows = page.items.len();
        found.extend(page.items.into_iter().map(|row| (row.id.clone(), row)));
        cursor = page.next_cursor;
        if cursor.is_none() || rows == 0 {
            return found;
        }
    }
}

async fn settle_memories(client: &Service, capsule: &str, ledger: &mut Ledger) {
    let mut found = list(client, capsule).await;
    let known: Vec<String> = ledger.memories.keys().cloned().collect();
    for id in known {
        if found.remove(&id).is_none() {
            let deleting = ledger.open == Some(Job::Forget(id.clone()));
            assert!(deleting, "{id} was published, and is lost");
            ledger.forget(&id);
            ledger.ran_unanswered += 1;
            ledger.close();
        }
    }
    for (id, row) in found {
        let Some(Job::Upload(number)) = ledger.open else {
            panic!("{id} {:?} comes from nowhere", row.title)
        };
        assert_eq!(row.title, Some(title(number)), "{id} comes from nowhere");
        // Closed: a second one like it would not be explained any more.
        ledger.add_memory(id, number);
        ledger.ran_unanswered += 1;
        ledger.close();
    }
}

async fn settle_blobs(client: &Service, ledger: &mut Ledger) {
    let known: Vec<String> = ledger.blobs.keys().cloned().collect();
    for locator in known {
        match client.blob_get_meta(&locator).await {
            Ok(_) => {}
            Err(error) if error.is_not_found() && ledger.open == Some(Job::Drop(locator.clone())) => {
                ledger.forget(&locator);
                ledger.ran_unanswered += 1;
                ledger.close();
            }
            Err(error) => panic!("{locator} was finished, and is lost: {error}"),
        }
    }
}

/// Chunks that were answered are there, and there are no sessions but those of the open job.
async fn settle_sessions(client: &Service, ledger: &Ledger) {
    for (session, chunks) in &ledger.answered {
        let status = client.uploads_status(*session).await.expect("a session with answered chunks is there");
        match status.state {
            SessionState::Pending => {
                let lacking = chunks
                    .iter()
                    .find(|index| status.missing.iter().any(|(from, to)| (*from..*to).contains(*index)));
                assert_eq!(lacking, None, "session {session}: an answered chunk is lost: {status:?}");
            }
            SessionState::Finished(_) => {
                assert!(
                    matches!(ledger.open, Some(Job::Blob(_))),
                    "session {session} was finished by nobody"
                );
            }
        }
    }
    let pending = client.sessions_stats().await.expect("counters are answered").pending;
    let allowed = match ledger.open {
        Some(Job::Upload(_)) => 3,
        Some(Job::Blob(_)) => 1,
        _ => 0,
    };
    assert!(pending <= allowed, "{pending} sessions are pending, {allowed} can be: {:?}", ledger.open);
}
