//! SHA-256 of uploads. Owns nothing but the spelling.

use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Read at once, bytes.
const BUFFER_BYTES: u64 = 1 << 20;

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

/// SHA-256 of what is still to be read of a file; none where `is_stopped` before the end. Blocks on the disk.
pub(crate) fn sha256_of(mut file: &File, is_stopped: impl Fn() -> bool) -> io::Result<Option<Sha>> {
    let bytes = file.metadata()?.len().clamp(1, BUFFER_BYTES);
    let mut buffer = vec![0; usize::try_from(bytes).expect("at most 1 MiB")];
    let mut hasher = Sha256::new();
    loop {
        match file.read(&mut buffer) {
            _ if is_stopped() => return Ok(None),
            Ok(0) => return Ok(Some(hasher.finalize().into())),
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
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
