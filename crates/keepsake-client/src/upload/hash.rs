//! SHA-256 of uploads: the spelling, and how a file is read for it. Owns these.

use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc;
use std::thread;

/// Read at once, bytes.
const BUFFER_BYTES: u64 = 1 << 20;
/// One that is hashed, one that waits, one that is read into.
const BUFFERS: usize = 3;

/// A SHA-256.
pub(crate) type Sha = [u8; 32];

/// SHA-256 of bytes in memory.
pub(crate) fn sha256(bytes: &[u8]) -> Sha {
    Sha256::digest(bytes).into()
}

/// SHA-256 of a file, read piece by piece. Blocks on the disk.
pub(crate) fn sha256_of_file(path: &Path) -> io::Result<Sha> {
    Ok(sha256_of(&File::open(path)?, || false)?.expect("nothing stops it"))
}

/// SHA-256 of what is still to be read of a file; none where `is_stopped` before the end. What does not fit one buffer is read
/// by another thread meanwhile. Blocks on the disk.
pub(crate) fn sha256_of(file: &File, is_stopped: impl Fn() -> bool) -> io::Result<Option<Sha>> {
    let len = file.metadata()?.len();
    let mut hasher = Sha256::new();
    let mut take = |piece: &[u8]| {
        hasher.update(piece);
        !is_stopped()
    };
    let is_whole = if len < BUFFER_BYTES {
        let mut buffer = vec![0; usize::try_from(len + 1).expect("at most 1 MiB")];
        read_alone(file, &mut buffer, &mut take)?
    } else {
        read_ahead(file, &mut take)?
    };
    Ok(is_whole.then(|| hasher.finalize().into()))
}

/// SHA-256 of a whole, and of each of its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hashes {
    pub(crate) whole: Sha,
    /// Bytes of each part but the last.
    pub(crate) part_bytes: u64,
    pub(crate) parts: Vec<Sha>,
}

/// Hashes bytes that come one after the other, the whole and the parts beside it.
pub(crate) struct Hashing {
    whole: Sha256,
    part: Sha256,
    part_bytes: u64,
    /// Bytes of the part that is not full.
    within: u64,
    parts: Vec<Sha>,
}

impl Hashing {
    pub(crate) fn new(part_bytes: u64) -> Self {
        Self { whole: Sha256::new(), part: Sha256::new(), part_bytes, within: 0, parts: Vec::new() }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.whole.update(bytes);
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = usize::try_from(self.part_bytes - self.within).unwrap_or(usize::MAX);
            let (piece, behind) = rest.split_at(rest.len().min(room));
            self.part.update(piece);
            self.within += piece.len() as u64;
            rest = behind;
            if self.within == self.part_bytes {
                self.end_part();
            }
        }
    }

    fn end_part(&mut self) {
        self.parts.push(self.part.finalize_reset().into());
        self.within = 0;
    }

    pub(crate) fn end(mut self) -> Hashes {
        if self.within > 0 {
            self.end_part();
        }
        Hashes { whole: self.whole.finalize().into(), part_bytes: self.part_bytes, parts: self.parts }
    }
}

/// As [`sha256_of`], for the parts too; `on_bytes` is told how many are hashed. Blocks on the disk.
pub(crate) fn hashes_of(
    file: &File,
    part_bytes: u64,
    is_stopped: impl Fn() -> bool,
    on_bytes: impl Fn(u64),
) -> io::Result<Option<Hashes>> {
    let (mut hashing, mut bytes) = (Hashing::new(part_bytes), 0);
    let is_whole = read_ahead(file, &mut |piece| {
        hashing.update(piece);
        bytes += piece.len() as u64;
        on_bytes(bytes);
        !is_stopped()
    })?;
    Ok(is_whole.then(|| hashing.end()))
}

/// Gives all of a file to `take`; false where that says stop.
fn read_alone(file: &File, buffer: &mut [u8], take: &mut impl FnMut(&[u8]) -> bool) -> io::Result<bool> {
    loop {
        let count = read(file, buffer)?;
        if !take(&buffer[..count]) {
            return Ok(false);
        }
        if count == 0 {
            return Ok(true);
        }
    }
}

/// The same with a thread that reads the next piece while `take` looks at one.
fn read_ahead(file: &File, take: &mut impl FnMut(&[u8]) -> bool) -> io::Result<bool> {
    let (full, filled) = mpsc::sync_channel(1);
    let (spare, empty) = mpsc::channel();
    for _ in 0..BUFFERS {
        spare.send(vec![0; usize::try_from(BUFFER_BYTES).expect("1 MiB")]).expect("the receiver is here");
    }
    // Takes both ends along: the thread ends when they are dropped.
    thread::scope(move |scope| {
        scope.spawn(move || {
            for mut buffer in empty {
                let count = read(file, &mut buffer);
                let is_last = !matches!(count, Ok(1..));
                if full.send(count.map(|count| (buffer, count))).is_err() || is_last {
                    return;
                }
            }
        });
        loop {
            let (buffer, count) = filled.recv().expect("the thread sends until the end")?;
            if !take(&buffer[..count]) {
                return Ok(false);
            }
            if count == 0 {
                return Ok(true);
            }
            // Nobody wants it after the last piece.
            let _ = spare.send(buffer);
        }
    })
}

/// Bytes into `buffer`, 0 at the end of the file.
fn read(mut file: &File, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match file.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::io::Write as _;

    #[test]
    fn a_whole_and_its_parts_are_hashed_in_one_pass() {
        let bytes: Vec<u8> =
            (0..3 * BUFFER_BYTES + 5).map(|at| at.to_le_bytes()[0] ^ at.to_le_bytes()[2]).collect();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&bytes).unwrap();
        for part_bytes in [1_000_000, BUFFER_BYTES, BUFFER_BYTES + 1, 3 * BUFFER_BYTES + 5, 1 << 40] {
            let open = File::open(file.path()).unwrap();
            let told = Cell::new(0);
            let hashes = hashes_of(&open, part_bytes, || false, |bytes| told.set(bytes)).unwrap().unwrap();
            let part = usize::try_from(part_bytes).unwrap();
            let parts: Vec<_> = bytes.chunks(part).map(sha256).collect();
            assert_eq!(hashes, Hashes { whole: sha256(&bytes), part_bytes, parts }, "{part_bytes}");
            assert_eq!(told.get(), bytes.len() as u64);
        }
        assert_eq!(hashes_of(&File::open(file.path()).unwrap(), 1_000, || true, |_| ()).unwrap(), None);
    }

    #[test]
    fn files_of_all_lengths_are_hashed_whole_and_a_stop_ends_it() {
        for len in [0, 1, BUFFER_BYTES - 1, BUFFER_BYTES, BUFFER_BYTES + 1, 5 * BUFFER_BYTES + 7] {
            let bytes: Vec<u8> = (0..len).map(|at| at.to_le_bytes()[0] ^ at.to_le_bytes()[2]).collect();
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(&bytes).unwrap();
            let open = || File::open(file.path()).unwrap();
            assert_eq!(sha256_of(&open(), || false).unwrap(), Some(sha256(&bytes)), "{len} bytes");
            assert_eq!(sha256_of(&open(), || true).unwrap(), None, "{len} bytes");
            let pieces = Cell::new(0);
            let stopped = sha256_of(&open(), || pieces.replace(pieces.get() + 1) == 1);
            assert_eq!(stopped.unwrap().is_none(), len > 0, "{len} bytes");
        }
    }
}
