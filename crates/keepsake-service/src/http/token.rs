//! The text form of tokens and tickets: base64url without padding (RFC 4648, section 5). Owns nothing else.

use data_encoding::BASE64URL_NOPAD;

pub(crate) fn text(token: &[u8]) -> String {
    BASE64URL_NOPAD.encode(token)
}

pub(crate) fn bytes(text: &str) -> Option<Vec<u8>> {
    BASE64URL_NOPAD.decode(text.as_bytes()).ok()
}
