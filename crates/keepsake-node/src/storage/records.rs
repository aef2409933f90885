//! The records file: a redb database that takes one transaction per commit.
//!
//! Owns its tables, its format check and the recovery after an I/O error; does not own which pages a
//! message changed (see [`crate::storage::pages`]).
//!
//! ```text
//! table              key                       value
//! meta               text                      u64: "layout" = 1, "page_bytes", "epoch",
//!                                              "records_pages", "heap_pages" (64 KiB each)
//! pages              page number               4080 bytes; an absent page is all zero
//! requests           request id                recorded request
//! requests_by_time   (keep until, request id)  –
//! ```

use crate::storage::fault::StorageError;
use crate::storage::page::{PAGE_BYTES, PageMap};
use crate::storage::requests::{self, Pruned, REQUESTS, RecordedRequest, RequestId, Row};
use crate::storage::snapshot::Snapshot;
use redb::{
    Database, DatabaseError, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition,
    WriteTransaction,
};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

pub(crate) const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
pub(crate) const PAGES: TableDefinition<'_, u64, &[u8; PAGE_BYTES]> = TableDefinition::new("pages");
const LAYOUT: u64 = 1;

/// What the last durable commit says beside its pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// Number of the commit; 0 before the first.
    pub epoch: u64,
    /// Size of the records memory, in 64 KiB pages.
    pub records_pages: u64,
    /// Size of the heap memory, in 64 KiB pages.
    pub heap_pages: u64,
}

/// One batch, ready to be made durable.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Epoch and sizes after it.
    pub state: Committed,
    /// Changed pages.
    pub pages: Arc<PageMap>,
    /// Messages that end with it.
    pub requests: Vec<(RequestId, RecordedRequest)>,
    /// Host time, to forget old requests by.
    pub now_ns: u64,
}

type Opener = dyn Fn() -> Result<Database, DatabaseError> + Send + Sync;

/// The open records file.
pub struct Records {
    /// `None` only while it is being re-opened, or when that failed.
    database: RwLock<Option<Database>>,
    opener: Box<Opener>,
    /// Bytes of the recorded requests, as their rows count; known after [`Self::each_request`].
    request_bytes: AtomicU64,
    /// Bytes of the file that something uses, as the last transaction left them.
    used_bytes: AtomicU64,
}

impl Records {
    /// Opens the file at `path`, making it when there is none (mode 0600). redb's cache keeps at most `cache_bytes`.
    ///
    /// # Errors
    /// [`StorageError`] when the file is no such database, or on I/O errors.
    pub fn open(path: &Path, cache_bytes: usize) -> Result<Self, StorageError> {
        let path = path.to_path_buf();
        Self::open_with(move || {
            // redb would make it as any new file, which others may read.
            let mut file = OpenOptions::new();
            file.write(true).create(true).truncate(false).mode(0o600);
            file.open(&path).map_err(redb::StorageError::Io)?;
            Database::builder().set_cache_size(cache_bytes).create(&path)
        })
    }

