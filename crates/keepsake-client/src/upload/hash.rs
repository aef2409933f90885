//! SHA-256 of uploads. Owns nothing but the spelling.

use sha2::{Digest, Sha256};
use std::fmt::Write;

/// A SHA-256.
pub(crate) type Sha = [u8; 32];

/// SHA-256 of bytes in memory.
pub(crate) fn sha256(bytes: &[u8]) -> Sha {
    Sha256::digest(bytes).into()
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}
