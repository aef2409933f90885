//! A secret of 16 bytes as text: 22 characters of base64 for addresses, without padding.
//!
//! Owns the form: one text for one secret. Where it stands is in [`crate::code`] and [`crate::link`].

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryRng;
use rand::rngs::SysRng;
use zeroize::Zeroizing;

pub(crate) const SECRET_BYTES: usize = 16;

/// New, from the system's own randomness.
pub(crate) fn random<const N: usize>() -> Zeroizing<[u8; N]> {
    let mut secret = Zeroizing::new([0; N]);
    SysRng.try_fill_bytes(secret.as_mut_slice()).expect("the system has randomness");
    secret
}

pub(crate) fn text_of(secret: &[u8; SECRET_BYTES]) -> Zeroizing<String> {
    Zeroizing::new(URL_SAFE_NO_PAD.encode(secret))
}

/// None for another length, other characters, or another spelling of the same bytes.
pub(crate) fn of_text(text: &str) -> Option<Zeroizing<[u8; SECRET_BYTES]>> {
    let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
    let secret = bytes.as_slice().try_into().ok()?;
    Some(Zeroizing::new(secret))
}
