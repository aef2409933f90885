//! Idempotency keys of uploads: the same upload finds its own sessions again after a crash.
//!
//! Owns the derivation and nothing else, as all clients have it: `fixtures/client/keys.json` has its cases. By name, size, time and
//! a sample of the content, never by a path: a folder may be moved between two runs. Keys hold digests only. Each part is
//! hashed with its length before it, so that no two lists of parts give the same key.

use super::hash::{hex, sha256};
use keepsake_api::AssetType;
use sha2::{Digest, Sha256};

/// Changes when the derivation changes, so that old sessions are not mixed with new ones.
const VERSION: &str = "ks1";

/// What an upload is known by. Built once, then asked for the key of each session.
#[derive(Clone, Debug)]
pub(crate) struct UploadKey([u8; 32]);

/// What a file is told from others by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity<'a> {
    /// The file name, or the caller's own key.
    pub(crate) name: &'a str,
    /// SHA-256 of the sample; empty with a key of the caller's own.
    pub(crate) sample: &'a [u8],
    /// Bytes.
    pub(crate) len: u64,
    /// ms since 1970; 0 where unknown.
    pub(crate) modified_at_ms: u64,
    /// Another cut makes other chunks; of parts likewise.
    pub(crate) chunk_bytes: u64,
}

impl UploadKey {
    pub(crate) fn new(file: &Identity<'_>) -> Self {
        let numbers = [file.len, file.modified_at_ms, file.chunk_bytes].map(u64::to_le_bytes);
        let [len, modified, chunk] = &numbers;
        Self(digest(&[file.name.as_bytes(), file.sample, len, modified, chunk]))
    }

    /// The key of the session of an asset. For a derived asset `content` is its SHA-256: another
    /// encoder makes other bytes, and those need another session.
    pub(crate) fn session(&self, kind: AssetType, content: Option<&[u8; 32]>) -> String {
        let kind = format!("{kind:?}").to_ascii_lowercase();
        let content = content.map_or(&[][..], |hash| &hash[..]);
        format!("{VERSION}-{kind}-{}", hex(&digest(&[&self.0, kind.as_bytes(), content])))
    }

    /// The key of the publish of these sessions: new sessions make a new memory, and so does another number that is `drawn`.
    pub(crate) fn publish(
        &self,
        request_digest: &[u8; 32],
        session_ids: &[u64],
        drawn: Option<&[u8; 16]>,
    ) -> String {
        let ids: Vec<u8> = session_ids.iter().flat_map(|id| id.to_le_bytes()).collect();
        let drawn = drawn.map_or(&[][..], |drawn| &drawn[..]);
        format!("{VERSION}-publish-{}", hex(&digest(&[&self.0, request_digest, &ids, drawn])))
    }
}

fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// The digest of a publish request without its key, from its Candid bytes.
pub(crate) fn request_digest(candid: &[u8]) -> [u8; 32] {
    sha256(candid)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: Identity<'_> = Identity {
        name: "photos of a.jpg",
        sample: &[7; 32],
        len: 5_000_000,
        modified_at_ms: 1_700_000_000_000,
        chunk_bytes: 1_800_000,
    };

    fn key() -> UploadKey {
        UploadKey::new(&FILE)
    }

    #[test]
    fn the_same_file_gives_the_same_keys() {
        assert_eq!(key().session(AssetType::Original, None), key().session(AssetType::Original, None));
        assert_eq!(key().publish(&[1; 32], &[1, 2], None), key().publish(&[1; 32], &[1, 2], None));
    }

    #[test]
    fn every_part_changes_the_key() {
        let session = |key: UploadKey| key.session(AssetType::Original, None);
        let all = [
            session(key()),
            session(UploadKey::new(&Identity { name: "b.jpg", ..FILE })),
            session(UploadKey::new(&Identity { sample: &[8; 32], ..FILE })),
            session(UploadKey::new(&Identity { len: 5_000_001, ..FILE })),
            session(UploadKey::new(&Identity { modified_at_ms: 1_700_000_000_001, ..FILE })),
            session(UploadKey::new(&Identity { chunk_bytes: 1_000_000, ..FILE })),
            key().session(AssetType::Display, Some(&[1; 32])),
            key().session(AssetType::Display, Some(&[2; 32])),
            key().session(AssetType::Thumbnail, Some(&[1; 32])),
            key().publish(&[0; 32], &[1, 2], None),
            key().publish(&[1; 32], &[1, 2], None),
            key().publish(&[0; 32], &[1, 3], None),
            key().publish(&[0; 32], &[1, 2], Some(&[1; 16])),
            key().publish(&[0; 32], &[1, 2], Some(&[2; 16])),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len(), "{all:#?}");
    }

    #[test]
    fn keys_fit_the_limit_and_show_no_path() {
        for key in [key().session(AssetType::Placeholder, None), key().publish(&[0; 32], &[u64::MAX], None)] {
            assert!(key.len() <= 256 && !key.contains("photos"), "{key}");
        }
    }
}
