//! What a link's address tells those who have not opened it, as programs for chats do, where its owner allows that: what it shows is
//! called, how much it is, and one thumbnail. Owns the public name of a link, and that nothing is told of one that has ended, that
//! takes a password, or whose owner did not allow it.

use crate::ids::{CapsuleId, MemoryId};
use crate::memory::{AssetBytes, AssetChoice, AssetKind, AssetSource, MemoryRecord};
use crate::store::Store;
use crate::tables::capsules::CapsuleRecord;
use ic_principal::Principal;
use ic_stable_structures::Memory;

/// Bytes of a link's public name: the first ones of its key's principal, which are a hash. Nobody guesses them, and they are too few
/// to be the principal itself.
pub const LINK_ID_BYTES: usize = 16;

/// Memories that are looked at for a picture, the newest first: a bound on the work of whoever asks.
const LOOKED_AT: u32 = 20;

/// The public name of the link that this key is: it stands in the link's address and opens nothing.
pub fn link_id(key: &Principal) -> Option<[u8; LINK_ID_BYTES]> {
    key.as_slice().first_chunk().copied()
}

/// What a link's address tells.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkPreview {
    /// The capsule, as the link sees it: its memories are counted so.
    pub capsule: CapsuleRecord,
    /// The title of the memory, where the link names just one.
    pub title: Option<String>,
    /// The newest thumbnail that the link shows, of those that lie here.
    pub thumbnail: Option<AssetBytes>,
}

impl<R: Memory, H: Memory> Store<R, H> {
    /// What the link with this public name tells at this time; none where there is no such link, or where it tells nothing.
    pub fn link_preview(&self, id: &[u8; LINK_ID_BYTES], now_ns: u64) -> Option<LinkPreview> {
        let (key, link) = self.registry.link_by_front(id)?;
        if !link.preview || link.password || !self.link_opens(&link, now_ns) {
            return None;
        }
        // The link's own eyes: nothing is told that whoever opens it would not see.
        let capsule = CapsuleId(link.capsule);
        let view = self.capsule(&key, Some(capsule)).ok()?;
        let seen = self.memory_page(&key, capsule, None, Some(LOOKED_AT)).ok()?.items;
        let title = match &seen[..] {
            [(_, only)] if link.named == Some(1) => only.meta.title.clone(),
            _ => None,
        };
        let thumbnail = seen.iter().find_map(|(id, record)| self.thumbnail(*id, record));
        Some(LinkPreview { capsule: view.record, title, thumbnail })
    }

    /// `record` is as the link sees it.
    fn thumbnail(&self, id: MemoryId, record: &MemoryRecord) -> Option<AssetBytes> {
        let found = self.asset_of(id, record, AssetChoice::Kind(AssetKind::Thumbnail)).ok()?;
        let is_here = !matches!(found.record.source, AssetSource::External { .. });
        let is_picture = found.record.meta.mime_type.to_ascii_lowercase().starts_with("image/");
        (is_here && is_picture).then_some(found)
    }
}
