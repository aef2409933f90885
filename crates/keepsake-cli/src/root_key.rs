//! The root key that a user gives by `--root-key`. Owns its forms: hexadecimal, or a file with that or with the bytes.

use crate::failure::{Exit, Failure};
use anyhow::Result;
use std::path::Path;

/// DER before the 96 bytes of a BLS12-381 key.
///
/// Source: [certification](https://internetcomputer.org/docs/references/ic-interface-spec#certification-encoding).
const DER_PREFIX: [u8; 37] = [
    0x30, 0x81, 0x82, 0x30, 0x1d, 0x06, 0x0d, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0xdc, 0x7c, 0x05, 0x03,
    0x01, 0x02, 0x01, 0x06, 0x0c, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0xdc, 0x7c, 0x05, 0x03, 0x02, 0x01,
    0x03, 0x61, 0x00,
];
const DER_BYTES: usize = DER_PREFIX.len() + 96;

/// The key in `given`: text in hexadecimal, or the name of a file.
pub(crate) fn read(given: &str) -> Result<Vec<u8>> {
    let key = if let Some(key) = of_hex(given) {
        key
    } else {
        let bytes = std::fs::read(Path::new(given)).map_err(|error| refused(given, &error.to_string()))?;
        std::str::from_utf8(&bytes).ok().and_then(of_hex).unwrap_or(bytes)
    };
    if key.len() == DER_BYTES && key.starts_with(&DER_PREFIX) {
        return Ok(key);
    }
    Err(refused(given, "it is no BLS12-381 key in DER").into())
}

fn refused(given: &str, why: &str) -> Failure {
    let advice =
        "`keepsake serve --json` prints a node's key; give its 266 digits, or a file that holds them";
    Failure::new(Exit::Usage, format!("--root-key {given} cannot be used ({why}): {advice}"))
}

fn of_hex(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    if text.is_empty() || !text.len().is_multiple_of(2) || !text.bytes().all(|c| c.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use keepsake_client::upload::hex;

    #[test]
    fn a_key_is_taken_as_digits_or_from_a_file_of_digits_or_bytes() {
        let key = [&DER_PREFIX[..], &[7; 96]].concat();
        assert_eq!(read(&hex(&key)).unwrap(), key);
        assert_eq!(read(&format!(" {}\n", hex(&key).to_uppercase())).unwrap(), key);
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key");
        for content in [key.clone(), format!("{}\n", hex(&key)).into_bytes()] {
            std::fs::write(&file, content).unwrap();
            assert_eq!(read(file.to_str().unwrap()).unwrap(), key);
        }
    }

    #[test]
    fn what_is_no_root_key_is_refused_with_advice() {
        let key = [&DER_PREFIX[..], &[7; 96]].concat();
        for wrong in ["", "no-such-file", "00ff", &hex(&key[..132]), &hex(&[7; 133])] {
            let error = read(wrong).unwrap_err();
            assert_eq!(crate::failure::exit_of(&error), Exit::Usage, "{wrong}");
            assert!(error.to_string().contains("keepsake serve --json"), "{error}");
        }
    }
}
