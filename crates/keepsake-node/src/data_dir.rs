//! The data directory of a node: its format marker, its exclusive lock and its secret files.
//!
//! Owns which files there are and who may open them. Does not own what is inside `records.redb` and
//! `heap.bin` (see [`crate::storage`]).
//!
//! ```text
//! DIR/            0700 when made
//!   VERSION       "keepsake data 1\n": which layout the directory has
//!   lock          locked by the one process that uses DIR; holds its pid as text
//!   records.redb  records and indexes, request statuses, commit number
//!   heap.bin      blob bytes
//!   root_key …    secrets, one file each
//! ```
//! Every file is made with mode 0600.

use crate::storage::fault::is_full;
use rustix::fs::{Mode, OFlags};
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const MARKER_FILE: &str = "VERSION";
const MARKER_PREFIX: &str = "keepsake data ";
const LOCK_FILE: &str = "lock";
/// Layout version of the directory that this program makes and reads.
pub const DATA_VERSION: u32 = 1;

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another process has it open.
    #[error("the data directory {} is in use{}: stop that node or choose another directory", dir.display(), holder(*pid))]
    InUse {
        /// The directory.
        dir: PathBuf,
        /// The process that holds it, if it said so.
        pid: Option<u32>,
    },
    /// It has files, but no marker of ours.
    #[error("{} is not empty and is not a Keepsake data directory: choose an empty or a new directory", dir.display())]
    NotADataDir {
        /// The directory.
        dir: PathBuf,
    },
    /// Nothing is there that a node made.
    #[error("there is no store in {}: give the data directory of a node", dir.display())]
    NoStore {
        /// The directory.
        dir: PathBuf,
    },
    /// Written by a later version.
    #[error("the data directory {} has version {found}, this program reads version {DATA_VERSION}: use a newer program", dir.display())]
    NewerVersion {
        /// The directory.
        dir: PathBuf,
        /// Version found.
        found: u32,
    },
    /// The operating system refused.
    #[error("cannot use {}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" by process {pid}"))
}

/// An open data directory. It stays locked for other processes until this value is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Opens `path`, making it when it does not exist, and locks it.
    ///
    /// # Errors
    /// [`DataDirError`] when another process holds it, when it holds something else, or on I/O errors.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DataDirError> {
        let dir = path.as_ref().to_path_buf();
        DirBuilder::new().recursive(true).mode(0o700).create(&dir).map_err(at(&dir))?;
        let dir = dir.canonicalize().map_err(at(&dir))?;
        refuse_foreign(&dir)?;
        let lock = lock(&dir)?;
        check_or_write_marker(&dir)?;
        if let Some(parent) = dir.parent() {
            // The directory's own name must survive too. A parent that cannot be read is not ours to sync.
            sync_dir(parent).ok();
        }
        Ok(Self { path: dir, _lock: lock })
    }

    /// The directory, absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The records file.
    pub fn records_path(&self) -> PathBuf {
        self.path.join("records.redb")
    }

    /// The blob heap file.
    pub fn heap_path(&self) -> PathBuf {
        self.path.join("heap.bin")
    }

    /// The file that keeps disk space for what makes room.
    pub fn reserve_path(&self) -> PathBuf {
        self.path.join("reserve.bin")
    }

    /// The secret kept in the file `name`; when there is none yet, `make` makes it and it is durable
    /// (mode 0600) before this returns.
    ///
    /// # Errors
    /// I/O errors of reading or writing the file.
    pub fn secret(&self, name: &str, make: impl FnOnce() -> Vec<u8>) -> io::Result<Vec<u8>> {
        let path = self.path.join(name);
        match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let secret = make();
                write_durably(&self.path, name, &secret)?;
                Ok(secret)
            }
            other => other,
        }
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> DataDirError {
    let path = path.to_path_buf();
    move |source| DataDirError::Io { path: path.clone(), source }
}

/// Refuses a directory with other people's files before anything is written into it.
fn refuse_foreign(dir: &Path) -> Result<(), DataDirError> {
    if dir.join(MARKER_FILE).exists() {
        return Ok(());
    }
    for entry in fs::read_dir(dir).map_err(at(dir))? {
        let name = entry.map_err(at(dir))?.file_name();
        let name = name.to_string_lossy();
        // A crash while the marker was written leaves its temporary file; new file systems have lost+found.
        let ours = name == LOCK_FILE || name == "lost+found" || name == temporary_name(MARKER_FILE);
        if !ours {
            return Err(DataDirError::NotADataDir { dir: dir.to_path_buf() });
        }
    }
    Ok(())
}

