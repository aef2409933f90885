//! `Content-Digest`: the SHA-256 that a body is said to have. Owns the reading of the header.
//!
//! Source: [RFC 9530](https://www.rfc-editor.org/rfc/rfc9530) (section 2), [RFC 8941](https://www.rfc-editor.org/rfc/rfc8941)
//! (dictionaries of byte sequences). Digests of other kinds are passed over, as the RFC allows.

use axum::http::{HeaderMap, HeaderName};
use data_encoding::BASE64_NOPAD;

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");

/// It names a SHA-256 that is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// The SHA-256 that the headers name, if they do.
pub(super) fn sha256_of(headers: &HeaderMap) -> Result<Option<[u8; 32]>, Malformed> {
    let mut found = None;
    for line in headers.get_all(CONTENT_DIGEST) {
        for member in line.to_str().map_err(|_| Malformed)?.split(',') {
            if let Some(value) = member.trim().strip_prefix("sha-256=") {
                found = Some(bytes(value)?);
            } else if member.trim() == "sha-256" {
                return Err(Malformed);
            }
        }
    }
    Ok(found)
}

fn bytes(value: &str) -> Result<[u8; 32], Malformed> {
    let text = value.strip_prefix(':').and_then(|value| value.strip_suffix(':')).ok_or(Malformed)?;
    let bytes = BASE64_NOPAD.decode(text.trim_end_matches('=').as_bytes()).map_err(|_| Malformed)?;
    bytes.try_into().map_err(|_| Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Result<Option<[u8; 32]>, Malformed> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(CONTENT_DIGEST, line.parse().unwrap());
        }
        sha256_of(&headers)
    }

    /// The example of RFC 9530, appendix D.
    const HELLO: &str = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";

    #[test]
    fn a_sha256_is_found_among_others() {
        let hello = read(&[HELLO]).unwrap().unwrap();
        assert_eq!(hello[..4], [0x44, 0xaf, 0xf4, 0xab]);
        assert_eq!(read(&["sha-512=:AAAA:, ", HELLO]), Ok(Some(hello)));
        assert_eq!(read(&[&format!("md5=:AA==:,{HELLO}")]), Ok(Some(hello)));
        assert_eq!(
            read(&[&HELLO.replace("=:RK", "=:AA").replace("Dg=:", "Dg:")]).unwrap().unwrap()[2..],
            hello[2..]
        );
        assert_eq!(read(&["sha-512=:AAAA:"]), Ok(None));
        assert_eq!(read(&[]), Ok(None));
    }

    #[test]
    fn what_is_no_sha256_is_told() {
        for wrong in [
            "sha-256",
            "sha-256=",
            "sha-256=:",
            "sha-256=::",
            "sha-256=:AAAA:",
            "sha-256=RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=",
            "sha-256=:RK_0qy18MlBSVnWgjwz6lZEWjP_lF5HF9bvEF8FabDg=:",
            "sha-256=\"abc\"",
        ] {
            assert_eq!(read(&[wrong]), Err(Malformed), "{wrong}");
        }
    }
}
