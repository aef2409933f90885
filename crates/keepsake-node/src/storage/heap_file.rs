//! The blob heap's file. Owns where it takes disk space and when it gives it back, and its sync; does not know which
//! bytes are in use.
//!
//! ```text
//! 0                              allocated        length
//! ├── takes disk space ── hole ────┼── takes none ──┤
//! ```
//! The file is as long as the heap memory; disk space is taken for what is written, a little ahead. Holes are runs that nothing uses
//! and that were given back to the disk; what is written there takes its space anew, as beyond what is allocated.

use crate::storage::fault::{StorageError, is_full};
use crate::storage::holes::Holes;
use keepsake_service::http::HeapRange;
use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;

/// Disk space is taken this far ahead of what is written, so that the file lies in few pieces.
const AHEAD_BYTES: u64 = 8 << 20;
/// Less than this is not given back: it will be written again soon.
const GIVEN_BACK_BYTES_MIN: u64 = 16 << 20;
/// Shorter holes are not counted: there may be many, and a file system has them in what was never written.
const HOLE_BYTES_MIN: u64 = 1 << 20;
/// Writes from this size on go to disk at once, smaller ones at the sync.
const WRITEBACK_BYTES_MIN: usize = 256 << 10;

/// The open heap file. All methods may be called from several threads.
#[derive(Debug)]
pub struct HeapFile {
    file: File,
    extent: Mutex<Allocation>,
    /// Space that growing leaves free, so that records can still be committed on a "full" disk.
    reserve_bytes: u64,
}

