//! The node's two secrets: the BLS root key that certifies replies and the Ed25519 key that signs queries.
//!
//! Owns what is in their files (`root_key`, `node_key` in the data directory, 32 raw bytes, mode 0600) and their
//! public forms. Signs; decides nothing about what is signed.

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use candid::Principal;
use ic_certification::hash_tree::Hash;

use crate::data_dir::DataDir;

/// DER prefix of a BLS12-381 public key in G2, as the IC wraps it.
///
/// Source: [certification](https://internetcomputer.org/docs/references/ic-interface-spec#certification).
const BLS_DER_PREFIX: &[u8; 37] = b"\x30\x81\x82\x30\x1d\x06\x0d\x2b\x06\x01\x04\x01\x82\xdc\x7c\x05\x03\x01\x02\x01\x06\x0c\x2b\x06\x01\x04\x01\x82\xdc\x7c\x05\x03\x02\x01\x03\x61\x00";

/// Domain separator of a certificate's root hash.
const STATE_ROOT_SEPARATOR: &[u8; 14] = b"\x0Dic-state-root";

/// A secret of 32 bytes.
const SECRET_BYTES: usize = 32;

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Reading or writing failed.
    #[error("cannot read or write the key {}", path.display())]
    Io {
        /// The key's file.
        path: PathBuf,
        /// From the file system.
        source: std::io::Error,
    },
    /// Others may read it.
    #[error(
        "the key {} can be read by others (mode {mode:03o}): run `chmod 600 {}`, and if others may have seen it, \
         start with a fresh data directory", path.display(), path.display()
    )]
    Exposed {
        /// The key's file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not a key.
    #[error("the key {} is damaged: it must hold {SECRET_BYTES} bytes of a valid key; restore it from a backup", path.display())]
    Damaged {
        /// The key's file.
        path: PathBuf,
    },
    /// The operating system gives no randomness.
    #[error("the operating system gives no randomness to make keys from: {0}")]
    Randomness(getrandom::Error),
}

/// The BLS key whose public part clients know as the root key.
#[derive(Clone, Debug)]
pub struct RootKey {
    secret: ic_verify_bls_signature::PrivateKey,
    public_der: Vec<u8>,
}

impl RootKey {
    /// Reads `root_key` in `dir`, making it on the first start.
    ///
    /// # Errors
    /// [`KeyError`] when it cannot be read, is damaged or may be read by others.
    pub fn load_or_make(dir: &DataDir) -> Result<Self, KeyError> {
        let parse = |bytes: &[u8]| ic_verify_bls_signature::PrivateKey::deserialize(bytes).ok();
        let secret = load_or_make(dir, "root_key", parse)?;
        let public_der = [BLS_DER_PREFIX.as_slice(), &secret.public_key().serialize()].concat();
        Ok(Self { secret, public_der })
    }

    /// The public key in DER, 133 bytes: what `/api/v2/status` tells.
    pub fn public_der(&self) -> &[u8] {
        &self.public_der
    }

    /// The subnet's id: the self-authenticating principal of the public key, as of the IC's root subnet.
    pub fn subnet_id(&self) -> Principal {
        Principal::self_authenticating(&self.public_der)
    }

    /// Signs a state root: 48 bytes, about a millisecond.
    pub(crate) fn sign_state_root(&self, root: &Hash) -> Vec<u8> {
        let message = [STATE_ROOT_SEPARATOR.as_slice(), root].concat();
        self.secret.sign(&message).serialize().to_vec()
    }
}

/// The Ed25519 key that signs query replies.
#[derive(Clone)]
pub struct NodeKey {
    secret: ic_ed25519::PrivateKey,
    public_der: Vec<u8>,
    id: Principal,
}

impl std::fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeKey").field("id", &self.id.to_text()).finish_non_exhaustive()
    }
}

impl NodeKey {
    /// Reads `node_key` in `dir`, making it on the first start.
    ///
    /// # Errors
    /// As [`RootKey::load_or_make`].
    pub fn load_or_make(dir: &DataDir) -> Result<Self, KeyError> {
        let parse = |bytes: &[u8]| ic_ed25519::PrivateKey::deserialize_raw(bytes).ok();
        let secret = load_or_make(dir, "node_key", parse)?;
        let public_der = secret.public_key().serialize_rfc8410_der();
        let id = Principal::self_authenticating(&public_der);
        Ok(Self { secret, public_der, id })
    }

