//! Names of files as text. Owns what becomes of a name that is no text.

use std::ffi::OsStr;
use std::fmt::Write;

/// A name or path as text. Bytes that are no UTF-8 stand there as `%FF`: two names stay two, and one can be found again.
pub fn text_of(name: impl AsRef<OsStr>) -> String {
    name.as_ref().as_encoded_bytes().utf8_chunks().fold(String::new(), |mut text, chunk| {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            write!(text, "%{byte:02X}").expect("writing to a string cannot fail");
        }
        text
    })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn names_that_are_no_text_stay_apart() {
        let of = |bytes: &[u8]| text_of(OsStr::from_bytes(bytes));
        assert_eq!(of("früh 100 %.jpg".as_bytes()), "früh 100 %.jpg");
        assert_eq!(of(b"bad\xff\xfename.jpg"), "bad%FF%FEname.jpg");
        assert_ne!(of(b"bad\xff.jpg"), of(b"bad\xfe.jpg"));
        assert_eq!(of(b""), "");
    }
}
