//! What readers see: one view of each commit, which all of them share.
//!
//! Owns publishing it and the cache of its pages; does not own the records, nor who reads.
//!
//! The commit thread publishes a view when its commit is durable, before the replies: a reader that begins after a reply
//! sees what was replied. A view registers its epoch, so the heap bytes that it refers to stay until the last reader
//! lets go of it; see [`Epochs`].

use crate::storage::epochs::{EpochGuard, Epochs};
use crate::storage::fault::StorageError;
use crate::storage::page::{PAGE_BYTES, Page, PageMap};
use crate::storage::records::{Committed, Records};
use crate::storage::snapshot::Snapshot;
use quick_cache::unsync::Cache;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// One commit, to read.
pub struct View {
    snapshot: Snapshot,
    /// Of a view that others share.
    shared: Option<(Arc<PageCache>, EpochGuard)>,
}

impl View {
    /// A view that nobody else has.
    pub fn alone(snapshot: Snapshot) -> Self {
        Self { snapshot, shared: None }
    }

    /// Epoch and memory sizes of the commit.
    pub fn state(&self) -> Committed {
        self.snapshot.state()
    }

    /// Page `number`, if it was ever written.
    ///
    /// # Errors
    /// As [`Snapshot::page`].
    pub fn page(&self, number: u64) -> Result<Option<Arc<Page>>, StorageError> {
        let Some((cache, _)) = &self.shared else { return self.snapshot.page(number) };
        let epoch = self.state().epoch;
        if let Some(page) = cache.find(epoch, number) {
            return Ok(Some(page));
        }
        let page = self.snapshot.page(number)?;
        if let Some(page) = &page {
            cache.insert(epoch, number, page);
        }
        Ok(page)
    }
}

impl std::fmt::Debug for View {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("View").field("state", &self.state()).finish_non_exhaustive()
    }
}

/// Pages of the newest commit, and of older ones where they have not changed since.
struct PageCache {
    state: Mutex<CacheState>,
    misses: AtomicU64,
}

struct CacheState {
    /// The newest durable commit.
    epoch: u64,
    /// Page number → since which commit it is like this, and the page.
    pages: Cache<u64, (u64, Arc<Page>)>,
}

impl PageCache {
    fn new(epoch: u64, bytes: usize) -> Self {
        let pages = Cache::new((bytes / PAGE_BYTES).max(16));
        Self { state: Mutex::new(CacheState { epoch, pages }), misses: AtomicU64::new(0) }
    }

    fn find(&self, epoch: u64, number: u64) -> Option<Arc<Page>> {
        let found = self.lock().pages.get(&number).filter(|(since, _)| *since <= epoch).cloned();
        if found.is_none() {
            self.misses.fetch_add(1, Ordering::Relaxed);
        }
        found.map(|(_, page)| page)
    }

    /// A reader of an older commit cannot know whether the page has changed since: its page is not kept.
    fn insert(&self, epoch: u64, number: u64, page: &Arc<Page>) {
        let mut state = self.lock();
        if state.epoch == epoch {
            state.pages.insert(number, (epoch, Arc::clone(page)));
        }
    }

    fn advance(&self, epoch: u64, changed: &PageMap) {
        let mut state = self.lock();
        state.epoch = epoch;
        for (number, page) in changed {
            if state.pages.peek(number).is_some() {
                state.pages.insert(*number, (epoch, Arc::clone(page)));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, CacheState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Publishes the newest view.
pub struct Views {
    records: Arc<Records>,
    epochs: Epochs,
    cache: Arc<PageCache>,
    /// `None` after a view could not be opened; the next reader tries again.
    current: RwLock<Option<Arc<View>>>,
}

impl Views {
    /// Over `records`, whose newest commit is `epoch`. Keeps about `cache_bytes` of pages.
    pub fn new(records: Arc<Records>, epochs: Epochs, epoch: u64, cache_bytes: usize) -> Self {
        let cache = Arc::new(PageCache::new(epoch, cache_bytes));
        Self { records, epochs, cache, current: RwLock::new(None) }
    }

    /// The newest view.
    ///
    /// # Errors
    /// [`StorageError`] when it cannot be opened.
    pub fn newest(&self) -> Result<Arc<View>, StorageError> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        match current {
            Some(view) => Ok(view),
            None => self.open(),
        }
    }

    /// Commit `epoch`, which wrote `changed`, is durable: publishes its view and makes it the newest for [`Epochs`].
    pub fn committed(&self, epoch: u64, changed: &PageMap) {
        self.cache.advance(epoch, changed);
        self.epochs.committed(epoch);
        self.reopened();
    }

    /// The records were opened again, or changed: the view before may fail from now on.
    pub fn reopened(&self) {
        let before = self.current.write().unwrap_or_else(PoisonError::into_inner).take();
        drop(before);
        if let Err(error) = self.open() {
            tracing::warn!(%error, "the newest state cannot be opened for readers yet");
        }
    }

    /// How many pages readers took from the records, not from the cache.
    pub fn pages_read(&self) -> u64 {
        self.cache.misses.load(Ordering::Relaxed)
    }

    fn open(&self) -> Result<Arc<View>, StorageError> {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(view) = &*current {
            return Ok(Arc::clone(view));
        }
        // Before the snapshot: see `Epochs`.
        let guard = self.epochs.register();
        let snapshot = self.records.snapshot()?;
        let view = Arc::new(View { snapshot, shared: Some((Arc::clone(&self.cache), guard)) });
        *current = Some(Arc::clone(&view));
        Ok(view)
    }
}

impl std::fmt::Debug for Views {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Views").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(byte: u8) -> Arc<Page> {
        Arc::new([byte; PAGE_BYTES])
    }

    fn changed(number: u64, byte: u8) -> PageMap {
        PageMap::from_iter([(number, page(byte))])
    }

    #[test]
    fn each_reader_finds_its_own_commits_page_or_none() {
        let cache = PageCache::new(5, 1 << 20);
        cache.insert(5, 1, &page(50));
        cache.insert(5, 2, &page(51));
        cache.advance(6, &changed(1, 60));
        assert_eq!(cache.find(6, 1).unwrap()[0], 60);
        assert!(cache.find(5, 1).is_none(), "a reader of commit 5 reads its own snapshot");
        assert_eq!(cache.find(5, 2).unwrap()[0], 51);
        assert_eq!(cache.find(6, 2).unwrap()[0], 51, "unchanged since");
    }

    #[test]
    fn a_reader_of_an_older_commit_leaves_nothing_for_newer_ones() {
        let cache = PageCache::new(5, 1 << 20);
        cache.advance(6, &changed(1, 60));
        cache.insert(5, 1, &page(50));
        assert!(cache.find(6, 1).is_none());
    }

    #[test]
    fn the_cache_is_bounded() {
        let cache = PageCache::new(1, 16 * PAGE_BYTES);
        for number in 0..1000 {
            cache.insert(1, number, &page(1));
        }
        assert!(cache.lock().pages.len() <= 16);
    }
}
