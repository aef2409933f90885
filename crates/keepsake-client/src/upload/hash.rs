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
