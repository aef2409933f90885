//! What is uploaded: a file on disk or bytes in memory, read chunk by chunk.
//!
//! Owns opening, hashing, positioned reads, and noticing that a file changed meanwhile. A file that does not fit one message is
//! never whole in memory.

use super::hash::{Hashes, Hashing, Sha, hashes_of, sha256, sha256_of, sha256_of_file};
use super::name::text_of;
use super::{UploadError, blocking};
use bytes::Bytes;
use std::fs::{File, Metadata};
use std::io::{self, BufReader, Cursor, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;
use tokio_util::sync::CancellationToken;

/// What to upload.
#[derive(Clone, Debug)]
pub struct Source {
    kind: Kind,
    name: String,
    content: Option<Content>,
}

#[derive(Clone, Debug)]
enum Kind {
    File(PathBuf),
    Bytes(Bytes),
}

impl Source {
    /// A file on disk. Its name becomes the name of the original.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let name = path.file_name().map_or_else(String::new, text_of);
        Self { kind: Kind::File(path), name, content: None }
    }

    /// Bytes in memory, under a file name.
    pub fn bytes(name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        Self { kind: Kind::Bytes(bytes.into()), name: name.into(), content: None }
    }

    /// The file name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads the whole and remembers its SHA-256: an upload hashes it again only where it changed meanwhile.
    ///
    /// # Errors
    /// [`UploadError`] where it cannot be read, is empty, or `cancel` comes first.
    pub async fn hashed(self, cancel: &CancellationToken) -> Result<Self, UploadError> {
        self.hashed_by(|_| None, cancel).await
    }

    /// As [`Self::hashed`], by its parts too: `part_bytes` says how long they are of a file of so many bytes, if it has any.
    pub(crate) async fn hashed_by(
        mut self,
        part_bytes: impl FnOnce(u64) -> Option<u64> + Send + 'static,
        cancel: &CancellationToken,
    ) -> Result<Self, UploadError> {
        let cancel = cancel.clone();
        blocking(move || {
            let source = self.open()?;
            let part_bytes = part_bytes(source.len()).filter(|bytes| *bytes < source.len());
            let (sha256, parts) = match part_bytes {
                None => (source.hash(&cancel)?, None),
                Some(part_bytes) => {
                    let hashes = source.hashes(part_bytes, &cancel, |_| ())?;
                    (hashes.whole, Some(Arc::new(hashes)))
                }
            };
            self.content = Some(Content { sha256, parts, len: source.len(), stamp: source.stamp() });
            Ok(self)
        })
        .await
    }

    /// SHA-256 of what it was when it was [`Self::hashed`].
    pub fn sha256(&self) -> Option<&[u8; 32]> {
        self.content.as_ref().map(|content| &content.sha256)
    }

    /// Length of what it was when it was [`Self::hashed`], bytes.
    pub fn hashed_len(&self) -> Option<u64> {
        self.content.as_ref().map(|content| content.len)
    }

    /// Opens it and notes what it is now. Blocks on the disk.
    pub(crate) fn open(&self) -> Result<OpenSource, UploadError> {
        let place = match &self.kind {
            Kind::Bytes(bytes) => Place::Bytes(bytes.clone()),
            Kind::File(path) => {
                open_file(path).map_err(|reason| UploadError::File { path: path.clone(), reason })?
            }
        };
        let mut source = OpenSource { place, name: self.name.clone(), held: None, sha256: None, parts: None };
        if source.len() == 0 {
            return Err(UploadError::Empty { name: self.name.clone() });
        }
        if let Some(same) = self.content.as_ref().filter(|content| content.stamp == source.stamp()) {
            source.sha256 = Some(same.sha256);
            source.parts.clone_from(&same.parts);
        }
        Ok(source)
    }
}

/// What a source held when it was hashed.
#[derive(Clone, Debug)]
struct Content {
    sha256: Sha,
    /// Where it was hashed by parts.
    parts: Option<Arc<Hashes>>,
    len: u64,
    /// None: bytes in memory do not change.
    stamp: Option<Stamp>,
}

fn open_file(path: &Path) -> io::Result<Place> {
    // Checked before opening: to open a pipe would wait for its other end.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let file = File::open(path)?;
    let stamp = Stamp::of(&file.metadata()?);
    Ok(Place::File { file, path: path.to_owned(), stamp })
}

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) len: u64,
    /// ns since 1970; zero where the file system does not say.
    pub(crate) modified_at_ns: u64,
    /// Device and inode; zero where there are none.
    file: (u64, u64),
    /// When anything of it changed, also where the modification time was put back: seconds and ns.
    changed_at: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        let since_1970 = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let modified_at_ns = since_1970.and_then(|time| u64::try_from(time.as_nanos()).ok()).unwrap_or(0);
        let (file, changed_at) = file_and_change(metadata);
        Self { len: metadata.len(), modified_at_ns, file, changed_at }
    }
}

#[cfg(unix)]
fn file_and_change(metadata: &Metadata) -> ((u64, u64), (i64, i64)) {
    use std::os::unix::fs::MetadataExt;
    ((metadata.dev(), metadata.ino()), (metadata.ctime(), metadata.ctime_nsec()))
}

