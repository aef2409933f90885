//! A file that keeps disk space for what makes room: deleting, pruning, housekeeping.
//!
//! redb copies every page that it changes, so even a deletion needs room first. On a full disk this file is cut to
//! nothing, and is filled again when there is room. Owns the file; does not decide when.

use crate::storage::fault::StorageError;
use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// The open reserve.
#[derive(Debug)]
pub struct Reserve {
    file: Mutex<File>,
    bytes: u64,
}

impl Reserve {
    /// Opens the file at `path`, making an empty one when there is none (mode 0600). `bytes` is its full length.
    ///
    /// # Errors
    /// I/O errors.
    pub fn open(path: &Path, bytes: u64) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        Ok(Self { file: Mutex::new(file), bytes })
    }

    /// Bytes of disk that it lacks to be full.
    ///
    /// # Errors
    /// I/O errors.
    pub fn missing_bytes(&self) -> io::Result<u64> {
        let taken = self.lock().metadata()?.blocks().saturating_mul(512);
        Ok(self.bytes.saturating_sub(taken))
    }

    /// Gives the space to whoever takes it first.
    ///
    /// # Errors
    /// I/O errors.
    pub fn release(&self) -> io::Result<()> {
        self.lock().set_len(0)
    }

    /// Takes the space back.
    ///
    /// # Errors
    /// [`StorageError::Full`] when there is no room; then it holds nothing.
    pub fn refill(&self) -> Result<(), StorageError> {
        let mut file = self.lock();
        let filled = match rustix::fs::fallocate(&*file, FallocateFlags::empty(), 0, self.bytes) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => fill(&mut file, self.bytes),
            other => other.map_err(io::Error::from),
        };
        if filled.is_err() {
            file.set_len(0).ok();
        }
        Ok(filled?)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For file systems that allocate only by writing.
fn fill(file: &mut File, bytes: u64) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    let block = vec![0; 1 << 20];
    let mut left = bytes;
    while left > 0 {
        let now = left.min(block.len() as u64);
        file.write_all(&block[..usize::try_from(now).expect("a block is small")])?;
        left -= now;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_its_bytes_of_the_disk_gives_them_back_and_is_nobody_elses_to_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("reserve.bin");
        let reserve = Reserve::open(&path, 1 << 20).unwrap();
        assert_eq!(reserve.missing_bytes().unwrap(), 1 << 20);
        reserve.refill().unwrap();
        assert_eq!(reserve.missing_bytes().unwrap(), 0);
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        drop(reserve);
        let reserve = Reserve::open(&path, 1 << 20).unwrap();
        assert_eq!(reserve.missing_bytes().unwrap(), 0, "it is there after a restart");
        reserve.release().unwrap();
        assert_eq!(reserve.missing_bytes().unwrap(), 1 << 20);
    }
}
