//! Is a file in a capsule already? Owns the index of what a capsule holds by the length of the originals, and the
//! comparison of contents. Uploads nothing.
//!
//! The service keeps no index by content, so the headers of the capsule are read once, newest first and bounded, and
//! only a file whose length is there is hashed and compared with the few memories of that length.

use crate::client::{CallError, Client};
use crate::transport::Transport;
use crate::upload::{UploadError, blocking, sha256_of_file};
use keepsake_api::{AssetType, Memory, MemoryHeader};
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Memories compared with one file: more of the same length are not looked at.
const COMPARED_MAX: usize = 16;

/// What a capsule holds, by the length of the originals. Clones share it. About 60 bytes per memory.
#[derive(Clone, Debug, Default)]
pub struct Originals {
    found: Arc<Mutex<Found>>,
    complete: bool,
}

#[derive(Debug, Default)]
struct Found {
    by_len: HashMap<u64, Vec<String>>,
    /// Those whose SHA-256 is known here.
    by_content: HashMap<[u8; 32], String>,
}

impl Originals {
    /// Whether all memories of the capsule were looked at, and not only the newest.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Adds a memory that was made meanwhile.
    pub fn add(&self, len: u64, sha256: [u8; 32], memory_id: String) {
        let mut found = self.found();
        found.by_len.entry(len).or_default().push(memory_id.clone());
        found.by_content.insert(sha256, memory_id);
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_len(&self, len: u64) -> bool {
        self.found().by_len.contains_key(&len)
    }

    /// The one that surely has it, or those that may.
    fn candidates(&self, len: u64, sha256: &[u8; 32]) -> Vec<String> {
        let found = self.found();
        let same = found.by_content.get(sha256);
        let as_long = found.by_len.get(&len).into_iter().flatten();
        same.into_iter().chain(as_long.take(COMPARED_MAX)).cloned().collect()
    }

    fn add_header(&self, header: MemoryHeader) {
        let original = header.assets.iter().find(|asset| asset.asset_type == AssetType::Original);
        if let Some(len) = original.map(|asset| asset.bytes) {
            self.found().by_len.entry(len).or_default().push(header.id);
        }
    }
}

impl<T: Transport> Client<T> {
    /// Reads the headers of the newest `memories_max` memories of a capsule.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn originals(&self, capsule_id: &str, memories_max: u32) -> Result<Originals, CallError> {
        let page_max = self.limits().await?.page_items_max;
        let (mut originals, mut cursor, mut left) = (Originals::default(), None::<String>, memories_max);
        while left > 0 {
            let page = self.memories_list(capsule_id, cursor.as_deref(), Some(left.min(page_max))).await?;
            left = left.saturating_sub(u32::try_from(page.items.len()).unwrap_or(u32::MAX));
            page.items.into_iter().for_each(|header| originals.add_header(header));
            cursor = page.next_cursor;
            if cursor.is_none() {
                originals.complete = true;
                break;
            }
        }
        Ok(originals)
    }

    /// The memory in `originals` whose original has the bytes of the file `path`, and their SHA-256.
    ///
    /// Reads the file only where a memory has an original of its length. A memory that is gone meanwhile is no match.
    ///
    /// # Errors
    /// [`UploadError`] where the file cannot be read or the service does not answer.
    pub async fn find_original(
        &self,
        originals: &Originals,
        path: &Path,
    ) -> Result<Option<(Memory, [u8; 32])>, UploadError> {
        let file_error = |reason| UploadError::File { path: path.to_owned(), reason };
        let len = tokio::fs::metadata(path).await.map_err(file_error)?.len();
        if len == 0 || !originals.has_len(len) {
            return Ok(None);
        }
        let file = path.to_owned();
        let sha256 = blocking(move || sha256_of_file(&file)).await.map_err(file_error)?;
        for id in originals.candidates(len, &sha256) {
            match self.memories_read(&id).await {
                Ok(memory) if original_is(&memory, len, &sha256) => return Ok(Some((memory, sha256))),
                Ok(_) => {}
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }
}

fn original_is(memory: &Memory, len: u64, sha256: &[u8; 32]) -> bool {
    let blobs = memory.blob_internal_assets.iter().map(|asset| &asset.metadata);
    let inline = memory.inline_assets.iter().map(|asset| &asset.metadata);
    blobs.chain(inline).map(|metadata| metadata.base()).any(|base| {
        base.asset_type == AssetType::Original
            && base.bytes == len
            && base.sha256.as_ref().is_some_and(|hash| hash.as_slice() == sha256)
    })
}
