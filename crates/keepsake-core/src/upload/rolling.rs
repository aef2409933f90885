//! A SHA-256 that can be put down and taken up again. Owns its stored form; the hash itself is crate `sha2`.
//!
//! ```text
//!  0  state, 8 × u32 LE    32  blocks hashed, u64 LE    40  bytes in the partial block u8    41  them, 63 bytes
//! ```
//! Source: FIPS 180-4; the form is that of `sha2` 0.11, held by a test vector below.

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use sha2::Sha256;
use sha2::digest::common::hazmat::{SerializableState, SerializedState};
use sha2::digest::{Digest, FixedOutput};

const STATE_BYTES: usize = 104;

/// The state of a hash over a prefix.
#[derive(Encode, Decode, Clone, Debug, PartialEq, Eq)]
#[cbor(transparent)]
pub struct Rolling(#[n(0)] ByteArray<STATE_BYTES>);

impl Rolling {
    /// The state before the first byte.
    pub fn new() -> Self {
        Self::put_down(&Sha256::new())
    }

    /// Takes `parts`, one after the other.
    pub fn update<'a>(&mut self, parts: impl IntoIterator<Item = &'a [u8]>) {
        let mut hash = self.take_up();
        for part in parts {
            hash.update(part);
        }
        *self = Self::put_down(&hash);
    }

    /// The hash of what was taken so far; more can be taken after.
    pub fn digest(&self) -> [u8; 32] {
        self.take_up().finalize_fixed().into()
    }

    pub(super) fn take_up(&self) -> Sha256 {
        let bytes: &[u8; STATE_BYTES] = &self.0;
        let state = SerializedState::<Sha256>::try_from(&bytes[..]).expect("the stored form has its length");
        Sha256::deserialize(&state).expect("the stored form was made by serialize")
    }

    pub(super) fn put_down(hash: &Sha256) -> Self {
        let mut bytes = [0; STATE_BYTES];
        bytes.copy_from_slice(&hash.serialize());
        Self(bytes.into())
    }
}

impl Default for Rolling {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_stored_form_is_the_documented_one() {
        let mut rolling = Rolling::new();
        rolling.update([&[7_u8; 65][..]]);
        let bytes: [u8; STATE_BYTES] = *rolling.0;
        assert_eq!(bytes[32..40], 1_u64.to_le_bytes());
        assert_eq!((bytes[40], bytes[41], bytes[42]), (1, 7, 0));
        let fresh: [u8; STATE_BYTES] = *Rolling::new().0;
        assert_eq!(fresh[..4], 0x6a09_e667_u32.to_le_bytes());
    }

    proptest! {
        #[test]
        fn cutting_does_not_change_the_hash(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..12)) {
            let mut rolling = Rolling::new();
            for part in &parts {
                rolling.update([part.as_slice()]);
            }
            let whole: [u8; 32] = Sha256::digest(parts.concat()).into();
            prop_assert_eq!(rolling.digest(), whole);
        }
    }
}