#[cfg(not(unix))]
fn file_and_change(_: &Metadata) -> ((u64, u64), (i64, i64)) {
    ((0, 0), (0, 0))
}

#[derive(Debug)]
enum Place {
    File { file: File, path: PathBuf, stamp: Stamp },
    Bytes(Bytes),
}

/// An opened source. Reads by position, so that many may read at once.
#[derive(Debug)]
pub(crate) struct OpenSource {
    place: Place,
    name: String,
    /// All of a file that was read as a whole.
    held: Option<Bytes>,
    /// Where it is known.
    sha256: Option<Sha>,
    /// Likewise of its parts.
    parts: Option<Arc<Hashes>>,
}

/// Reads and seeks, for the decoder.
pub(crate) trait SeekRead: io::BufRead + io::Seek + Send {}
impl<R: io::BufRead + io::Seek + Send> SeekRead for R {}

impl OpenSource {
    /// Bytes in memory that are known to be there, and their SHA-256 where it is known.
    pub(crate) fn of_bytes(name: &str, bytes: Bytes, sha256: Option<Sha>) -> Self {
        Self { place: Place::Bytes(bytes), name: name.to_owned(), held: None, sha256, parts: None }
    }

    /// Reads all of it, once, where it has at most `bytes_max`. From then on nothing is read from the disk. Blocks on it.
    pub(crate) fn hold(&mut self, bytes_max: u64) -> Result<(), UploadError> {
        if self.len() > bytes_max || self.whole().is_some() {
            return Ok(());
        }
        let mut bytes = vec![0; usize::try_from(self.len()).expect("what fits a message fits memory")];
        self.read_at(0, &mut bytes)?;
        self.held = Some(bytes.into());
        Ok(())
    }

    /// All of it, where that is in memory.
    pub(crate) fn whole(&self) -> Option<&Bytes> {
        match &self.place {
            Place::Bytes(bytes) => Some(bytes),
            Place::File { .. } => self.held.as_ref(),
        }
    }

    /// Its SHA-256, where that is known.
    pub(crate) fn sha256(&self) -> Option<Sha> {
        self.sha256
    }

    /// Takes note of its SHA-256.
    pub(crate) fn know(&mut self, sha256: Sha) {
        self.sha256.get_or_insert(sha256);
    }

    /// SHA-256 of the whole. Blocks on the disk.
    fn hash(&self, cancel: &CancellationToken) -> Result<Sha, UploadError> {
        match &self.place {
            Place::Bytes(bytes) => Ok(sha256(bytes)),
            Place::File { file, path, .. } => {
                let hashed = rewound(file).and_then(|()| sha256_of(file, || cancel.is_cancelled()));
                let hashed = hashed.map_err(|reason| UploadError::File { path: path.clone(), reason })?;
                hashed.ok_or(UploadError::Cancelled)
            }
        }
    }

    /// SHA-256 of the whole and of parts of so many bytes; `on_bytes` is told how many are hashed. What goes in one part has the
    /// hash of the whole. Blocks on the disk.
    pub(crate) fn hashes(
        &self,
        part_bytes: u64,
        cancel: &CancellationToken,
        on_bytes: impl Fn(u64),
    ) -> Result<Hashes, UploadError> {
        if let Some(known) = self.parts.as_ref().filter(|known| known.part_bytes == part_bytes) {
            return Ok(Hashes::clone(known));
        }
        if part_bytes >= self.len() {
            let whole = self.sha256.map_or_else(|| self.hash(cancel), Ok)?;
            return Ok(Hashes { whole, part_bytes, parts: vec![whole] });
        }
        if let Some(bytes) = self.whole() {
            let mut hashing = Hashing::new(part_bytes);
            hashing.update(bytes);
            return Ok(hashing.end());
        }
        let Place::File { file, path, .. } = &self.place else { unreachable!("bytes in memory are whole") };
        let file_error = |reason| UploadError::File { path: path.clone(), reason };
        rewound(file).map_err(file_error)?;
        let hashes = hashes_of(file, part_bytes, || cancel.is_cancelled(), on_bytes).map_err(file_error)?;
        hashes.ok_or(UploadError::Cancelled)
    }

