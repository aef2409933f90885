//! What is uploaded: a file on disk or bytes in memory, read chunk by chunk.
//!
//! Owns opening, positioned reads, and noticing that a file changed meanwhile. A file is never whole in memory.

use super::UploadError;
use super::hash::{Sha, sha256_of_file};
use bytes::Bytes;
use std::fs::{File, Metadata};
use std::io::{self, BufReader, Cursor};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// What to upload.
#[derive(Clone, Debug)]
pub struct Source {
    kind: Kind,
    name: String,
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
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        Self { kind: Kind::File(path), name }
    }

    /// Bytes in memory, under a file name.
    pub fn bytes(name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        Self { kind: Kind::Bytes(bytes.into()), name: name.into() }
    }

    /// The file name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Opens it and notes what it is now. Blocks on the disk.
    pub(crate) fn open(&self) -> Result<OpenSource, UploadError> {
        let content = match &self.kind {
            Kind::Bytes(bytes) => Content::Bytes(bytes.clone()),
            Kind::File(path) => {
                open_file(path).map_err(|reason| UploadError::File { path: path.clone(), reason })?
            }
        };
        let source = OpenSource { content, name: self.name.clone() };
        if source.len() == 0 {
            return Err(UploadError::Empty { name: self.name.clone() });
        }
        Ok(source)
    }
}

fn open_file(path: &Path) -> io::Result<Content> {
    // Checked before opening: to open a pipe would wait for its other end.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let file = File::open(path)?;
    let stamp = Stamp::of(&file.metadata()?);
    Ok(Content::File { file, path: path.to_owned(), stamp })
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
enum Content {
    File { file: File, path: PathBuf, stamp: Stamp },
    Bytes(Bytes),
}

/// An opened source. Reads by position, so that many may read at once.
#[derive(Debug)]
pub(crate) struct OpenSource {
    content: Content,
    name: String,
}

/// Reads and seeks, for the decoder.
pub(crate) trait SeekRead: io::BufRead + io::Seek + Send {}
impl<R: io::BufRead + io::Seek + Send> SeekRead for R {}

impl OpenSource {
    /// Bytes in memory that are known to be there.
    pub(crate) fn of_bytes(name: &str, bytes: Bytes) -> Self {
        Self { content: Content::Bytes(bytes), name: name.to_owned() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Bytes.
    pub(crate) fn len(&self) -> u64 {
        match &self.content {
            Content::File { stamp, .. } => stamp.len,
            Content::Bytes(bytes) => bytes.len() as u64,
        }
    }

    /// ns since 1970; zero where unknown.
    pub(crate) fn modified_at_ns(&self) -> u64 {
        match &self.content {
            Content::File { stamp, .. } => stamp.modified_at_ns,
            Content::Bytes(_) => 0,
        }
    }

    /// Its own time is before 1970, which memories cannot have.
    pub(crate) fn is_older_than_1970(&self) -> bool {
        match &self.content {
            Content::File { file, .. } => {
                let modified = file.metadata().and_then(|metadata| metadata.modified());
                modified.is_ok_and(|time| time < UNIX_EPOCH)
            }
            Content::Bytes(_) => false,
        }
    }

    /// Fills `buffer` from `offset`. Blocks on the disk.
    pub(crate) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), UploadError> {
        match &self.content {
            Content::Bytes(bytes) => {
                let start = usize::try_from(offset).expect("an offset in memory fits usize");
                buffer.copy_from_slice(&bytes[start..start + buffer.len()]);
                Ok(())
            }
            Content::File { file, path, .. } => {
                read_exact_at(file, buffer, offset).map_err(|reason| match reason.kind() {
                    io::ErrorKind::UnexpectedEof => UploadError::Changed { name: self.name.clone() },
                    _ => UploadError::File { path: path.clone(), reason },
                })
            }
        }
    }

    /// A second, independent reader for the decoder. Blocks on the disk.
    pub(crate) fn reader(&self) -> Result<Box<dyn SeekRead>, UploadError> {
        match &self.content {
            Content::Bytes(bytes) => Ok(Box::new(Cursor::new(bytes.clone()))),
            Content::File { path, .. } => {
                let file =
                    File::open(path).map_err(|reason| UploadError::File { path: path.clone(), reason })?;
                Ok(Box::new(BufReader::with_capacity(DECODE_BUFFER_BYTES, file)))
            }
        }
    }

    /// Fails where the file is no longer what it was at opening. Where its content may be the same, as after a new name or
    /// another right, it is read once more and must have `sha256`, that of what was sent. Blocks on the disk.
    pub(crate) fn check_unchanged(&self, sha256: &Sha) -> Result<(), UploadError> {
        let Content::File { path, stamp, .. } = &self.content else { return Ok(()) };
        let file_error = |reason| UploadError::File { path: path.clone(), reason };
        let now = Stamp::of(&std::fs::metadata(path).map_err(file_error)?);
        let same = now == *stamp
            || (Stamp { changed_at: stamp.changed_at, ..now } == *stamp
                && sha256_of_file(path).map_err(file_error)? == *sha256);
        if same { Ok(()) } else { Err(UploadError::Changed { name: self.name.clone() }) }
    }
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