fn lock(dir: &Path) -> Result<File, DataDirError> {
    let path = dir.join(LOCK_FILE);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(&path)
        .map_err(at(&path))?;
    // A lock file is written over below: a link that somebody put there must not name another file.
    if file.metadata().map_err(at(&path))?.nlink() > 1 {
        let source = io::Error::new(io::ErrorKind::InvalidInput, "it is a link to another file: remove it");
        return Err(DataDirError::Io { path, source });
    }
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            let pid = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
            return Err(DataDirError::InUse { dir: dir.to_path_buf(), pid });
        }
        Err(TryLockError::Error(source)) => return Err(DataDirError::Io { path, source }),
    }
    // Over the old text, padded: a full disk has no room for a new block. It only helps who is refused.
    file.rewind().and_then(|()| writeln!(file, "{:<10}", std::process::id())).or_else(when_full(&path))?;
    Ok(file)
}

/// Lets what is only for the reader go unwritten on a full disk.
fn when_full(path: &Path) -> impl Fn(io::Error) -> Result<(), DataDirError> {
    let path = path.to_path_buf();
    move |error| if is_full(&error) { Ok(()) } else { Err(at(&path)(error)) }
}

fn check_or_write_marker(dir: &Path) -> Result<(), DataDirError> {
    let path = dir.join(MARKER_FILE);
    match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let marker = format!("{MARKER_PREFIX}{DATA_VERSION}\n");
            write_durably(dir, MARKER_FILE, marker.as_bytes()).map_err(at(&path))
        }
        Err(source) => Err(DataDirError::Io { path, source }),
        Ok(text) => match text.trim_end().strip_prefix(MARKER_PREFIX).and_then(|v| v.parse::<u32>().ok()) {
            None => Err(DataDirError::NotADataDir { dir: dir.to_path_buf() }),
            Some(found) if found > DATA_VERSION => {
                Err(DataDirError::NewerVersion { dir: dir.to_path_buf(), found })
            }
            Some(_) => Ok(()),
        },
    }
}

fn temporary_name(name: &str) -> String {
    format!("{name}.new")
}

/// Writes `name` so that after a crash it is either absent or whole.
fn write_durably(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = dir.join(temporary_name(name));
    // What a crash left goes first; then the file is new, and no link that somebody put there is followed.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, dir.join(name))?;
    sync_dir(dir)
}

/// Makes new names in `dir` durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    let handle = rustix::fs::open(dir, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::fs::fsync(&handle)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn links_in_place_of_our_files_are_not_written_through() {
        let dir = tempfile::tempdir().unwrap();
        let (data, mine) = (dir.path().join("data"), dir.path().join("mine"));
        fs::create_dir(&data).unwrap();
        fs::write(&mine, "precious").unwrap();
        symlink(&mine, data.join(LOCK_FILE)).unwrap();
        assert!(matches!(DataDir::open(&data), Err(DataDirError::Io { .. })));
        fs::remove_file(data.join(LOCK_FILE)).unwrap();
        fs::hard_link(&mine, data.join(LOCK_FILE)).unwrap();
        assert!(matches!(DataDir::open(&data), Err(DataDirError::Io { .. })));
        fs::remove_file(data.join(LOCK_FILE)).unwrap();
        symlink(&mine, data.join(temporary_name(MARKER_FILE))).unwrap();
        let open = DataDir::open(&data).unwrap();
        symlink(dir.path().join("elsewhere"), data.join(temporary_name("secret"))).unwrap();
        open.secret("secret", || vec![1]).unwrap();
        assert_eq!(fs::read(&mine).unwrap(), b"precious");
        assert!(!dir.path().join("elsewhere").exists());
    }

    #[test]
    fn a_second_opener_is_refused_and_told_who_holds_the_directory() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        let first = DataDir::open(&path).unwrap();
        let error = DataDir::open(&path).unwrap_err();
        let DataDirError::InUse { pid, .. } = &error else { panic!("not InUse: {error}") };
        assert_eq!(*pid, Some(std::process::id()));
        assert!(error.to_string().contains(&first.path().display().to_string()), "{error}");
        drop(first);
        DataDir::open(&path).unwrap();
    }

    #[test]
    fn a_directory_with_other_files_is_refused_and_left_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("holiday.jpg"), b"x").unwrap();
        let error = DataDir::open(dir.path()).unwrap_err();
        assert!(matches!(error, DataDirError::NotADataDir { .. }), "{error}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_later_version_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(MARKER_FILE), "keepsake data 2\n").unwrap();
        let error = DataDir::open(dir.path()).unwrap_err();
        assert!(matches!(error, DataDirError::NewerVersion { found: 2, .. }), "{error}");
    }

    #[test]
    fn a_secret_is_made_once_and_only_the_owner_may_read_it() {
        let parent = tempfile::tempdir().unwrap();
        let data = DataDir::open(parent.path().join("data")).unwrap();
        assert_eq!(data.secret("root_key", || b"one".to_vec()).unwrap(), b"one");
        assert_eq!(data.secret("root_key", || b"two".to_vec()).unwrap(), b"one");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&data.path().join("root_key")), 0o600);
        assert_eq!(mode(data.path()), 0o700);
    }
}
