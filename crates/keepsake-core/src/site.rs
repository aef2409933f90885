//! The site: the files of a web app that a host shows to browsers, by their paths. Owns their list and their blobs; how
//! they are answered and certified, the service says.
//!
//! ```text
//! map 22   key: 0 u8      value: SiteRecord (one row: the site changes as a whole)
//! ```
//! A controller uploads the files as blobs, then sets the site. From then on the blobs are the site's: they belong to no
//! capsule, so that nobody's quota pays for them and no capsule takes them along. What is not in the next site is freed.

use crate::access::Denied;
use crate::call::Call;
use crate::certified::Digest;
use crate::ids::{BlobId, CapsuleId};
use crate::layout::{Map, Part, part};
use crate::limits::{RESPONSE_BYTES_MAX, SITE_FILES_MAX, SITE_PATH_BYTES_MAX, TAG_BYTES_MAX};
use crate::record::Record;
use crate::refusal::{Refusal, RefusalKind};
use crate::room::Exhausted;
use crate::store::Store;
use crate::tables::capsules::ItemKind;
use ic_stable_structures::Memory;
use ic_stable_structures::memory_manager::MemoryManager;
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;

/// The site's files have no capsule: numbers of capsules begin at 1.
pub(crate) const NO_CAPSULE: u64 = 0;
/// First parts of paths that are something else on some host.
const RESERVED: [&str; 3] = ["api", "asset", "health"];

/// All files.
#[derive(Encode, Decode, Clone, Debug, Default, PartialEq, Eq)]
pub struct SiteRecord {
    /// By path, each once.
    #[n(0)]
    pub files: Vec<SiteFile>,
    /// When it was set, ns.
    #[n(1)]
    pub set_ns: u64,
}

/// One file.
#[derive(Encode, Decode, Clone, Debug, PartialEq, Eq)]
pub struct SiteFile {
    /// Below the root, as `index.html` or `assets/main.js`.
    #[n(0)]
    pub path: String,
    /// Its bytes.
    #[n(1)]
    pub blob: u64,
    /// Bytes.
    #[n(2)]
    pub len: u64,
    /// SHA-256 of them.
    #[n(3)]
    pub sha256: ByteArray<32>,
    /// As it is to be sent.
    #[n(4)]
    pub mime_type: String,
    /// Digest of what is certified of it, below the end of its path.
    #[n(5)]
    pub certified: ByteArray<32>,
}

/// A file of the site to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSiteFile {
    /// Below the root.
    pub path: String,
    /// A blob of the caller's that no memory refers to, or one of the present site.
    pub blob: BlobId,
    /// As it is to be sent.
    pub mime_type: String,
}

/// Why the site is not set. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SiteError {
    /// Not a controller, or no such blob.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Too many files.
    #[error("too_many_items: files has {0}, allowed {SITE_FILES_MAX}")]
    Files(usize),
    /// Not a path below the root, or one that the host needs for something else.
    #[error(
        "site_path_malformed: {0:?}; parts of letters, digits and -._~@+ between slashes, up to \
         {SITE_PATH_BYTES_MAX} bytes, the first none of api, asset, health"
    )]
    Path(String),
    /// Two files have one path.
    #[error("site_path_repeated: {0}")]
    Repeated(String),
    /// A MIME type that is too long.
    #[error("text_too_long: mime_type has {0} bytes, allowed {TAG_BYTES_MAX}")]
    MimeType(usize),
    /// One answer does not hold the file.
    #[error("site_file_too_large: {path} has {len} > {RESPONSE_BYTES_MAX}")]
    TooLarge {
        /// The file's.
        path: String,
        /// Bytes.
        len: u64,
    },
    /// There is no room: the data say of what.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// A memory refers to the blob.
    #[error("blob_referenced: a memory refers to {0}; upload the file again for the site")]
    Referenced(BlobId),
    /// Its bytes are in the bucket, or on their way there.
    #[error("blob_not_movable: {0} is in the bucket, and a site's files are here; upload it in chunks")]
    Elsewhere(BlobId),
}

impl Refusal for SiteError {
    fn kind(&self) -> RefusalKind {
        match self {
            Self::Denied(denied) => denied.kind(),
            Self::Exhausted(exhausted) => exhausted.kind(),
            Self::Referenced(_) | Self::Elsewhere(_) => RefusalKind::Conflict,
            _ => RefusalKind::InvalidArgument,
        }
    }
}

/// The table of the site: its one record.
pub(crate) struct Site<R: Memory>(Map<u8, Record<SiteRecord>, R>);

impl<R: Memory> Site<R> {
    pub(crate) fn open(manager: &MemoryManager<R>) -> Self {
        Self(Map::open(part(manager, Part::Site)))
    }

    /// What is broken in the trees below, in words. O(pages).
    pub(crate) fn check_trees(&self, wrong: &mut Vec<String>) {
        self.0.check_tree("the site", wrong);
    }

    fn get(&self) -> SiteRecord {
        self.0.get(&0).map_or_else(SiteRecord::default, |record| record.0)
    }

    /// Bytes of the pages that it takes.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.bytes()
    }

    fn put(&mut self, record: &SiteRecord) {
        self.0.put(&0, record);
    }
}

impl<R: Memory, H: Memory> Store<R, H> {
    /// The files of the site. O(files).
    pub fn site(&self) -> SiteRecord {
        self.site.get()
    }