    /// As [`Self::open`], over whatever `opener` opens. It is called again after an I/O error.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(
        opener: impl Fn() -> Result<Database, DatabaseError> + Send + Sync + 'static,
    ) -> Result<Self, StorageError> {
        let database = opener()?;
        prepare(&database)?;
        Ok(Self {
            database: RwLock::new(Some(database)),
            opener: Box::new(opener),
            request_bytes: AtomicU64::new(0),
            used_bytes: AtomicU64::new(u64::MAX),
        })
    }

    /// The newest durable state, to read while commits go on.
    ///
    /// # Errors
    /// [`StorageError`] on I/O errors.
    pub fn snapshot(&self) -> Result<Snapshot, StorageError> {
        let transaction = self.with(|database| Ok(database.begin_read()?))?;
        Snapshot::new(&transaction)
    }

    /// How message `id` ended, if it is recorded.
    ///
    /// # Errors
    /// [`StorageError`] on I/O errors.
    pub fn request(&self, id: &RequestId) -> Result<Option<RecordedRequest>, StorageError> {
        let transaction = self.with(|database| Ok(database.begin_read()?))?;
        let found = transaction.open_table(REQUESTS)?.get(id)?;
        found.map(|bytes| RecordedRequest::decode(bytes.value())).transpose()
    }

    /// Tells `each` of every recorded request; returns until when the oldest is kept, ns since 1970. O(requests).
    ///
    /// # Errors
    /// [`StorageError`] on I/O errors.
    pub fn each_request(&self, mut each: impl FnMut(Row)) -> Result<Option<u64>, StorageError> {
        let transaction = self.with(|database| Ok(database.begin_read()?))?;
        let mut bytes = 0;
        let oldest_ns = requests::scan(&transaction, |row| {
            bytes += row.bytes();
            each(row);
        })?;
        let pages = transaction.open_table(PAGES)?.len()?;
        let rows = transaction.open_table(REQUESTS)?.len()?;
        self.request_bytes.store(bytes, Ordering::Relaxed);
        self.used_bytes.store(used_bytes(pages, rows, bytes), Ordering::Relaxed);
        Ok(oldest_ns)
    }

    /// Makes `commit` durable. After an error nothing of it stays, unless [`Self::reopen`] says otherwise.
    ///
    /// # Errors
    /// [`StorageError`]; then the database refuses everything until [`Self::reopen`].
    pub fn commit(&self, commit: &Commit) -> Result<Pruned, StorageError> {
        let added = commit.requests.iter().map(|(id, request)| request.row(*id).bytes()).sum();
        self.transact(added, |transaction| write(transaction, commit))
    }

    /// Removes up to `rows_max` recorded requests that are no longer kept at `now_ns`, in a transaction of its own.
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub fn prune(&self, now_ns: u64, rows_max: usize) -> Result<Pruned, StorageError> {
        self.transact(0, |transaction| requests::prune(transaction, now_ns, rows_max))
    }

    fn transact(
        &self,
        request_bytes_added: u64,
        act: impl FnOnce(&WriteTransaction) -> Result<Pruned, StorageError>,
    ) -> Result<Pruned, StorageError> {
        self.with(|database| {
            let transaction = database.begin_write()?;
            let pruned = act(&transaction)?;
            let pages = transaction.open_table(PAGES)?.len()?;
            let rows = requests::count(&transaction)?;
            transaction.commit()?;
            let removed: u64 = pruned.rows.iter().map(Row::bytes).sum();
            let before = self.request_bytes.load(Ordering::Relaxed);
            let requests = before.saturating_add(request_bytes_added).saturating_sub(removed);
            self.request_bytes.store(requests, Ordering::Relaxed);
            self.used_bytes.store(used_bytes(pages, rows, requests), Ordering::Relaxed);
            Ok(pruned)
        })
    }

    /// Moves what is used to the front of the file and cuts the rest off. O(file); no snapshot may be open.
    ///
    /// # Errors
    /// [`StorageError`]; then the database refuses everything until [`Self::reopen`].
    pub fn compact(&self) -> Result<(), StorageError> {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        match database.as_mut() {
            Some(database) => database.compact().map(drop).map_err(|error| redb::Error::from(error).into()),
            None => Err(closed()),
        }
    }

    /// Bytes of the file that something uses, after the last transaction of this process: an estimate on the high
    /// side. `u64::MAX` before the first, and before [`Self::each_request`].
    pub fn used_bytes(&self) -> u64 {
        self.used_bytes.load(Ordering::Relaxed)
    }

    /// Closes and opens the file again: after an I/O error redb cannot tell what reached the disk, and
    /// finds out only by opening. Snapshots opened before fail from now on.
    ///
    /// # Errors
    /// [`StorageError`] when it does not open; the next call tries again.
    pub fn reopen(&self) -> Result<Committed, StorageError> {
        {
            let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
            *database = None;
            *database = Some((self.opener)()?);
        }
        Ok(self.snapshot()?.state())
    }

    fn with<T>(&self, act: impl FnOnce(&Database) -> Result<T, StorageError>) -> Result<T, StorageError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        match database.as_ref() {
            Some(database) => act(database),
            None => Err(closed()),
        }
    }
}

fn closed() -> StorageError {
    StorageError::Failed("the records file is closed after an error".into())
}

impl std::fmt::Debug for Records {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Records").finish_non_exhaustive()
    }
}

/// Makes the tables of a new file; checks the format of an old one.
fn prepare(database: &Database) -> Result<(), StorageError> {
    let transaction = database.begin_write()?;
    let is_new = {
        let mut meta = transaction.open_table(META)?;
        let layout = meta.get("layout")?.map(|found| found.value());
        let page_bytes = meta.get("page_bytes")?.map(|found| found.value());
        match (layout, page_bytes) {
            (None, None) => {
                meta.insert("layout", LAYOUT)?;
                meta.insert("page_bytes", PAGE_BYTES as u64)?;
                true
            }
            (Some(LAYOUT), Some(page_bytes)) if page_bytes == PAGE_BYTES as u64 => false,
            _ => return Err(StorageError::Damaged("records.redb has a layout of a later version".into())),
        }
    };
    if is_new {
        transaction.open_table(PAGES)?;
        requests::create(&transaction)?;
        transaction.commit()?;
    } else {
        transaction.abort()?;
    }
    Ok(())
}

/// A page fills a leaf of 4 KiB; the inner pages above take a fiftieth at most. Leaves of requests are half full or
/// more. A mebibyte for redb itself.
fn used_bytes(pages: u64, rows: u64, request_bytes: u64) -> u64 {
    let pages = pages.saturating_mul(4096).saturating_mul(51) / 50;
    let requests = rows.saturating_mul(requests::ROW_BYTES).max(request_bytes).saturating_mul(2);
    pages.saturating_add(requests).saturating_add(1 << 20)
}

fn write(transaction: &WriteTransaction, commit: &Commit) -> Result<Pruned, StorageError> {
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert("epoch", commit.state.epoch)?;
        meta.insert("records_pages", commit.state.records_pages)?;
        meta.insert("heap_pages", commit.state.heap_pages)?;
        let mut pages = transaction.open_table(PAGES)?;
        let mut numbers: Vec<u64> = commit.pages.keys().copied().collect();
        // In key order the tree's inner pages are touched once each.
        numbers.sort_unstable();
        for number in numbers {
            pages.insert(number, &**commit.pages.get(&number).expect("listed above"))?;
        }
    }
    requests::record(transaction, &commit.requests, commit.now_ns)
}
