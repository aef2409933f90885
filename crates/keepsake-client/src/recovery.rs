//! The recovery sheet: 24 words that a person keeps on paper, and the key that they make.
//!
//! Owns the derivation, one for all clients; `fixtures/client/recovery.json` has its cases. Keeps nothing: whoever recovers
//! joins a new key to the account by this one, and forgets it.

use crate::agent::BasicIdentity;
use crate::secret;
use crate::words::{WordsError, hidden, secret_of, words_of};
use hkdf::Hkdf;
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

const INFO: &[u8] = b"keepsake recovery key v1";
const ENTROPY_BYTES: usize = 32;

/// What is on a recovery sheet.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryWords(Zeroizing<[u8; ENTROPY_BYTES]>);

impl RecoveryWords {
    /// New ones, from the system's own randomness.
    pub fn random() -> Self {
        Self(secret::random())
    }

    /// Reads the 24 words that somebody typed from their sheet.
    ///
    /// # Errors
    /// [`WordsError`], which says what is wrong with them.
    pub fn parse(typed: &str) -> Result<Self, WordsError> {
        secret_of(typed).map(Self)
    }

    /// The 24 words, with a space between them.
    pub fn to_words(&self) -> Zeroizing<String> {
        words_of(self.0.as_slice())
    }

    /// The key that they make: Ed25519, of the seed HKDF-SHA256(their 32 bytes, no salt, `keepsake recovery key v1`).
    pub fn identity(&self) -> BasicIdentity {
        identity_of(self.0.as_slice(), None, INFO)
    }
}

/// The Ed25519 key whose seed is [HKDF-SHA256](https://www.rfc-editor.org/rfc/rfc5869) of the secret.
pub(crate) fn identity_of(secret: &[u8], salt: Option<&[u8]>, info: &[u8]) -> BasicIdentity {
    let mut seed = Zeroizing::new([0; 32]);
    let key = Hkdf::<Sha256>::new(salt, secret);
    key.expand(info, seed.as_mut_slice()).expect("32 bytes are not too many");
    BasicIdentity::from_raw_key(&seed)
}

impl fmt::Debug for RecoveryWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hidden(f, "RecoveryWords")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_sheet_is_another_one_each_time_and_is_not_printed() {
        let (one, two) = (RecoveryWords::random(), RecoveryWords::random());
        assert_ne!(one, two);
        assert_eq!(RecoveryWords::parse(&one.to_words()), Ok(one.clone()));
        assert_eq!(format!("{one:?}"), "RecoveryWords(secret)");
    }
}