    /// Puts these files in place of all that there are. `seal` says what is certified of each, and gives back the digests of
    /// all that the certified tree has before and after the assets. Controllers. O(files).
    ///
    /// # Errors
    /// [`SiteError`].
    pub fn site_set(
        &mut self,
        call: &Call,
        mut files: Vec<NewSiteFile>,
        seal: impl FnOnce(&mut [SiteFile]) -> [Digest; 2],
    ) -> Result<(), SiteError> {
        if !self.is_controller(&call.caller) {
            return Err(Denied::Unauthorized.into());
        }
        check_names(&files)?;
        files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        if let Some(pair) = files.windows(2).find(|pair| pair[0].path == pair[1].path) {
            return Err(SiteError::Repeated(pair[0].path.clone()));
        }
        let mut files = files.iter().map(|file| self.site_file(call, file)).collect::<Result<Vec<_>, _>>()?;
        self.require_record_room(0)?;
        let beside_assets = seal(&mut files);
        let before = self.site();
        self.exchange(call, &before.files, &files);
        self.site.put(&SiteRecord { files, set_ns: call.now_ns });
        self.header.set_beside_assets(&beside_assets);
        self.certified.root_changed();
        Ok(())
    }

    /// From now on answers have this form, by the service's number for it. Where they had another one, `seal` says anew what
    /// is certified of each file, as for [`Self::site_set`], and all memories are looked at again. O(files) then, else O(1).
    pub fn certify_in_form(&mut self, form: u64, seal: impl FnOnce(&mut [SiteFile]) -> [Digest; 2]) {
        if self.certified.form() == form {
            return;
        }
        if self.beside_assets().is_some() {
            let mut site = self.site();
            let beside_assets = seal(&mut site.files);
            self.site.put(&site);
            self.header.set_beside_assets(&beside_assets);
            self.certified.root_changed();
        }
        if self.memory_count() > 0 {
            self.certified.look_at_all_again();
        }
        self.certified.set_form(form);
    }

    /// Digests of what the certified tree has before and after the assets, zeros where there is nothing; none while no
    /// site was ever set. O(1).
    pub fn beside_assets(&self) -> Option<[Digest; 2]> {
        Some(self.header.beside_assets()).filter(|digests| *digests != [[0; 32]; 2])
    }

    fn site_file(&self, call: &Call, file: &NewSiteFile) -> Result<SiteFile, SiteError> {
        let blob = self.blobs.get(file.blob).ok_or(Denied::NotFound)?;
        if blob.capsule != NO_CAPSULE {
            if blob.creator != call.caller {
                return Err(Denied::NotFound.into());
            }
            if blob.references > 0 {
                return Err(SiteError::Referenced(file.blob));
            }
            if blob.object.is_some() {
                return Err(SiteError::Elsewhere(file.blob));
            }
        }
        if blob.len > RESPONSE_BYTES_MAX.into() {
            return Err(SiteError::TooLarge { path: file.path.clone(), len: blob.len });
        }
        Ok(SiteFile {
            path: file.path.clone(),
            blob: file.blob.0,
            len: blob.len,
            sha256: blob.sha256,
            mime_type: file.mime_type.clone(),
            certified: [0; 32].into(),
        })
    }

    /// Takes the blobs of `after` over, and frees those of `before` that are not among them.
    fn exchange(&mut self, call: &Call, before: &[SiteFile], after: &[SiteFile]) {
        let mut references: BTreeMap<u64, u32> = before.iter().map(|file| (file.blob, 0)).collect();
        for file in after {
            *references.entry(file.blob).or_default() += 1;
        }
        for (id, references) in references {
            let id = BlobId(id);
            let mut blob = self.blobs.get(id).expect("a blob of the site is there");
            if references == 0 {
                self.forget_blob(call, id, &blob);
                continue;
            }
            if blob.capsule != NO_CAPSULE {
                let capsule = CapsuleId(blob.capsule);
                self.remove_blob_due(id, &blob);
                self.capsules.remove_item(capsule, ItemKind::Blob, id.0);
                let charge = self.charged_for_blob(id, &blob);
                self.capsules.update(capsule, |c| {
                    c.bytes_used -= blob.len;
                    c.record_bytes -= charge;
                });
            }
            (blob.capsule, blob.expires_ns, blob.references) = (NO_CAPSULE, None, references);
            self.blobs.put(id, &blob);
        }
    }
}

fn check_names(files: &[NewSiteFile]) -> Result<(), SiteError> {
    if files.len() > SITE_FILES_MAX {
        return Err(SiteError::Files(files.len()));
    }
    for file in files {
        if !is_path(&file.path) {
            return Err(SiteError::Path(file.path.chars().take(64).collect()));
        }
        if file.mime_type.len() > TAG_BYTES_MAX {
            return Err(SiteError::MimeType(file.mime_type.len()));
        }
    }
    Ok(())
}

/// Written the same in an address and in a certificate: nothing in it is ever percent-encoded.
fn is_path(path: &str) -> bool {
    let sound = |part: &str| {
        let plain = part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~@+".contains(&byte));
        plain && !matches!(part, "" | "." | "..")
    };
    let first = path.split('/').next().unwrap_or_default();
    path.len() <= SITE_PATH_BYTES_MAX && path.split('/').all(sound) && !RESERVED.contains(&first)
}

#[cfg(test)]
mod tests {
    use super::is_path;

    #[test]
    fn only_paths_that_are_written_in_one_way_are_taken() {
        for path in ["index.html", "assets/main-B3x_.js", ".well-known/ic-domains", "assets2/a", "a/asset"] {
            assert!(is_path(path), "{path}");
        }
        let long = "a".repeat(257);
        for path in [
            "",
            "/",
            "/index.html",
            "a//b",
            "a/",
            "..",
            "a/../b",
            ".",
            "a b",
            "a%20b",
            "a?b",
            "a#b",
            "é",
            "<*>",
            "<$>",
            "asset",
            "asset/mem_1/original",
            "api/v2",
            "health",
            "a\\b",
            "a\0",
            &long,
        ] {
            assert!(!is_path(path), "{path:?}");
        }
    }
}
