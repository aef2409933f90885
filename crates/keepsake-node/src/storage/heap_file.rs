//! The blob heap's file. Owns its preallocation and its sync; does not know which bytes are in use.

use crate::storage::fault::{StorageError, is_full};
use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;

/// Preallocation runs ahead by an eighth of the file, within these bounds.
const STEP_BYTES_MIN: u64 = 4 << 20;
const STEP_BYTES_MAX: u64 = 256 << 20;

/// Writes from this size on go to disk at once, smaller ones at the sync.
const WRITEBACK_BYTES_MIN: usize = 256 << 10;

/// The open heap file. All methods may be called from several threads.
#[derive(Debug)]
pub struct HeapFile {
    file: File,
    /// Length of the file; what lies below is allocated where the file system can do that.
    len: Mutex<u64>,
    /// Space that growing leaves free, so that records can still be committed on a "full" disk.
    reserve_bytes: u64,
}

impl HeapFile {
    /// Opens the file at `path`, making it when there is none (mode 0600). Growing it leaves
    /// `reserve_bytes` of the file system free.
    ///
    /// # Errors
    /// I/O errors.
    pub fn open(path: &Path, reserve_bytes: u64) -> io::Result<Self> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let len = file.metadata()?.len();
        Ok(Self { file, len: Mutex::new(len), reserve_bytes })
    }

    /// Makes room for `bytes` in all.
    ///
    /// # Errors
    /// [`StorageError::Full`] when there is no room, else what the operating system said.
    pub fn reserve(&self, bytes: u64) -> Result<(), StorageError> {
        let mut len = self.len.lock().unwrap_or_else(PoisonError::into_inner);
        if bytes <= *len {
            return Ok(());
        }
        let step = (*len / 8).clamp(STEP_BYTES_MIN, STEP_BYTES_MAX);
        let ahead = bytes.saturating_add(step);
        let grown = match self.grow_file(*len, ahead) {
            Ok(()) => ahead,
            Err(error) if error.is_full() => self.grow_file(*len, bytes).map(|()| bytes)?,
            Err(error) => return Err(error),
        };
        *len = grown;
        Ok(())
    }

    fn grow_file(&self, from: u64, to: u64) -> Result<(), StorageError> {
        if self.free_bytes()? < (to - from).saturating_add(self.reserve_bytes) {
            return Err(StorageError::Full("less disk space is left than the reserve".into()));
        }
        loop {
            return match rustix::fs::fallocate(&self.file, FallocateFlags::empty(), from, to - from) {
                Ok(()) => Ok(()),
                Err(Errno::INTR) => continue,
                Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(self.file.set_len(to)?),
                Err(errno) => {
                    let error = io::Error::from(errno);
                    if is_full(&error) {
                        // A file system may have allocated a part; give it back, best effort.
                        self.file.set_len(from).ok();
                    }
                    Err(error.into())
                }
            };
        }
    }

    /// Bytes of the file system that this process may still take.
    ///
    /// # Errors
    /// I/O errors.
    pub fn free_bytes(&self) -> io::Result<u64> {
        let stat = rustix::fs::fstatvfs(&self.file)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Reads `dst.len()` bytes at `offset`; what lies beyond the end of the file is zero.
    ///
    /// # Errors
    /// I/O errors.
    pub fn read(&self, offset: u64, dst: &mut [u8]) -> io::Result<()> {
        let mut filled = 0;
        while filled < dst.len() {
            match self.file.read_at(&mut dst[filled..], offset + filled as u64) {
                Ok(0) => {
                    dst[filled..].fill(0);
                    break;
                }
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Writes `src` at `offset`, in place.
    ///
    /// # Errors
    /// I/O errors; a part may have been written then.
    pub fn write(&self, offset: u64, src: &[u8]) -> io::Result<()> {
        self.file.write_all_at(src, offset)?;
        if src.len() >= WRITEBACK_BYTES_MIN {
            self.start_writeback(offset, src.len());
        }
        Ok(())
    }

    /// Starts writing the dirty pages now, so that the sync before the commit finds most of its work done:
    /// a third less time in it, measured with 16 chunks in flight. Only advice: a refusal is no error.
    #[cfg(target_os = "linux")]
    fn start_writeback(&self, offset: u64, len: usize) {
        let len = std::num::NonZeroU64::new(len as u64);
        rustix::fs::fadvise(&self.file, offset, len, rustix::fs::Advice::DontNeed).ok();
    }

    #[cfg(not(target_os = "linux"))]
    fn start_writeback(&self, _offset: u64, _len: usize) {}

    /// Returns when everything written before is on the disk.
    ///
    /// # Errors
    /// I/O errors; then what was written since the last sync may be lost.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_grows_in_steps_and_keeps_its_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let heap = HeapFile::open(&dir.path().join("heap.bin"), 0).unwrap();
        heap.reserve(65_536).unwrap();
        let len = heap.file.metadata().unwrap().len();
        assert_eq!(len, 65_536 + STEP_BYTES_MIN);
        heap.write(65_530, b"memory").unwrap();
        heap.reserve(len).unwrap();
        assert_eq!(heap.file.metadata().unwrap().len(), len, "room enough: no growth");
        heap.reserve(len + 1).unwrap();
        let mut read = [0; 6];
        heap.read(65_530, &mut read).unwrap();
        assert_eq!(&read, b"memory");
    }

    #[test]
    fn growing_leaves_the_reserve_free() {
        let dir = tempfile::tempdir().unwrap();
        let heap = HeapFile::open(&dir.path().join("heap.bin"), u64::MAX / 2).unwrap();
        assert!(heap.reserve(1).unwrap_err().is_full());
        assert_eq!(heap.file.metadata().unwrap().len(), 0);
    }
}