#[derive(Debug)]
struct Allocation {
    /// Length of the file.
    len: u64,
    /// What lies below takes disk space but for the holes, where the file system can tell.
    allocated: u64,
    holes: Holes,
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
        let found = file.metadata()?;
        let (len, taken) = (found.len(), found.len().min(found.blocks().saturating_mul(512)));
        let (holes, end) = Holes::of(&file, HOLE_BYTES_MIN)?;
        // Without holes what is taken tells it, also where none can be found.
        let allocated = if holes.is_empty() { taken } else { end };
        Ok(Self { file, extent: Mutex::new(Allocation { len, allocated, holes }), reserve_bytes })
    }

    /// Makes the file `bytes` long, which takes no disk space yet.
    ///
    /// # Errors
    /// [`StorageError::Full`] when the disk has no room for what would be written there, else what the operating
    /// system said.
    pub fn reserve(&self, bytes: u64) -> Result<(), StorageError> {
        let mut extent = self.lock();
        if bytes <= extent.len {
            return Ok(());
        }
        self.check_room(bytes.saturating_sub(extent.allocated))?;
        self.file.set_len(bytes)?;
        extent.len = bytes;
        Ok(())
    }

    fn check_room(&self, bytes: u64) -> Result<(), StorageError> {
        if self.free_bytes()? < bytes.saturating_add(self.reserve_bytes) {
            return Err(StorageError::Full("less disk space is left than the reserve".into()));
        }
        Ok(())
    }

    /// Takes disk space up to `end`, and a little ahead where there is room.
    fn allocate_to(&self, end: u64) -> Result<(), StorageError> {
        let mut extent = self.lock();
        if end <= extent.allocated {
            return Ok(());
        }
        let ahead = end.saturating_add(AHEAD_BYTES).min(extent.len).max(end);
        let to = if self.check_room((ahead - extent.allocated).saturating_add(AHEAD_BYTES)).is_ok() {
            ahead
        } else {
            self.check_room(end - extent.allocated)?;
            end
        };
        self.take_space(extent.allocated, to)?;
        extent.allocated = to;
        extent.len = extent.len.max(to);
        Ok(())
    }

    fn take_space(&self, from: u64, to: u64) -> Result<(), StorageError> {
        loop {
            return match rustix::fs::fallocate(&self.file, FallocateFlags::empty(), from, to - from) {
                Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
                Err(Errno::INTR) => continue,
                Err(errno) => {
                    let error = io::Error::from(errno);
                    if is_full(&error) {
                        // A file system may have allocated a part; give it back, best effort.
                        self.give_space(from, to);
                    }
                    Err(error.into())
                }
            };
        }
    }

    /// Takes disk space for `from..to`, where that lies in holes.
    fn fill_holes(&self, from: u64, to: u64) -> Result<(), StorageError> {
        let mut extent = self.lock();
        for (from, to) in extent.holes.within(from, to) {
            self.check_room(to - from)?;
            self.take_space(from, to)?;
            extent.holes.fill(from, to);
        }
        Ok(())
    }

    /// Gives the disk space of runs back, those that are long. Nobody may use them now; whoever writes there later takes it anew.
    pub fn give_back(&self, runs: &[HeapRange]) {
        let mut extent = self.lock();
        let mut given = 0;
        for run in runs.iter().filter(|run| run.len >= HOLE_BYTES_MIN) {
            let (from, to) = (run.offset, (run.offset + run.len).min(extent.allocated));
            if to <= from || extent.holes.covers(from, to) || !self.give_space(from, to) {
                continue;
            }
            extent.holes.add(from, to);
            given += to - from;
        }
        if given > 0 {
            tracing::info!(bytes = given, "free runs of the blob heap were given back to the disk");
        }
    }

    /// Gives the disk space beyond `end` back, when it is much. Nothing from there on may be in use by anybody.
    pub fn give_back_beyond(&self, end: u64) {
        let mut extent = self.lock();
        let end = end.next_multiple_of(1 << 16);
        if extent.allocated < end.saturating_add(GIVEN_BACK_BYTES_MIN) {
            return;
        }
        if self.give_space(end, extent.len) {
            tracing::info!(
                bytes = extent.allocated - end,
                "the end of the blob heap was given back to the disk"
            );
            extent.allocated = end;
            extent.holes.cut_at(end);
        }
    }

    #[cfg(target_os = "linux")]
    fn give_space(&self, from: u64, to: u64) -> bool {
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        to > from && rustix::fs::fallocate(&self.file, flags, from, to - from).is_ok()
    }

    #[cfg(not(target_os = "linux"))]
    fn give_space(&self, _from: u64, _to: u64) -> bool {
        false
    }

    /// How far the heap memory may grow when the file system has `free` bytes: [`Self::beyond_reserve`], less what the
    /// memory was granted and has not taken yet.
    pub fn room_bytes(&self, free: u64) -> u64 {
        let extent = self.lock();
        self.beyond_reserve(free).saturating_sub(extent.len.saturating_sub(extent.allocated))
    }

    /// What of `free` bytes is not kept from the heap.
    pub fn beyond_reserve(&self, free: u64) -> u64 {
        free.saturating_sub(self.reserve_bytes)
    }

    /// Bytes that take disk space.
    pub fn allocated_bytes(&self) -> u64 {
        self.lock().allocated
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Allocation> {
        self.extent.lock().unwrap_or_else(PoisonError::into_inner)
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
    /// [`StorageError::Full`] when the disk has no room, or I/O errors; a part may have been written then.
    pub fn write(&self, offset: u64, src: &[u8]) -> Result<(), StorageError> {
        let end = offset + src.len() as u64;
        self.allocate_to(end)?;
        self.fill_holes(offset, end)?;
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
    fn disk_space_is_taken_for_what_is_written_and_the_bytes_stay() {
        let dir = tempfile::tempdir().unwrap();
        let heap = HeapFile::open(&dir.path().join("heap.bin"), 0).unwrap();
        heap.reserve(1 << 30).unwrap();
        assert_eq!((heap.file.metadata().unwrap().len(), heap.allocated_bytes()), (1 << 30, 0));
        heap.write(65_530, b"memory").unwrap();
        assert_eq!(heap.allocated_bytes(), 65_536 + AHEAD_BYTES);
        let blocks = heap.file.metadata().unwrap().blocks() * 512;
        assert!(blocks <= 2 * AHEAD_BYTES, "{blocks} bytes of disk for 64 KiB");
        let mut read = [0; 6];
        heap.read(65_530, &mut read).unwrap();
        assert_eq!(&read, b"memory");
    }

    #[test]
    fn what_lies_beyond_the_end_goes_back_to_the_disk_and_what_lies_before_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("heap.bin");
        let heap = HeapFile::open(&path, 0).unwrap();
        heap.reserve(64 << 20).unwrap();
        heap.write(0, b"kept").unwrap();
        heap.write(40 << 20, b"freed").unwrap();
        heap.give_back_beyond(39 << 20);
        assert!(heap.allocated_bytes() > 40 << 20, "too little to give back");
        heap.give_back_beyond(4);
        assert_eq!(heap.allocated_bytes(), 1 << 16);
        assert!(heap.file.metadata().unwrap().blocks() * 512 < 1 << 20);
        drop(heap);
        let heap = HeapFile::open(&path, 0).unwrap();
        assert!(heap.allocated_bytes() <= 1 << 16, "a restart does not count the hole as taken");
        let mut read = [1; 9];
        heap.read(0, &mut read[..4]).unwrap();
        heap.read(40 << 20, &mut read[4..]).unwrap();
        assert_eq!(&read, b"kept\0\0\0\0\0");
    }

    #[test]
    fn what_nobody_uses_goes_back_to_the_disk_and_is_written_again() {
        const MIB: u64 = 1 << 20;
        const LEN: usize = 1 << 20;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("heap.bin");
        let heap = HeapFile::open(&path, 0).unwrap();
        heap.reserve(64 * MIB).unwrap();
        let bytes = vec![7; LEN];
        for at in 0..40 {
            heap.write(at * MIB, &bytes).unwrap();
        }
        heap.sync().unwrap();
        let taken = || std::fs::metadata(&path).unwrap().blocks() * 512;
        let before = taken();
        let runs = [(MIB, 30 * MIB), (35 * MIB, MIB / 2)].map(|(offset, len)| HeapRange { offset, len });
        heap.give_back(&runs);
        heap.give_back(&runs);
        // The file system keeps its own lists there too.
        let given = before - taken();
        assert!(given.abs_diff(30 * MIB) < MIB / 4, "what is short stays: {given}");
        drop(heap);
        let heap = HeapFile::open(&path, 0).unwrap();
        assert!(
            heap.allocated_bytes() >= 40 * MIB,
            "what lies behind a hole is taken: {}",
            heap.allocated_bytes()
        );
        heap.write(39 * MIB, &bytes).unwrap();
        assert!(taken() <= before - 30 * MIB + 2 * AHEAD_BYTES, "no hole was filled");
        heap.write(10 * MIB, &bytes).unwrap();
        let mut read = vec![1; 3 * LEN];
        heap.read(9 * MIB, &mut read).unwrap();
        assert!(read[..LEN].iter().all(|byte| *byte == 0));
        assert!(read[LEN..2 * LEN] == bytes);
        heap.read(0, &mut read[..LEN]).unwrap();
        assert!(read[..LEN] == bytes, "what lies before stays");
    }

    #[test]
    fn what_is_written_into_a_hole_leaves_the_reserve_free() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("heap.bin");
        let heap = HeapFile::open(&path, 0).unwrap();
        heap.reserve(8 << 20).unwrap();
        heap.write(0, &vec![7; 8 << 20]).unwrap();
        heap.give_back(&[HeapRange { offset: 0, len: 4 << 20 }]);
        drop(heap);
        let heap = HeapFile::open(&path, u64::MAX / 2).unwrap();
        assert!(heap.write(1 << 20, b"more").unwrap_err().is_full());
        heap.write(6 << 20, b"again").unwrap();
    }

    #[test]
    fn growing_leaves_the_reserve_free() {
        let dir = tempfile::tempdir().unwrap();
        let heap = HeapFile::open(&dir.path().join("heap.bin"), u64::MAX / 2).unwrap();
        assert!(heap.reserve(1).unwrap_err().is_full());
        assert_eq!(heap.file.metadata().unwrap().len(), 0);
    }
}
