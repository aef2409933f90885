//! Reading whole blobs back: several ranges at once, in order, checked against the SHA-256.
//!
//! Owns the window of ranges in flight, the check, and the rename of a complete file into place. A blob is
//! never whole in memory.

use crate::client::{CallError, Client};
use crate::transport::Transport;
use crate::upload::blocking;
use crate::upload::hex;
use futures_util::{StreamExt, stream};
use sha2::{Digest, Sha256};
use std::io;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio_util::task::AbortOnDropHandle;

/// Ranges in flight at once. Each takes about 6 MB of memory.
const RANGES_IN_FLIGHT: usize = 6;

/// Bytes asked for at once, where the service gives as much.
const RANGE_BYTES: u32 = 1_800_000;

/// What a blob must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobFacts {
    /// The blob's locator.
    pub locator: String,
    /// Length, bytes.
    pub len: u64,
    /// SHA-256.
    pub sha256: [u8; 32],
}

/// Why a blob did not come whole.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The service refused, or cannot be reached.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The bytes cannot be written.
    #[error("cannot write {}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// The bytes cannot be written.
    #[error("cannot write: {0}")]
    Write(io::Error),
    /// There is a file of this name.
    #[error("{} is there already: choose another name, or allow to overwrite it", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The bytes are not those that were stored.
    #[error(
        "{locator}: the bytes received have SHA-256 {found}, but {expected} was stored: download it again"
    )]
    Differs {
        /// The blob.
        locator: String,
        /// As the service's records say.
        expected: String,
        /// Of what came.
        found: String,
    },
    /// The service gave fewer bytes than it said.
    #[error("{locator}: {received} bytes came instead of {expected}: download it again")]
    Short {
        /// The blob.
        locator: String,
        /// Bytes of the range asked for.
        expected: u64,
        /// Bytes that came.
        received: u64,
    },
}

impl<T: Transport> Client<T> {
    /// Writes a blob to `sink`. `progress` gets the bytes written so far.
    ///
    /// The sink may have got bytes when this fails: check before using them, or use
    /// [`Self::download_to_file`].
    ///
    /// # Errors
    /// [`DownloadError`].
    pub async fn download(
        &self,
        blob: &BlobFacts,
        sink: &mut (impl AsyncWrite + Unpin + Send),
        mut progress: impl FnMut(u64) + Send,
    ) -> Result<(), DownloadError> {
        let range_bytes = self.limits().await?.response_bytes_max.clamp(1, RANGE_BYTES);
        let mut ranges = stream::iter(ranges(blob.len, range_bytes))
            .map(|range| self.range(blob, range))
            .buffered(RANGES_IN_FLIGHT);
        let (mut hasher, mut written) = (Sha256::new(), 0);
        while let Some(bytes) = ranges.next().await {
            let bytes = bytes?;
            hasher.update(&bytes);
            sink.write_all(&bytes).await.map_err(DownloadError::Write)?;
            written += bytes.len() as u64;
            progress(written);
        }
        sink.flush().await.map_err(DownloadError::Write)?;
        check_hash(blob, hasher.finalize().into())
    }

    /// Reads a blob into the file `path`. The file appears complete and checked, or not at all.
    ///
    /// # Errors
    /// [`DownloadError`]; [`DownloadError::Exists`] unless `overwrite`.
    pub async fn download_to_file(
        &self,
        blob: &BlobFacts,
        path: &Path,
        overwrite: bool,
        progress: impl FnMut(u64) + Send,
    ) -> Result<(), DownloadError> {
        let target = TargetFile::create(path, overwrite).await?;
        let mut sink = tokio::fs::File::from_std(target.writer()?);
        match self.download(blob, &mut sink, progress).await {
            Ok(()) => target.keep(overwrite).await,
            Err(DownloadError::Write(reason)) => Err(DownloadError::File { path: path.to_owned(), reason }),
            Err(error) => Err(error),
        }
    }

    fn range(
        &self,
        blob: &BlobFacts,
        (offset, len): (u64, u32),
    ) -> impl Future<Output = Result<Vec<u8>, DownloadError>> + use<T> {
        let (client, locator) = (self.clone(), blob.locator.clone());
        // A task of its own: checking a signature over 1.8 MB then uses another core.
        let task = async move {
            let bytes = client.blob_read_range(&locator, offset, len).await?;
            if bytes.len() == len as usize {
                return Ok(bytes);
            }
            let (expected, received) = (u64::from(len), bytes.len() as u64);
            Err(DownloadError::Short { locator, expected, received })
        };
        let task = async { AbortOnDropHandle::new(tokio::spawn(task)).await };
        async {
            match task.await {
                Ok(result) => result,
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    // The runtime is shutting down: nobody polls this any more.
                    Err(_) => std::future::pending().await,
                },
            }
        }
    }
}

