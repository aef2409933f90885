//! Reading whole blobs back: several ranges at once, in order, checked against the SHA-256.
//!
//! Owns the window of ranges in flight, the check, and going on from what an earlier attempt left (`download/part.rs`).
//! A blob is never whole in memory.

mod part;

pub use part::part_path;

use crate::client::{CallError, Client};
use crate::transport::Transport;
use crate::upload::hex;
use futures_util::{StreamExt, stream};
use part::Part;
use sha2::{Digest, Sha256};
use std::io;
use std::path::{Path, PathBuf};
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
    /// Another download writes this file.
    #[error(
        "{} is being downloaded already: wait for that, or remove {} if nothing runs", path.display(), part.display()
    )]
    InProgress {
        /// The file.
        path: PathBuf,
        /// Where its bytes are until it is complete.
        part: PathBuf,
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
        progress: impl FnMut(u64) + Send,
    ) -> Result<(), DownloadError> {
        self.download_rest(blob, sink, (0, Sha256::new()), progress).await
    }

    /// Writes what follows the first bytes, whose count and hash are given.
    async fn download_rest(
        &self,
        blob: &BlobFacts,
        sink: &mut (impl AsyncWrite + Unpin + Send),
        (present, mut hasher): (u64, Sha256),
        mut progress: impl FnMut(u64) + Send,
    ) -> Result<(), DownloadError> {
        let range_bytes = self.limits().await?.response_bytes_max.clamp(1, RANGE_BYTES);
        let mut ranges = stream::iter(ranges(present, blob.len, range_bytes))
            .map(|range| self.range(blob, range))
            .buffered(RANGES_IN_FLIGHT);
        let mut written = present;
        progress(written);
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
    /// Until then its bytes are at [`part_path`], also after a stop, a crash or a fault: the same download goes on
    /// from there, hashes those bytes too, and starts over where they turn out to be others. Gives how many bytes
    /// were there already.
    ///
    /// # Errors
    /// [`DownloadError`]; [`DownloadError::Exists`] unless `overwrite`.
    pub async fn download_to_file(
        &self,
        blob: &BlobFacts,
        path: &Path,
        overwrite: bool,
        mut progress: impl FnMut(u64) + Send,
    ) -> Result<u64, DownloadError> {
        let part = Part::open(path, &blob.sha256, overwrite).await?;
        let mut result = self.fill(blob, path, &part, &mut progress).await;
        if matches!(result, Err((1.., DownloadError::Differs { .. }))) {
            part.empty()?;
            result = self.fill(blob, path, &part, &mut progress).await;
        }
        match result {
            Ok(present) => part.keep(overwrite).await.map(|()| present),
            Err((_, error)) => {
                match error {
                    DownloadError::Differs { .. } => part.remove(),
                    _ => part.remove_if_empty(),
                }
                Err(error)
            }
        }
    }

    /// Completes a part. Gives the bytes that were there already; an error comes with them too.
    async fn fill(
        &self,
        blob: &BlobFacts,
        path: &Path,
        part: &Part,
        progress: &mut (impl FnMut(u64) + Send),
    ) -> Result<u64, (u64, DownloadError)> {
        let (file, present, hasher) = part.writer(blob.len).await.map_err(|error| (0, error))?;
        let mut sink = tokio::fs::File::from_std(file);
        match self.download_rest(blob, &mut sink, (present, hasher), progress).await {
            Ok(()) => Ok(present),
            Err(DownloadError::Write(reason)) => {
                Err((present, DownloadError::File { path: path.to_owned(), reason }))
            }
            Err(error) => Err((present, error)),
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
    let part = Part::open(path, &Sha256::digest(bytes).into(), overwrite).await?;
    part.empty()?;
    let (file, ..) = part.writer(0).await?;
    let mut sink = tokio::fs::File::from_std(file);
    let file_error = |reason| DownloadError::File { path: path.to_owned(), reason };
    sink.write_all(bytes).await.map_err(file_error)?;
    sink.flush().await.map_err(file_error)?;
    part.keep(overwrite).await
}

/// Offset and length of each range from `start` on.
fn ranges(start: u64, len: u64, range_bytes: u32) -> impl Iterator<Item = (u64, u32)> {
    let count = len.saturating_sub(start).div_ceil(u64::from(range_bytes));
    (0..count).map(move |index| {
        let offset = start + index * u64::from(range_bytes);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_the_blob_without_gap() {
        let all: Vec<_> = ranges(0, 10, 4).collect();
        assert_eq!(all, [(0, 4), (4, 4), (8, 2)]);
        assert_eq!(ranges(0, 0, 4).count(), 0);
        assert_eq!(ranges(0, 4, 4).collect::<Vec<_>>(), [(0, 4)]);
        assert_eq!(ranges(3, 10, 4).collect::<Vec<_>>(), [(3, 4), (7, 3)]);
        assert_eq!(ranges(4, 4, 4).count(), 0);
        assert_eq!(ranges(0, 5_000_000_000, 1_800_000).last(), Some((4_998_600_000, 1_400_000)));
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

    fn blob(bytes: &[u8]) -> BlobFacts {
        BlobFacts {
            locator: "blob_1".to_owned(),
            len: bytes.len() as u64,
            sha256: Sha256::digest(bytes).into(),
        }
    }

    #[tokio::test]
    async fn a_part_has_one_writer_and_one_place_per_content_and_target() {
        let dir = tempfile::tempdir().unwrap();
        let (path, blob) = (dir.path().join("a"), blob(b"content"));
        let part = Part::open(&path, &blob.sha256, false).await.unwrap();
        let refused = Part::open(&path, &blob.sha256, false).await.unwrap_err();
        assert!(matches!(refused, DownloadError::InProgress { .. }), "{refused}");
        drop(part);
        Part::open(&path, &blob.sha256, false).await.unwrap().remove();
        let places = [
            part_path(&path, &blob.sha256),
            part_path(&path, &[1; 32]),
            part_path(&dir.path().join("b"), &blob.sha256),
        ];
        assert!(places.iter().all(|place| place.parent() == Some(dir.path())));
        assert_eq!(places.iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
    }

    #[tokio::test]
    async fn a_part_longer_than_the_content_is_emptied() {
        let dir = tempfile::tempdir().unwrap();
        let (path, blob) = (dir.path().join("a"), blob(b"content"));
        std::fs::write(part_path(&path, &blob.sha256), b"content and more").unwrap();
        let part = Part::open(&path, &blob.sha256, false).await.unwrap();
        assert_eq!(part.writer(blob.len).await.unwrap().1, 0);
        part.remove_if_empty();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn whatever_else_lies_in_place_of_a_part_is_left_alone_and_named() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("a"), dir.path().join("other"));
        let (missing, sha256) = (dir.path().join("missing"), Sha256::digest(b"content").into());
        let part = part_path(&path, &sha256);
        let put: [(&str, &dyn Fn()); 5] = [
            ("link", &|| symlink(&other, &part).unwrap()),
            ("dangling link", &|| symlink(&missing, &part).unwrap()),
            ("hard link", &|| std::fs::hard_link(&other, &part).unwrap()),
            ("folder", &|| std::fs::create_dir(&part).unwrap()),
            ("pipe", &|| {
                let made = std::process::Command::new("mkfifo").arg(&part).status();
                assert!(made.unwrap().success());
            }),
        ];
        for (what, put) in put {
            std::fs::write(&other, b"mine").unwrap();
            put();
            let error = write_file(&path, b"content", false).await.unwrap_err().to_string();
            assert!(error.contains(part.to_str().unwrap()) && error.contains("remove it"), "{what}: {error}");
            assert_eq!(std::fs::read(&other).unwrap(), b"mine", "{what}");
            assert!(!missing.exists() && !path.exists(), "{what}");
            let is_folder = part.symlink_metadata().unwrap().is_dir();
            if is_folder { std::fs::remove_dir(&part) } else { std::fs::remove_file(&part) }.unwrap();
        }
        write_file(&path, b"content", false).await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"content");
    }
}
