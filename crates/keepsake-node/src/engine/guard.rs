//! Running code that may unwind. Owns how a fault in it is told: storage, or a bug.

use crate::storage::fault::{StorageError, panic_text};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How guarded work went wrong.
#[derive(Debug)]
pub(crate) enum Fault {
    /// A memory could not be read or written.
    Storage(StorageError),
    /// A panic, with its text.
    Panic(String),
}

/// Why the writer stops for good. Only a restart helps, because only that reads the disk afresh.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Halt {
    #[error("the commit thread ended")]
    CommitterEnded,
    #[error("commit {epoch} may or may not be on disk: {error}")]
    OutcomeUnknown { epoch: u64, error: StorageError },
    #[error("the records file does not open again: {0}")]
    Records(StorageError),
    #[error("the records hold commit {found}, not {expected}")]
    WrongEpoch { expected: u64, found: u64 },
    #[error("the store does not open after a rollback: {0}")]
    Program(String),
    #[error("the writer panicked: {0}")]
    Panic(String),
}

/// Runs `work`. It is safe to go on after a fault when the caller drops everything that `work` changed: the
/// overlays and the program.
///
/// # Errors
/// [`Fault`] when `work` unwound.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| match StorageError::caught(payload) {
        Ok(error) => Fault::Storage(error),
        Err(payload) => Fault::Panic(panic_text(&*payload).to_owned()),
    })
}