/// Writes bytes that are at hand into the file `path`, complete or not at all.
///
/// # Errors
/// [`DownloadError`]; [`DownloadError::Exists`] unless `overwrite`.
pub async fn write_file(path: &Path, bytes: &[u8], overwrite: bool) -> Result<(), DownloadError> {
    let target = TargetFile::create(path, overwrite).await?;
    let file_error = |reason| DownloadError::File { path: path.to_owned(), reason };
    let mut sink = tokio::fs::File::from_std(target.writer()?);
    sink.write_all(bytes).await.map_err(file_error)?;
    sink.flush().await.map_err(file_error)?;
    target.keep(overwrite).await
}

fn ranges(len: u64, range_bytes: u32) -> impl Iterator<Item = (u64, u32)> {
    (0..len.div_ceil(u64::from(range_bytes))).map(move |index| {
        let offset = index * u64::from(range_bytes);
        let rest = u32::try_from(len - offset).unwrap_or(u32::MAX);
        (offset, rest.min(range_bytes))
    })
}

fn check_hash(blob: &BlobFacts, found: [u8; 32]) -> Result<(), DownloadError> {
    if found == blob.sha256 {
        return Ok(());
    }
    let (expected, found) = (hex(&blob.sha256), hex(&found));
    Err(DownloadError::Differs { locator: blob.locator.clone(), expected, found })
}

/// A file that is being written under another name beside its place.
struct TargetFile {
    path: PathBuf,
    temporary: NamedTempFile,
}

impl TargetFile {
    async fn create(path: &Path, overwrite: bool) -> Result<Self, DownloadError> {
        let path = path.to_owned();
        blocking(move || {
            if !overwrite && path.symlink_metadata().is_ok() {
                return Err(DownloadError::Exists { path });
            }
            let dir = match path.parent() {
                Some(dir) if !dir.as_os_str().is_empty() => dir,
                _ => Path::new("."),
            };
            let mut builder = tempfile::Builder::new();
            builder.prefix(".keepsake-").suffix(".part");
            #[cfg(unix)]
            {
                // As any new file; the umask applies.
                use std::os::unix::fs::PermissionsExt;
                builder.permissions(std::fs::Permissions::from_mode(0o666));
            }
            let created = builder.tempfile_in(dir);
            match created {
                Ok(temporary) => Ok(Self { path, temporary }),
                Err(reason) => Err(DownloadError::File { path, reason }),
            }
        })
        .await
    }

    fn writer(&self) -> Result<std::fs::File, DownloadError> {
        let reopened = self.temporary.as_file().try_clone();
        reopened.map_err(|reason| DownloadError::File { path: self.path.clone(), reason })
    }

    async fn keep(self, overwrite: bool) -> Result<(), DownloadError> {
        let Self { path, temporary } = self;
        blocking(move || {
            let kept = if overwrite { temporary.persist(&path) } else { temporary.persist_noclobber(&path) };
            match kept.map_err(|error| error.error) {
                Ok(_) => Ok(()),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    Err(DownloadError::Exists { path })
                }
                Err(reason) => Err(DownloadError::File { path, reason }),
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_the_blob_without_gap() {
        let all: Vec<_> = ranges(10, 4).collect();
        assert_eq!(all, [(0, 4), (4, 4), (8, 2)]);
        assert_eq!(ranges(0, 4).count(), 0);
        assert_eq!(ranges(4, 4).collect::<Vec<_>>(), [(0, 4)]);
        assert_eq!(ranges(5_000_000_000, 1_800_000).last(), Some((4_998_600_000, 1_400_000)));
    }

    #[tokio::test]
    async fn a_file_that_is_there_is_kept_unless_overwriting_is_allowed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        write_file(&path, b"first", false).await.unwrap();
        let refused = write_file(&path, b"second", false).await.unwrap_err();
        assert!(matches!(refused, DownloadError::Exists { .. }), "{refused}");
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
        write_file(&path, b"second", true).await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
    }
}