    /// The public key in DER, 44 bytes.
    pub fn public_der(&self) -> &[u8] {
        &self.public_der
    }

    /// The node's id: the self-authenticating principal of its key.
    pub fn id(&self) -> Principal {
        self.id
    }

    /// Signs `message`: 64 bytes.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.secret.sign_message(message).to_vec()
    }
}

fn load_or_make<K>(dir: &DataDir, name: &str, parse: impl Fn(&[u8]) -> Option<K>) -> Result<K, KeyError> {
    let path = dir.path().join(name);
    let io = |source| KeyError::Io { path: path.clone(), source };
    let secret = match std::fs::metadata(&path) {
        Ok(metadata) => {
            let mode = metadata.permissions().mode() & 0o777;
            if mode & 0o077 != 0 {
                return Err(KeyError::Exposed { path, mode });
            }
            std::fs::read(&path).map_err(io)?
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let drawn = draw(&parse)?;
            dir.secret(name, || drawn.to_vec()).map_err(io)?
        }
        Err(source) => return Err(io(source)),
    };
    parse(&secret).ok_or(KeyError::Damaged { path })
}

/// Draws bytes until they are a key: a BLS scalar is one in 45 of 100 draws.
fn draw<K>(parse: &impl Fn(&[u8]) -> Option<K>) -> Result<[u8; SECRET_BYTES], KeyError> {
    loop {
        let mut secret = [0_u8; SECRET_BYTES];
        getrandom::fill(&mut secret).map_err(KeyError::Randomness)?;
        if secret != [0; SECRET_BYTES] && parse(&secret).is_some() {
            return Ok(secret);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data_dir() -> (tempfile::TempDir, DataDir) {
        let parent = tempfile::tempdir().unwrap();
        let dir = DataDir::open(parent.path().join("data")).unwrap();
        (parent, dir)
    }

    #[test]
    fn keys_are_made_once_private_and_read_again() {
        let (_parent, dir) = data_dir();
        let (root, node) = (RootKey::load_or_make(&dir).unwrap(), NodeKey::load_or_make(&dir).unwrap());
        for name in ["root_key", "node_key"] {
            let metadata = std::fs::metadata(dir.path().join(name)).unwrap();
            assert_eq!((metadata.permissions().mode() & 0o777, metadata.len()), (0o600, 32));
        }
        assert_eq!(RootKey::load_or_make(&dir).unwrap().public_der(), root.public_der());
        assert_eq!(NodeKey::load_or_make(&dir).unwrap().id(), node.id());
        assert_eq!((root.public_der().len(), node.public_der().len()), (133, 44));
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let (_parent, dir) = data_dir();
        RootKey::load_or_make(&dir).unwrap();
        for mode in [0o640, 0o604, 0o644] {
            std::fs::set_permissions(dir.path().join("root_key"), PermissionsExt::from_mode(mode)).unwrap();
            let error = RootKey::load_or_make(&dir).unwrap_err();
            assert!(matches!(error, KeyError::Exposed { mode: found, .. } if found == mode), "{error}");
        }
    }

    #[test]
    fn a_damaged_key_is_refused_and_kept() {
        let (_parent, dir) = data_dir();
        for bytes in [&[0xff_u8; 32][..], &[1; 31], &[1; 33], &[]] {
            let path = dir.path().join("root_key");
            std::fs::write(&path, bytes).unwrap();
            std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
            let error = RootKey::load_or_make(&dir).unwrap_err();
            assert!(matches!(error, KeyError::Damaged { .. }), "{error}");
            assert_eq!(std::fs::read(dir.path().join("root_key")).unwrap(), bytes);
        }
    }

    #[test]
    fn a_state_root_signature_verifies_under_the_published_key() {
        let (_parent, dir) = data_dir();
        let root = RootKey::load_or_make(&dir).unwrap();
        let signature = root.sign_state_root(&[9; 32]);
        let message = [STATE_ROOT_SEPARATOR.as_slice(), &[9; 32]].concat();
        let public = &root.public_der()[BLS_DER_PREFIX.len()..];
        ic_verify_bls_signature::verify_bls_signature(&signature, &message, public).unwrap();
    }
}
