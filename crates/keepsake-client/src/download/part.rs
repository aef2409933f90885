//! The unfinished file of a download: where it lies, what of it can be used, and its rename into place.
//!
//! Owns the name, the lock and the rename. Its name follows from the target and the content, so that the same download
//! finds it again after a stop or a crash:
//!
//! ```text
//! DIR/photo.jpg                             the target
//! DIR/.keepsake-0123456789abcdef.part       a prefix of its bytes; 16 digits of SHA-256(content hash, file name)
//! ```
//! Nothing vouches for the bytes in it: whoever goes on from there hashes them too.

use super::DownloadError;
use crate::upload::{blocking, hex};
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use tempfile::TempPath;

/// Bytes of the name's digest: enough to tell the files of one folder apart.
const NAME_DIGEST_BYTES: usize = 8;

/// Read at once when a part is hashed, bytes.
const BUFFER_BYTES: usize = 1 << 20;

/// A part that was moved into place by its writer while we opened it is opened anew; twice in a row is unlikely.
const OPEN_ATTEMPTS_MAX: u32 = 8;

/// Where the bytes of the content `sha256` wait until the file `path` is complete.
pub fn part_path(path: &Path, sha256: &[u8; 32]) -> PathBuf {
    let mut digest = Sha256::new_with_prefix(sha256);
    digest.update(path.file_name().unwrap_or_default().as_encoded_bytes());
    let digest = hex(&digest.finalize()[..NAME_DIGEST_BYTES]);
    dir_of(path).join(format!(".keepsake-{digest}.part"))
}

fn dir_of(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}

/// An open part, locked for other writers until it is dropped. It stays where it is unless it is kept or removed.
#[derive(Debug)]
pub(super) struct Part {
    target: PathBuf,
    place: PathBuf,
    file: File,
}

impl Part {
    /// Opens the part of an earlier attempt, or makes an empty one.
    pub(super) async fn open(
        target: &Path,
        sha256: &[u8; 32],
        overwrite: bool,
    ) -> Result<Self, DownloadError> {
        let (target, place) = (target.to_owned(), part_path(target, sha256));
        blocking(move || {
            if !overwrite && target.symlink_metadata().is_ok() {
                return Err(DownloadError::Exists { path: target });
            }
            match open_locked(&place) {
                Ok(Some(file)) => Ok(Self { target, place, file }),
                Ok(None) => Err(DownloadError::InProgress { path: target, part: place }),
                Err(reason) => Err(DownloadError::File { path: target, reason }),
            }
        })
        .await
    }

    /// A handle to write with, at the end of what is there, and the hash of what is there. A part longer than
    /// `len_max` cannot be one of this content and is emptied.
    pub(super) async fn writer(&self, len_max: u64) -> Result<(File, u64, Sha256), DownloadError> {
        let file = self.file.try_clone().map_err(|reason| self.error(reason))?;
        let prepared = blocking(move || prepare(file, len_max)).await;
        prepared.map_err(|reason| self.error(reason))
    }

    /// Forgets all bytes.
    pub(super) fn empty(&self) -> Result<(), DownloadError> {
        self.file.set_len(0).map_err(|reason| self.error(reason))
    }

    /// Takes the part away where it holds nothing that helps a later attempt.
    pub(super) fn remove_if_empty(self) {
        if self.file.metadata().is_ok_and(|metadata| metadata.len() == 0) {
            self.remove();
        }
    }

    /// Takes the part away. One that stays is emptied or found wrong by the next attempt.
    pub(super) fn remove(self) {
        std::fs::remove_file(&self.place).ok();
    }

    /// The part becomes the target.
    pub(super) async fn keep(self, overwrite: bool) -> Result<(), DownloadError> {
        blocking(move || {
            let Self { target, place, file: _lock } = self;
            let file_error = |reason| DownloadError::File { path: target.clone(), reason };
            let part = TempPath::try_from_path(place).map_err(file_error)?;
            let kept = if overwrite { part.persist(&target) } else { part.persist_noclobber(&target) };
            kept.map_err(|error| match error.error {
                reason if reason.kind() == io::ErrorKind::AlreadyExists => {
                    DownloadError::Exists { path: target.clone() }
                }
                // A part that is not dropped here is whole: the next attempt only moves it.
                reason => {
                    error.path.keep().map_or_else(|kept| file_error(kept.error), |_| file_error(reason))
                }
            })
        })
        .await
    }

    fn error(&self, reason: io::Error) -> DownloadError {
        DownloadError::File { path: self.target.clone(), reason }
    }
}

fn prepare(mut file: File, len_max: u64) -> io::Result<(File, u64, Sha256)> {
    if file.metadata()?.len() > len_max {
        file.set_len(0)?;
    }
    file.seek(SeekFrom::Start(0))?;
    let (mut hasher, mut len, mut buffer) = (Sha256::new(), 0, vec![0; BUFFER_BYTES]);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok((file, len, hasher)),
            Ok(count) => {
                hasher.update(&buffer[..count]);
                len += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// None where another process writes it.
fn open_locked(part: &Path) -> io::Result<Option<File>> {
    for _ in 0..OPEN_ATTEMPTS_MAX {
        let file = open(part)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        if is_at(&file, part)? {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

/// Makes the part, or opens the one of an earlier attempt. Anybody who can write to the folder knows its name, so nothing
/// is followed, waited for or believed: it is a plain file with this one name, and it is ours.
fn open(part: &Path) -> io::Result<File> {
    // As any new file; the umask applies. A new file is never made through a link.
    match OpenOptions::new().read(true).write(true).create_new(true).open(part) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => reopen(part),
        made => made,
    }
}

#[cfg(unix)]
fn reopen(part: &Path) -> io::Result<File> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let flags = flags.bits().cast_signed();
    let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(part);
    let file = match file {
        // Its writer moved it away just now: the next attempt makes another one.
        Err(error) if error.kind() == io::ErrorKind::NotFound && part.symlink_metadata().is_err() => {
            return OpenOptions::new().read(true).write(true).create_new(true).open(part);
        }
        Err(error) if part.symlink_metadata().is_ok_and(|metadata| !metadata.is_file()) => {
            return Err(not_ours(part, &format!("no plain file ({error})")));
        }
        other => other?,
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.nlink() > 1 {
        return Err(not_ours(part, "no plain file of its own"));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(not_ours(part, "somebody else's"));
    }
    Ok(file)
}

#[cfg(not(unix))]
fn reopen(part: &Path) -> io::Result<File> {
    if !part.symlink_metadata()?.is_file() {
        return Err(not_ours(part, "no plain file"));
    }
    OpenOptions::new().read(true).write(true).open(part)
}

fn not_ours(part: &Path, what: &str) -> io::Error {
    let text = format!("what lies at {} is {what}: remove it, then try again", part.display());
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

/// Whether `file` is still what `part` names: its writer may have moved it into place before it unlocked it.
#[cfg(unix)]
fn is_at(file: &File, part: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let identity = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
    match part.symlink_metadata() {
        Ok(named) => Ok(identity(named) == identity(file.metadata()?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(not(unix))]
fn is_at(_file: &File, _part: &Path) -> io::Result<bool> {
    // A file that is open cannot be moved there.
    Ok(true)
}
