//! What goes wrong below a memory. Owns the errors of storage and how they travel through code that
//! cannot return them ([`ic_stable_structures::Memory`] reads and writes return nothing).

use std::any::Any;
use std::io;
use std::panic::resume_unwind;

/// Why storage could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// No space, quota or file size left.
    #[error("the storage is full: {0}")]
    Full(String),
    /// The running message changes more pages than the commit has room for.
    #[error("the message changes more than {0} pages")]
    TooManyPages(usize),
    /// The records hold something else, or are damaged.
    #[error("the records are damaged: {0}")]
    Damaged(String),
    /// Reading, writing or syncing failed.
    #[error("the storage failed: {0}")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StorageError {
    /// Whether giving space back would help.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }

    /// Unwinds with this error as payload, past the panic hook: it is no bug and needs no backtrace.
    pub(crate) fn unwind(self) -> ! {
        resume_unwind(Box::new(self))
    }

    /// The error in a payload that [`Self::unwind`] threw.
    ///
    /// # Errors
    /// The payload itself when it is an ordinary panic.
    pub(crate) fn caught(payload: Box<dyn Any + Send>) -> Result<Self, Box<dyn Any + Send>> {
        payload.downcast::<Self>().map(|error| *error)
    }
}

impl From<io::Error> for StorageError {
    fn from(error: io::Error) -> Self {
        if is_full(&error) { Self::Full(error.to_string()) } else { Self::Failed(Box::new(error)) }
    }
}

impl From<redb::Error> for StorageError {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::Io(error) => error.into(),
            redb::Error::Corrupted(what) => Self::Damaged(what),
            other => Self::Failed(Box::new(other)),
        }
    }
}

macro_rules! from_redb {
    ($($error:ty),*) => {$(
        impl From<$error> for StorageError {
            fn from(error: $error) -> Self {
                redb::Error::from(error).into()
            }
        }
    )*};
}
from_redb!(
    redb::StorageError,
    redb::TransactionError,
    redb::TableError,
    redb::CommitError,
    redb::DatabaseError,
    redb::SetDurabilityError
);

/// Whether `error` means that there is no room: disk, quota or the process's file size limit.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

/// The text of a panic payload, for a log line.
pub(crate) fn panic_text(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("panic without a message")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;

    #[test]
    fn the_three_ways_of_being_full_are_told_from_other_errors() {
        for errno in [Errno::NOSPC, Errno::DQUOT, Errno::FBIG] {
            assert!(StorageError::from(io::Error::from(errno)).is_full(), "{errno}");
        }
        assert!(!StorageError::from(io::Error::from(Errno::IO)).is_full());
    }

    #[test]
    fn an_unwound_error_is_caught_as_itself_and_a_panic_is_not() {
        let payload = std::panic::catch_unwind(|| StorageError::Full("x".into()).unwind()).unwrap_err();
        assert!(StorageError::caught(payload).unwrap().is_full());
        let payload = StorageError::caught(Box::new("a bug")).unwrap_err();
        assert_eq!(panic_text(&*payload), "a bug");
    }
}
