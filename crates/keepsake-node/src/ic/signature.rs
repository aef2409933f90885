//! Verifying one signature by one DER-encoded public key.
//!
//! Owns the kinds of keys the IC takes from users. Knows no envelope and no delegation.
//!
//! Source: [signatures](https://internetcomputer.org/docs/references/ic-interface-spec#signatures).

use super::error::SignatureError;
use super::webauthn;

/// DER of the algorithm identifiers, right after the outer SEQUENCE header.
mod algorithm {
    pub(super) const ED25519: &[u8] = b"\x30\x05\x06\x03\x2b\x65\x70";
    pub(super) const SECP256K1: &[u8] =
        b"\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x0a";
    pub(super) const SECP256R1: &[u8] =
        b"\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
    pub(super) const COSE: &[u8] = b"\x30\x0c\x06\x0a\x2b\x06\x01\x04\x01\x83\xb8\x43\x01\x01";
    pub(super) const CANISTER: &[u8] = b"\x30\x0c\x06\x0a\x2b\x06\x01\x04\x01\x83\xb8\x43\x01\x02";
}

/// Checks that `signature` over `message` was made by the key in `public_key_der`.
///
/// # Errors
/// [`SignatureError`] when it was not, or when the key is of no supported kind.
pub(crate) fn verify(public_key_der: &[u8], message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
    let info = subject_public_key_info(public_key_der).ok_or(SignatureError::UnsupportedKey)?;
    if info.starts_with(algorithm::ED25519) {
        let key = ic_ed25519::PublicKey::deserialize_rfc8410_der(public_key_der).map_err(bad_key)?;
        key.verify_signature(message, signature).map_err(|_| SignatureError::Mismatch("Ed25519"))
    } else if info.starts_with(algorithm::SECP256K1) {
        let key = ic_secp256k1::PublicKey::deserialize_der(public_key_der).map_err(bad_key)?;
        // Both values of s: a request is known by its content, so a second signature of it changes nothing.
        let ok = key.verify_ecdsa_signature_with_malleability(message, signature);
        ok.then_some(()).ok_or(SignatureError::Mismatch("ECDSA secp256k1"))
    } else if info.starts_with(algorithm::SECP256R1) {
        let key = ic_secp256r1::PublicKey::deserialize_der(public_key_der).map_err(bad_key)?;
        key.verify_signature(message, signature).then_some(()).ok_or(SignatureError::Mismatch("ECDSA P-256"))
    } else if let Some(bits) = info.strip_prefix(algorithm::COSE) {
        webauthn::verify(bit_string(bits)?, message, signature)
    } else if info.starts_with(algorithm::CANISTER) {
        Err(SignatureError::CanisterSignature)
    } else {
        Err(SignatureError::UnsupportedKey)
    }
}

fn bad_key(error: impl std::fmt::Debug) -> SignatureError {
    SignatureError::BadKey(format!("{error:?}"))
}

/// What is inside the outer SEQUENCE, if the bytes are exactly one.
fn subject_public_key_info(der: &[u8]) -> Option<&[u8]> {
    der_contents(der, 0x30)
}

/// The bytes of a BIT STRING without unused bits.
fn bit_string(der: &[u8]) -> Result<&[u8], SignatureError> {
    let contents = der_contents(der, 0x03).and_then(|bits| bits.strip_prefix(&[0]));
    contents.ok_or_else(|| SignatureError::BadKey("the BIT STRING of the key is malformed".into()))
}

/// The contents of the one DER value with `tag` that `der` is. Lengths up to 65535.
fn der_contents(der: &[u8], tag: u8) -> Option<&[u8]> {
    let (len, contents) = match der.strip_prefix(&[tag])? {
        [len @ 0..=0x7f, rest @ ..] | [0x81, len, rest @ ..] => (usize::from(*len), rest),
        [0x82, high, low, rest @ ..] => (usize::from(u16::from_be_bytes([*high, *low])), rest),
        _ => return None,
    };
    (contents.len() == len).then_some(contents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_key_verifies_its_own_signature_and_no_other() {
        let ed25519 = ic_ed25519::PrivateKey::deserialize_raw(&[7; 32]).unwrap();
        let k1 = ic_secp256k1::PrivateKey::deserialize_sec1(&[7; 32]).unwrap();
        let r1 = ic_secp256r1::PrivateKey::deserialize_sec1(&[7; 32]).unwrap();
        let signed = [
            (ed25519.public_key().serialize_rfc8410_der(), ed25519.sign_message(b"message").to_vec()),
            (k1.public_key().serialize_der(), k1.sign_message_with_ecdsa(b"message").to_vec()),
            (r1.public_key().serialize_der(), r1.sign_message(b"message").to_vec()),
        ];
        for (at, (key, signature)) in signed.iter().enumerate() {
            assert_eq!(verify(key, b"message", signature), Ok(()));
            assert!(matches!(verify(key, b"other", signature), Err(SignatureError::Mismatch(_))));
            assert!(verify(key, b"message", &signed[(at + 1) % 3].1).is_err());
            for len in [0, 1, 63] {
                assert!(verify(key, b"message", &signature[..len]).is_err());
            }
            for len in 0..key.len() {
                assert!(verify(&key[..len], b"message", signature).is_err());
            }
        }
    }

    #[test]
    fn unknown_and_canister_keys_are_named_as_such() {
        assert_eq!(verify(b"\x30\x03\x02\x01\x00", b"", b""), Err(SignatureError::UnsupportedKey));
        assert_eq!(verify(b"garbage", b"", b""), Err(SignatureError::UnsupportedKey));
        let mut canister = vec![0x30, 0x14];
        canister.extend_from_slice(algorithm::CANISTER);
        canister.extend_from_slice(b"\x03\x04\x00\x01\x01\x00");
        assert_eq!(verify(&canister, b"", b""), Err(SignatureError::CanisterSignature));
    }
}
