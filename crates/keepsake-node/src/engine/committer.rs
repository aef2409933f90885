//! The thread that makes batches durable while the writer executes the next one.
//!
//! Owns the order heap sync → records commit → replies, and what a failed commit leaves. Executes nothing.

use crate::engine::guard::Halt;
use crate::engine::mailbox::Mailbox;
use crate::engine::site::SitePaths;
use crate::storage::epochs::Epochs;
use crate::storage::fault::StorageError;
use crate::storage::heap_file::HeapFile;
use crate::storage::records::{Commit, Committed, Records};
use crate::storage::requests::{PRUNED_ROWS_MAX, RecordedRequest, RequestId};
use crate::storage::space::Space;
use crate::storage::views::Views;
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

/// Pause before the records file is tried again on a full disk.
const REOPEN_PAUSE: Duration = Duration::from_millis(250);

/// A batch on its way to disk.
pub(crate) struct Job {
    pub(crate) commit: Commit,
    /// Messages that saw the batch and leave no record.
    pub(crate) unrecorded: Vec<(RequestId, RecordedRequest)>,
    /// The batch wrote heap bytes: they go to disk first.
    pub(crate) heap_wrote: bool,
    /// The paths of the site, where the batch may have changed them.
    pub(crate) site: Option<Vec<String>>,
}

/// What became of a batch.
#[derive(Debug)]
pub(crate) enum CommitResult {
    /// On disk; its messages were answered.
    Durable,
    /// Nothing of it is on disk. The records are open at the commit before.
    RolledBack(StorageError),
    /// It cannot be known, or the records do not open again.
    Unknown(Halt),
}

/// Files and meeting places that writer, committer and readers share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) records: Arc<Records>,
    pub(crate) heap: Arc<HeapFile>,
    pub(crate) space: Arc<Space>,
    pub(crate) epochs: Epochs,
    pub(crate) views: Arc<Views>,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) site: Arc<SitePaths>,
}

impl Shared {
    /// Opens the records again after an error, for readers too.
    pub(crate) fn reopen_records(&self) -> Result<Committed, StorageError> {
        let found = self.records.reopen();
        self.views.reopened();
        found
    }
}

/// Starts the thread; it ends when the sender of jobs is dropped.
pub(crate) fn start(
    shared: Shared,
) -> std::io::Result<(Sender<Job>, Receiver<CommitResult>, JoinHandle<()>)> {
    let (job_sender, jobs) = mpsc::channel::<Job>();
    let (result_sender, results) = mpsc::channel();
    let thread = std::thread::Builder::new().name("keepsake-commit".into()).spawn(move || {
        for job in jobs {
            let result = run(&shared, &job);
            if result_sender.send(result).is_err() {
                break;
            }
            shared.mailbox.commit_done();
        }
    })?;
    Ok((job_sender, results, thread))
}

/// Before the first message of this process: prunes what expired, counts what is recorded, and gives unused space of the
/// records file back when it is much. O(recorded requests).
pub(crate) fn tidy(shared: &Shared, now_ns: u64) -> Result<(), StorageError> {
    loop {
        make_room(shared, freeing_bytes(0, PRUNED_ROWS_MAX)).or_else(|error| {
            // A few rows may fit yet.
            if error.is_full() { Ok(()) } else { Err(error) }
        })?;
        let pruned = shared.records.prune(now_ns, PRUNED_ROWS_MAX)?;
        if pruned.rows.len() < PRUNED_ROWS_MAX {
            break;
        }
    }
    let mut rows = Vec::new();
    let oldest_ns = shared.records.each_request(|row| rows.push(row))?;
    shared.mailbox.found(rows, oldest_ns);
    if shared.space.is_worth_compacting() {
        tracing::info!("the records file is being compacted");
        shared.records.compact()?;
    }
    shared.space.refill_reserve();
    Ok(())
}

fn run(shared: &Shared, job: &Job) -> CommitResult {
    if let Err(error) = prepare(shared, job) {
        return CommitResult::RolledBack(error);
    }
    match shared.records.commit(&job.commit) {
        Ok(pruned) => {
            shared.views.committed(job.commit.state.epoch, &job.commit.pages);
            if let Some(paths) = &job.site {
                shared.site.set(paths);
            }
            shared.mailbox.pruned(&pruned);
            shared.mailbox.finish(&job.commit.requests);
            for (id, request) in &job.unrecorded {
                shared.mailbox.finish_unrecorded(id, &request.status, request.keep_until_ns);
            }
            CommitResult::Durable
        }
        Err(error) => recover(shared, job.commit.state.epoch, error),
    }
}

/// Everything that may fail before the records file is touched.
fn prepare(shared: &Shared, job: &Job) -> Result<(), StorageError> {
    // redb stops at the first failed write, so ask first. The writer has seen to it that what adds has room.
    let need = freeing_bytes(job.commit.pages.len(), job.commit.requests.len());
    make_room(shared, need)?;
    if job.heap_wrote {
        shared.heap.sync()?;
    }
    Ok(())
}

/// Sees to it that a commit of `need` bytes has room, if need be with the reserve.
pub(crate) fn make_room(shared: &Shared, need: u64) -> Result<(), StorageError> {
    let room = shared.space.room()?;
    if room.records >= need {
        return Ok(());
    }
    if room.freeing < need {
        return Err(StorageError::Full("too little disk space is left to commit".into()));
    }
    shared.space.release_reserve();
    Ok(())
}

/// Disk space that a commit may take for a while: changed pages, the tree above them, both copied before the old ones
/// are free, and as much again. A request changes a page in each of two trees, and so do the two that it prunes.
pub(crate) fn commit_bytes(pages: usize, requests: usize) -> u64 {
    2 * freeing_bytes(pages, requests)
}

/// The least of it, which what makes room must have.
pub(crate) fn freeing_bytes(pages: usize, requests: usize) -> u64 {
    ((pages * 2 + requests * 3 + 32) * 4096) as u64
}

/// How many pages may change, with so many requests, when `bytes` are there for [`freeing_bytes`].
pub(crate) fn freeing_pages(bytes: u64, requests: usize) -> usize {
    let two_each = bytes.saturating_sub(freeing_bytes(0, requests)) / (2 * 4096);
    usize::try_from(two_each).unwrap_or(usize::MAX)
}

/// After a failed commit: only opening the file again tells which state it holds.
fn recover(shared: &Shared, epoch: u64, error: StorageError) -> CommitResult {
    tracing::warn!(%error, epoch, "a commit failed; the records file is opened again");
    loop {
        match shared.reopen_records() {
            Ok(found) if found.epoch < epoch => return CommitResult::RolledBack(error),
            Ok(_) => return CommitResult::Unknown(Halt::OutcomeUnknown { epoch, error }),
            // Opening may write. While there is no room nothing can be answered; when there is, all goes on.
            Err(second) if second.is_full() && !shared.mailbox.is_closing() => {
                tracing::warn!(error = %second, "the records file does not open yet");
                shared.space.release_reserve();
                std::thread::sleep(REOPEN_PAUSE);
            }
            Err(second) => return CommitResult::Unknown(Halt::Records(second)),
        }
    }
}
