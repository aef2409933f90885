//! The thread that makes batches durable while the writer executes the next one.
//!
//! Owns the order heap sync → records commit → replies, and what a failed commit leaves. Executes nothing.

use crate::engine::guard::Halt;
use crate::engine::mailbox::Mailbox;
use crate::storage::epochs::Epochs;
use crate::storage::fault::StorageError;
use crate::storage::heap_file::HeapFile;
use crate::storage::page::PAGE_BYTES;
use crate::storage::records::{Commit, Records};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

/// Pause before the records file is tried again on a full disk.
const REOPEN_PAUSE: Duration = Duration::from_millis(250);

/// A batch on its way to disk.
pub(crate) struct Job {
    pub(crate) commit: Commit,
    /// The batch wrote heap bytes: they go to disk first.
    pub(crate) heap_wrote: bool,
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
    pub(crate) epochs: Epochs,
    pub(crate) mailbox: Arc<Mailbox>,
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

fn run(shared: &Shared, job: &Job) -> CommitResult {
    if let Err(error) = prepare(shared, job) {
        return CommitResult::RolledBack(error);
    }
    match shared.records.commit(&job.commit) {
        Ok(()) => {
            shared.epochs.committed(job.commit.state.epoch);
            shared.mailbox.finish(&job.commit.requests);
            CommitResult::Durable
        }
        Err(error) => recover(shared, job.commit.state.epoch, error),
    }
}

/// Everything that may fail before the records file is touched.
fn prepare(shared: &Shared, job: &Job) -> Result<(), StorageError> {
    // redb stops at the first failed write, so ask first. Changed pages, the tree above them, both copied
    // before the old ones are free; and as much again because the file grows in steps.
    let need = (job.commit.pages.len() * PAGE_BYTES * 4 + (1 << 20)) as u64;
    if shared.heap.free_bytes()? < need {
        return Err(StorageError::Full("too little disk space is left to commit".into()));
    }
    if job.heap_wrote {
        shared.heap.sync()?;
    }
    Ok(())
}

/// After a failed commit: only opening the file again tells which state it holds.
fn recover(shared: &Shared, epoch: u64, error: StorageError) -> CommitResult {
    tracing::warn!(%error, epoch, "a commit failed; the records file is opened again");
    loop {
        match shared.records.reopen() {
            Ok(found) if found.epoch < epoch => return CommitResult::RolledBack(error),
            Ok(_) => return CommitResult::Unknown(Halt::OutcomeUnknown { epoch, error }),
            // Opening may write. While there is no room nothing can be answered; when there is, all goes on.
            Err(second) if second.is_full() && !shared.mailbox.is_closing() => {
                tracing::warn!(error = %second, "the records file does not open yet");
                std::thread::sleep(REOPEN_PAUSE);
            }
            Err(second) => return CommitResult::Unknown(Halt::Records(second)),
        }
    }
}
