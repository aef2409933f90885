//! A SHA-256 that can be put down and taken up again. Owns its stored form; the hash itself is crate `sha2`, and on the
//! canister `rolling/sha256.rs` for the long runs of whole blocks.
//!
//! ```text
//!  0  state, 8 × u32 LE    32  blocks hashed, u64 LE    40  bytes in the partial block u8    41  them, 63 bytes
//! ```
//! Source: FIPS 180-4; the form is that of `sha2` 0.11, held by a test vector below.

#[cfg(any(target_family = "wasm", test))]
mod sha256;

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use sha2::Sha256;
use sha2::digest::common::hazmat::{SerializableState, SerializedState};
use sha2::digest::{Digest, FixedOutput};

const STATE_BYTES: usize = 104;
#[cfg(any(target_family = "wasm", test))]
const BLOCKS_AT: usize = 32;
#[cfg(any(target_family = "wasm", test))]
const PARTIAL_AT: usize = 40;

/// The state of a hash over a prefix.
#[derive(Encode, Decode, Clone, Debug, PartialEq, Eq)]
#[cbor(transparent)]
pub struct Rolling(#[n(0)] ByteArray<STATE_BYTES>);

impl Rolling {
    /// The state before the first byte.
    pub fn new() -> Self {
        Self::put_down(&Sha256::new())
    }

    /// Takes `bytes`. O(bytes); a call by itself costs some thousand instructions on the canister.
    pub fn update(&mut self, bytes: &[u8]) {
        #[cfg(target_family = "wasm")]
        let bytes = self.take_groups(bytes);
        self.take(bytes);
    }

    fn take(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            let mut hash = self.take_up();
            hash.update(bytes);
            *self = Self::put_down(&hash);
        }
    }

    /// Takes all whole groups of blocks, and what comes before them. Gives back what is left, less than a group.
    #[cfg(any(target_family = "wasm", test))]
    fn take_groups<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let head = (sha256::BLOCK_BYTES - usize::from(self.0[PARTIAL_AT])) % sha256::BLOCK_BYTES;
        let Some((head, rest)) = bytes.split_at_checked(head) else { return bytes };
        let (groups, rest) = rest.split_at(rest.len() / sha256::GROUP_BYTES * sha256::GROUP_BYTES);
        if groups.is_empty() {
            return bytes;
        }
        self.take(head);
        self.compress(groups);
        rest
    }

    /// Does what `sha2` does between two blocks: other words, more blocks, nothing partial.
    #[cfg(any(target_family = "wasm", test))]
    fn compress(&mut self, groups: &[u8]) {
        let mut state: [u32; 8] = std::array::from_fn(|word| u32::from_le_bytes(self.field(word * 4)));
        sha256::compress(&mut state, groups);
        for (word, value) in state.iter().enumerate() {
            self.0[word * 4..][..4].copy_from_slice(&value.to_le_bytes());
        }
        let more = groups.len() / sha256::BLOCK_BYTES;
        let blocks = u64::from_le_bytes(self.field(BLOCKS_AT)) + more as u64;
        self.0[BLOCKS_AT..PARTIAL_AT].copy_from_slice(&blocks.to_le_bytes());
    }

    #[cfg(any(target_family = "wasm", test))]
    fn field<const N: usize>(&self, at: usize) -> [u8; N] {
        self.0[at..at + N].try_into().expect("the length is N")
    }

    /// The hash of what was taken so far; more can be taken after.
    pub fn digest(&self) -> [u8; 32] {
        self.take_up().finalize_fixed().into()
    }

    fn take_up(&self) -> Sha256 {
        let bytes: &[u8; STATE_BYTES] = &self.0;
        let state = SerializedState::<Sha256>::try_from(&bytes[..]).expect("the stored form has its length");
        Sha256::deserialize(&state).expect("the stored form was made by serialize")
    }

    fn put_down(hash: &Sha256) -> Self {
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
        rolling.update(&[7_u8; 65]);
        let bytes: [u8; STATE_BYTES] = *rolling.0;
        assert_eq!(bytes[32..40], 1_u64.to_le_bytes());
        assert_eq!((bytes[40], bytes[41], bytes[42]), (1, 7, 0));
        let fresh: [u8; STATE_BYTES] = *Rolling::new().0;
        assert_eq!(fresh[..4], 0x6a09_e667_u32.to_le_bytes());
    }

    /// As the canister hashes.
    fn update_by_groups(rolling: &mut Rolling, bytes: &[u8]) {
        let rest = rolling.take_groups(bytes);
        rolling.take(rest);
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }

    /// Vectors of NIST: FIPS 180-4's examples, and the long ones of the SHS validation.
    #[test]
    fn groups_of_blocks_meet_the_vectors_of_nist() {
        let million = vec![b'a'; 1_000_000];
        let two_blocks = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
        let vectors: [(&[u8], &str); 4] = [
            (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (two_blocks, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"),
            (&million, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
        ];
        for (bytes, expected) in vectors {
            let mut rolling = Rolling::new();
            update_by_groups(&mut rolling, bytes);
            assert_eq!(hex(&rolling.digest()), expected, "{} bytes", bytes.len());
        }
    }

    proptest! {
        #[test]
        fn groups_of_blocks_leave_what_sha2_leaves(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..1_500), 0..6)) {
            let (mut rolling, mut groups) = (Rolling::new(), Rolling::new());
            for part in &parts {
                rolling.take(part);
                update_by_groups(&mut groups, part);
                prop_assert_eq!(&groups, &rolling);
            }
        }

        #[test]
        fn cutting_does_not_change_the_hash(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..12)) {
            let mut rolling = Rolling::new();
            for part in &parts {
                rolling.update(part);
            }
            let whole: [u8; 32] = Sha256::digest(parts.concat()).into();
            prop_assert_eq!(rolling.digest(), whole);
        }
    }
}
