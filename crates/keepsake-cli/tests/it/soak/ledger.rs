//! What one customer was answered: the promises that a killed node must keep. Owns no message.

use super::picture::Random;
use keepsake_client::UploadEvent;
use std::collections::{BTreeMap, BTreeSet};

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Job {
    /// Upload photo number … by two lanes.
    Upload(u64),
    /// Upload bytes number … by single messages, as a blob without a memory.
    Blob(u64),
    /// Delete this memory with its blobs.
    Forget(String),
    /// Delete this blob.
    Drop(String),
}

/// Chunks that were answered `Ok`, by session.
pub(crate) type Answered = BTreeMap<u64, BTreeSet<u32>>;

/// Kept small, so that the node's freed space is used again and again.
const MEMORIES_MAX: usize = 30;
const BLOBS_MAX: usize = 8;

/// Everything that was answered, and the one job that was not.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Memories that are there, with their photo's number.
    pub(crate) memories: BTreeMap<String, u64>,
    /// Blobs that are there, with their bytes' number.
    pub(crate) blobs: BTreeMap<String, u64>,
    /// Those that were not read since they were made.
    pub(crate) unread: BTreeSet<String>,
    /// Sent, and not answered.
    pub(crate) open: Option<Job>,
    /// What of the open job was answered.
    pub(crate) answered: Answered,
    /// Uploads that were answered.
    pub(crate) uploads: u64,
    /// Of these, resumed after a kill with chunks that were there.
    pub(crate) resumed: u64,
    /// Jobs that had run though nobody was told.
    pub(crate) ran_unanswered: u64,
    next: u64,
}

impl Ledger {
    /// Numbers of this ledger's photos begin at `first`.
    pub(crate) fn new(first: u64) -> Self {
        Self { next: first, ..Self::default() }
    }

    /// The unanswered job, or a new one.
    pub(crate) fn job(&mut self, random: &mut Random) -> Job {
        if let Some(open) = &self.open {
            return open.clone();
        }
        let job = self.choose(random);
        self.open = Some(job.clone());
        job
    }

    fn choose(&mut self, random: &mut Random) -> Job {
        let roll = random.below(100);
        if self.memories.len() >= MEMORIES_MAX || (roll < 10 && !self.memories.is_empty()) {
            return Job::Forget(one_of(&self.memories, random));
        }
        if self.blobs.len() >= BLOBS_MAX || (roll < 15 && !self.blobs.is_empty()) {
            return Job::Drop(one_of(&self.blobs, random));
        }
        self.next += 1;
        if roll < 35 { Job::Blob(self.next) } else { Job::Upload(self.next) }
    }

    /// The open job was answered, or turned out to have run.
    pub(crate) fn close(&mut self) {
        self.open = None;
        self.answered.clear();
    }

    pub(crate) fn add_memory(&mut self, id: String, number: u64) {
        self.unread.insert(id.clone());
        self.memories.insert(id, number);
        self.uploads += 1;
    }

    pub(crate) fn add_blob(&mut self, locator: String, number: u64) {
        self.unread.insert(locator.clone());
        self.blobs.insert(locator, number);
    }

    /// The memory or blob `id` is deleted.
    pub(crate) fn forget(&mut self, id: &str) {
        self.memories.remove(id);
        self.blobs.remove(id);
        self.unread.remove(id);
    }

    /// Takes note of what an upload said of its sessions and chunks, and holds it to what was answered before.
    pub(crate) fn note(&mut self, events: Vec<UploadEvent>) {
        let mut sessions = BTreeMap::new();
        let mut resumed = false;
        for event in events {
            match event {
                UploadEvent::SessionOpened { asset, session_id, chunks_present, .. } => {
                    sessions.insert(asset, session_id);
                    let before = self.answered.entry(session_id).or_default().len();
                    assert!(
                        chunks_present as usize >= before,
                        "session {session_id}: {before} chunks were answered, {chunks_present} are there"
                    );
                    resumed |= chunks_present > 0;
                }
                UploadEvent::ChunkSent { asset, index, .. } => {
                    self.answered.entry(sessions[&asset]).or_default().insert(index);
                }
                UploadEvent::SessionRestarted { asset, reason } => {
                    panic!("{asset:?}: an unfinished session could not be resumed: {reason}")
                }
                UploadEvent::Published { .. } => self.resumed += u64::from(resumed),
                _ => {}
            }
        }
    }
}

fn one_of(map: &BTreeMap<String, u64>, random: &mut Random) -> String {
    let at = random.below(map.len() as u64);
    map.keys().nth(usize::try_from(at).expect("a small map")).expect("within the map").clone()
}
