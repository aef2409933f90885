//! The check of a data directory that no node uses: every promise about its records, its free space and, on
//! request, its bytes. Owns the opening; the checks themselves are the core's, and nothing is repaired.
//!
//! Everything is read from the last durable commit. Opening lets the records file recover from a crash, as a start
//! of the node would; nothing else is written but the process id in the lock.

pub mod bucket;

use crate::data_dir::{DataDir, DataDirError};
use crate::engine::EngineOptions;
use crate::engine::guard::{Fault, guarded};
use crate::storage::fault::StorageError;
use crate::storage::heap_file::HeapFile;
use crate::storage::heap_memory::SnapshotHeap;
use crate::storage::page::WASM_PAGE_BYTES;
use crate::storage::records::{Committed, Records};
use crate::storage::snapshot::SnapshotMemory;
use crate::storage::views::View;
pub use keepsake_service::{BytesReport, CheckReport};
use keepsake_service::{OpenError, Service};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a data directory could not be checked. It may be sound.
#[derive(Debug, thiserror::Error)]
pub enum FsckError {
    /// In use, not ours, or of a later version.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// There is no such directory, or it holds no store.
    #[error("there is no Keepsake data directory at {}: give the directory that `keepsake serve --data` uses", dir.display())]
    NotFound {
        /// As given.
        dir: PathBuf,
    },
    /// The store is of a later version.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FsckReport {
    /// Number of the commit that was checked; 0 before the first.
    pub epoch: u64,
    /// Totals of the records.
    pub check: CheckReport,
    /// The bytes against their SHA-256, where that was asked for.
    pub bytes: Option<BytesReport>,
    /// All that is broken, in words; empty in a sound directory.
    pub violations: Vec<String>,
}

/// Checks the data directory `dir`; with `bytes` it also reads everything that has a SHA-256 and hashes it.
/// `progress` gets the bytes hashed so far. O(records), and O(bytes stored) with `bytes`.
///
/// # Errors
/// [`FsckError`] when it cannot be checked. What is broken is no error: it is in the report.
pub fn check(dir: &Path, bytes: bool, progress: impl FnMut(u64)) -> Result<FsckReport, FsckError> {
    if !dir.join("VERSION").is_file() {
        return Err(FsckError::NotFound { dir: dir.to_path_buf() });
    }
    let dir = DataDir::open(dir)?;
    let (records_path, heap_path) = (dir.records_path(), dir.heap_path());
    if !records_path.exists() && !heap_path.exists() {
        // A node was stopped before it had made them: nothing is there, nothing is broken.
        return Ok(FsckReport::default());
    }
    for path in [&records_path, &heap_path] {
        if !path.exists() {
            let name = path.file_name().unwrap_or_default().display();
            return Ok(FsckReport::broken(format!("{name} is missing")));
        }
    }
    let heap_len = std::fs::metadata(&heap_path)
        .map_err(|source| FsckError::Io { path: heap_path.clone(), source })?
        .len();
    let heap =
        HeapFile::open(&heap_path, 0).map_err(|source| FsckError::Io { path: heap_path.clone(), source })?;
    // Damaged records may stop any part of the check, the opening included.
    let checked = guarded(|| check_store(&records_path, heap, heap_len, bytes, progress));
    match checked {
        Ok(Ok(report)) => Ok(report),
        Ok(Err(CheckFault::Open(error))) => Err(error.into()),
        Ok(Err(CheckFault::Storage(error))) | Err(Fault::Storage(error)) => unreadable(&records_path, &error),
        Err(Fault::Panic(text)) => {
            Ok(FsckReport::broken(format!("the records cannot be read to the end: {text}")))
        }
    }
}

enum CheckFault {
    Open(OpenError),
    Storage(StorageError),
}

impl From<StorageError> for CheckFault {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

/// What the operating system refuses is not known to be broken; all else is.
fn unreadable(path: &Path, error: &StorageError) -> Result<FsckReport, FsckError> {
    let refused = match error {
        StorageError::Failed(source) => source.downcast_ref::<io::Error>().map(io::Error::kind),
        _ => None,
    };
    match refused {
        Some(kind @ (io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)) => {
            Err(FsckError::Io { path: path.to_path_buf(), source: kind.into() })
        }
        _ => Ok(FsckReport::broken(error.to_string())),
    }
}

/// A store as of its last durable commit.
struct OpenedSnapshot {
    service: Service<SnapshotMemory, SnapshotHeap>,
    epoch: u64,
    heap_pages: u64,
    /// A snapshot reads through it.
    _records: Records,
}

/// The number of the last commit alone where that has no store yet.
fn open_snapshot(records_path: &Path, heap: HeapFile) -> Result<Result<OpenedSnapshot, u64>, CheckFault> {
    let cache_bytes = EngineOptions::new(keepsake_service::Principal::anonymous()).records_cache_bytes;
    let records = Records::open(records_path, cache_bytes)?;
    let snapshot = records.snapshot()?;
    let Committed { epoch, records_pages, heap_pages } = snapshot.state();
    if records_pages == 0 {
        return Ok(Err(epoch));
    }
    let memories =
        (SnapshotMemory::new(Arc::new(View::alone(snapshot))), SnapshotHeap::new(Arc::new(heap), heap_pages));
    let service = Service::open_snapshot(memories.0, memories.1).map_err(CheckFault::Open)?;
    Ok(Ok(OpenedSnapshot { service, epoch, heap_pages, _records: records }))
}

fn check_store(
    records_path: &Path,
    heap: HeapFile,
    heap_len: u64,
    bytes: bool,
    progress: impl FnMut(u64),
) -> Result<FsckReport, CheckFault> {
    let opened = match open_snapshot(records_path, heap)? {
        Ok(opened) => opened,
        Err(epoch) => return Ok(FsckReport { epoch, ..FsckReport::default() }),
    };
    let OpenedSnapshot { service, epoch, heap_pages, .. } = &opened;
    let check = service.store().check();
    let bytes = bytes.then(|| service.store().check_bytes(progress));
    let mut violations = check.violations.clone();
    if heap_len < heap_pages * WASM_PAGE_BYTES {
        let need = heap_pages * WASM_PAGE_BYTES;
        violations.push(format!("heap.bin has {heap_len} bytes, the records need {need}"));
    }
    violations.extend(bytes.iter().flat_map(|bytes| bytes.violations.iter().cloned()));
    Ok(FsckReport { epoch: *epoch, check, bytes, violations })
}

impl FsckReport {
    fn broken(violation: String) -> Self {
        Self { violations: vec![violation], ..Self::default() }
    }
}