    fn stamp(&self) -> Option<Stamp> {
        match &self.place {
            Place::File { stamp, .. } => Some(*stamp),
            Place::Bytes(_) => None,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Bytes.
    pub(crate) fn len(&self) -> u64 {
        match &self.place {
            Place::File { stamp, .. } => stamp.len,
            Place::Bytes(bytes) => bytes.len() as u64,
        }
    }

    /// ns since 1970; zero where unknown.
    pub(crate) fn modified_at_ns(&self) -> u64 {
        match &self.place {
            Place::File { stamp, .. } => stamp.modified_at_ns,
            Place::Bytes(_) => 0,
        }
    }

    /// Its own time is before 1970, which memories cannot have.
    pub(crate) fn is_older_than_1970(&self) -> bool {
        match &self.place {
            Place::File { file, .. } => {
                let modified = file.metadata().and_then(|metadata| metadata.modified());
                modified.is_ok_and(|time| time < UNIX_EPOCH)
            }
            Place::Bytes(_) => false,
        }
    }

    /// Fills `buffer` from `offset`. Blocks on the disk.
    pub(crate) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), UploadError> {
        if let Some(bytes) = self.whole() {
            let start = usize::try_from(offset).expect("an offset in memory fits usize");
            buffer.copy_from_slice(&bytes[start..start + buffer.len()]);
            return Ok(());
        }
        let Place::File { file, path, .. } = &self.place else { unreachable!("bytes in memory are whole") };
        read_exact_at(file, buffer, offset).map_err(|reason| match reason.kind() {
            io::ErrorKind::UnexpectedEof => UploadError::Changed { name: self.name.clone() },
            _ => UploadError::File { path: path.clone(), reason },
        })
    }

    /// A second, independent reader for the decoder. Blocks on the disk.
    pub(crate) fn reader(&self) -> Result<Box<dyn SeekRead>, UploadError> {
        match (&self.place, self.whole()) {
            (_, Some(bytes)) => Ok(Box::new(Cursor::new(bytes.clone()))),
            (Place::File { path, .. }, None) => {
                let file =
                    File::open(path).map_err(|reason| UploadError::File { path: path.clone(), reason })?;
                Ok(Box::new(BufReader::with_capacity(DECODE_BUFFER_BYTES, file)))
            }
            (Place::Bytes(_), None) => unreachable!("bytes in memory are whole"),
        }
    }

    /// Fails where the file is no longer what it was at opening. Where its content may be the same, as after a new name or
    /// another right, it is read once more and must have `sha256`, that of what was sent. Blocks on the disk.
    pub(crate) fn check_unchanged(&self, sha256: &Sha) -> Result<(), UploadError> {
        let Place::File { path, stamp, .. } = &self.place else { return Ok(()) };
        let file_error = |reason| UploadError::File { path: path.clone(), reason };
        let now = Stamp::of(&std::fs::metadata(path).map_err(file_error)?);
        let same = now == *stamp
            || (Stamp { changed_at: stamp.changed_at, ..now } == *stamp
                && sha256_of_file(path).map_err(file_error)? == *sha256);
        if same { Ok(()) } else { Err(UploadError::Changed { name: self.name.clone() }) }
    }
}

/// Reads in order begin at the start.
fn rewound(mut file: &File) -> io::Result<()> {
    file.rewind()
}

/// The decoder reads in pieces of this size, bytes.
const DECODE_BUFFER_BYTES: usize = 64 * 1024;

#[cfg(unix)]
fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !buffer.is_empty() {
        let count = file.seek_read(buffer, offset)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buffer = &mut buffer[count..];
        offset += count as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_source_is_refused_before_anything_is_sent() {
        let error = Source::bytes("a.txt", Bytes::new()).open().unwrap_err();
        assert!(matches!(error, UploadError::Empty { .. }), "{error}");
    }

    #[test]
    fn a_directory_is_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let error = Source::file(dir.path()).open().unwrap_err();
        assert!(error.to_string().contains("not a regular file"), "{error}");
    }

    #[test]
    fn a_file_that_grew_or_shrank_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.bin");
        std::fs::write(&path, [7; 100]).unwrap();
        let sha256 = sha256_of_file(&path).unwrap();
        let source = Source::file(&path).open().unwrap();
        source.check_unchanged(&sha256).unwrap();
        std::fs::write(&path, [7; 50]).unwrap();
        assert!(matches!(source.check_unchanged(&sha256), Err(UploadError::Changed { .. })));
        let mut buffer = [0; 100];
        assert!(matches!(source.read_at(0, &mut buffer), Err(UploadError::Changed { .. })));
    }

    /// As some programs do that change a file in place, or put another one in its place.
    #[cfg(unix)]
    #[test]
    fn other_bytes_under_the_same_length_and_time_are_noticed() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.bin");
        std::fs::write(&path, [7; 100]).unwrap();
        let (sha256, modified) =
            (sha256_of_file(&path).unwrap(), path.metadata().unwrap().modified().unwrap());
        let put_back =
            |path: &Path| File::options().write(true).open(path).unwrap().set_modified(modified).unwrap();
        let source = Source::file(&path).open().unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
        source.check_unchanged(&sha256).expect("another right is no other content");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, [8; 100]).unwrap();
        put_back(&path);
        assert!(matches!(source.check_unchanged(&sha256), Err(UploadError::Changed { .. })));

        let source = Source::file(&path).open().unwrap();
        let sha256 = sha256_of_file(&path).unwrap();
        let other = dir.path().join("b.bin");
        std::fs::write(&other, [8; 100]).unwrap();
        put_back(&other);
        std::fs::rename(&other, &path).unwrap();
        assert!(matches!(source.check_unchanged(&sha256), Err(UploadError::Changed { .. })), "another file");
    }

    #[test]
    fn reads_are_by_position() {
        let source = Source::bytes("a", (0..=255).collect::<Vec<u8>>()).open().unwrap();
        let mut buffer = [0; 3];
        source.read_at(253, &mut buffer).unwrap();
        assert_eq!(buffer, [253, 254, 255]);
    }
}
