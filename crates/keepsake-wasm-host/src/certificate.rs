//! Certificates of the canister's certified data, signed by a root key that belongs to tests.
//!
//! Owns the key and the form of the certificate. Decides nothing about when one is asked for.
//!
//! Source: [certification](https://internetcomputer.org/docs/references/ic-interface-spec#certification).

use candid::Principal;
use ic_certification::certificate::Certificate;
use ic_certification::hash_tree::{HashTree, fork, label, leaf};
use ic_verify_bls_signature::PrivateKey;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// DER prefix of a BLS12-381 public key in G2, as the IC wraps it.
const BLS_DER_PREFIX: &[u8; 37] = b"\x30\x81\x82\x30\x1d\x06\x0d\x2b\x06\x01\x04\x01\x82\xdc\x7c\x05\x03\x01\x02\x01\x06\x0c\x2b\x06\x01\x04\x01\x82\xdc\x7c\x05\x03\x02\x01\x03\x61\x00";

/// Domain separator of a certificate's root hash.
const STATE_ROOT_SEPARATOR: &[u8; 14] = b"\x0Dic-state-root";

/// The key that signs certificates.
#[derive(Clone, Debug)]
pub(crate) struct RootKey {
    secret: PrivateKey,
    public_der: Vec<u8>,
}

impl RootKey {
    /// The same seed gives the same key.
    pub(crate) fn from_seed(seed: u64) -> Self {
        let secret = (0_u8..=255)
            .find_map(|attempt| {
                let digest = Sha256::new_with_prefix(b"root key").chain_update(seed.to_be_bytes());
                let mut bytes: [u8; 32] = digest.chain_update([attempt]).finalize().into();
                // The group's order is a little below 2^255.
                bytes[0] &= 0x3f;
                PrivateKey::deserialize(&bytes).ok()
            })
            .expect("a number below the order is a key");
        let public_der = [BLS_DER_PREFIX.as_slice(), &secret.public_key().serialize()].concat();
        Self { secret, public_der }
    }

    pub(crate) fn public_der(&self) -> &[u8] {
        &self.public_der
    }

    /// Signs the root hash of a state tree: 48 bytes, about a millisecond.
    pub(crate) fn sign_state_root(&self, root: &[u8; 32]) -> Vec<u8> {
        let message = [STATE_ROOT_SEPARATOR.as_slice(), root].concat();
        self.secret.sign(&message).serialize().to_vec()
    }

    /// The certificate that `canister` has this certified data at this time, in CBOR with the self-describing tag.
    /// About a millisecond.
    pub(crate) fn certify(&self, canister: Principal, certified_data: &[u8], now_ns: u64) -> Vec<u8> {
        let mut time = Vec::with_capacity(10);
        leb128::write::unsigned(&mut time, now_ns).expect("writing to memory does not fail");
        let data = label("certified_data", leaf(certified_data));
        let tree: HashTree<Vec<u8>> =
            fork(label("canister", label(canister.as_slice(), data)), label("time", leaf(time)));
        let signature = self.sign_state_root(&tree.digest());
        let mut bytes = Vec::new();
        let mut serializer = serde_cbor::Serializer::new(&mut bytes);
        serializer.self_describe().expect("writing to memory does not fail");
        Certificate { tree, signature, delegation: None }
            .serialize(&mut serializer)
            .expect("a certificate is plain data");
        bytes
    }
}
