//! The bucket against the records of a data directory that no node uses, both ways: what lies in the bucket and no record names, and
//! what a record needs and is not there.
//!
//! Owns the comparison, and the removal of what nobody names where that is asked for. It reads page by page and keeps one bit for
//! each number of an object, whatever lies in the bucket. Records are never changed.

use super::{CheckFault, FsckError, OpenedSnapshot, open_snapshot};
use crate::data_dir::DataDir;
use crate::engine::guard::{Fault, guarded};
use crate::storage::heap_file::HeapFile;
use crate::storage::heap_memory::SnapshotHeap;
use crate::storage::snapshot::SnapshotMemory;
use keepsake_s3::{Bucket, Error as S3Error, Key, Listed, Unfinished};
use keepsake_service::objects::{ObjectStanding, ObjectView};
use keepsake_service::{ObjectId, Service};
use std::path::Path;

/// What a node writes at its start, to try the bucket, and removes again.
const CANARY: &str = "keepsake-canary/";
/// Records looked at between two questions to the bucket.
const RECORDS_AT_ONCE: usize = 1_000;

type Snapshot = Service<SnapshotMemory, SnapshotHeap>;

/// Why the bucket could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum BucketCheckError {
    /// The data directory.
    #[error(transparent)]
    Store(#[from] FsckError),
    /// The records are damaged: their own check says how.
    #[error("the records cannot be read to the end, so nothing can be compared with them: {0}")]
    Records(String),
    /// The bucket.
    #[error(transparent)]
    Bucket(#[from] S3Error),
}

/// What does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A blob's bytes are not there.
    Missing {
        /// Key of the object.
        key: String,
        /// Whose bytes it has.
        of: String,
    },
    /// They have another length.
    Length {
        /// Key of the object.
        key: String,
        /// Whose bytes it has.
        of: String,
        /// Bytes in the bucket.
        found: u64,
        /// Bytes by the records.
        expected: u64,
    },
    /// No record names it any more.
    Orphan {
        /// Key of the object.
        key: String,
        /// Bytes.
        len: u64,
        /// It was removed.
        removed: bool,
    },
    /// Parts that no record waits for.
    OrphanParts {
        /// Key of the object that they would become.
        key: String,
        /// They were removed.
        removed: bool,
    },
    /// Its number was not given yet: the records are older than the bucket.
    Newer {
        /// Key of the object.
        key: String,
    },
    /// Not of a node's making.
    Foreign {
        /// Key of the object.
        key: String,
    },
}

impl std::fmt::Display for Finding {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let done = |removed: &bool| if *removed { ": removed" } else { "" };
        match self {
            Self::Missing { key, of } => {
                write!(formatter, "missing: {key}, which has the bytes of {of}, is not in the bucket")
            }
            Self::Length { key, of, found, expected } => {
                write!(formatter, "wrong: {key} has {found} bytes, {of} has {expected}")
            }
            Self::Orphan { key, len, removed } => {
                write!(formatter, "orphan: {key}, {len} bytes, is named by no record{}", done(removed))
            }
            Self::OrphanParts { key, removed } => {
                write!(formatter, "orphan: parts of {key} that nothing waits for{}", done(removed))
            }
            Self::Newer { key } => {
                write!(formatter, "newer: {key} was written after these records, which are an older copy")
            }
            Self::Foreign { key } => write!(formatter, "foreign: {key} is not of this program's making"),
        }
    }
}

/// Totals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BucketReport {
    /// Objects below the prefix.
    pub objects: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Objects that blobs and found uploads need.
    pub needed: u64,
    /// Uploads in parts that are under way, or go with their object.
    pub unfinished: u64,
    /// What a start of a node that was cut off left.
    pub canaries: u64,
    /// Photos that are lost or wrong, or signs that the records are not those of this bucket.
    pub losses: u64,
    /// What only takes room, and was not removed.
    pub leftovers: u64,
    /// What others put there.
    pub foreign: u64,
    /// What was removed.
    pub removed: u64,
}

impl BucketReport {
    /// All that is needed is there, and nothing that these records left behind.
    pub fn is_sound(&self) -> bool {
        self.losses == 0 && self.leftovers == 0
    }
}

/// Compares the bucket with the records in `dir`, which must be sound; `tell` gets each finding. With `remove` what no record names
/// is removed, as long as its number says that these records made it. O(objects); a question to the bucket for each thousand of
/// them, and for each that seems to be missing.
///
/// # Errors
/// [`BucketCheckError`] when it cannot be compared to the end.
pub async fn compare(
    dir: &Path,
    bucket: &Bucket,
    remove: bool,
    tell: impl FnMut(&Finding),
) -> Result<BucketReport, BucketCheckError> {
    let dir = DataDir::open(dir).map_err(FsckError::from)?;
    let opened = opened(&dir)?;
    let service = opened.as_ref().map(|opened| &opened.service);
    let numbers = service.map_or(0, |service| service.store().object_numbers());
    let mut comparison = Comparison {
        service,
        bucket,
        remove,
        tell,
        seen: Numbers::of(numbers),
        numbers,
        report: BucketReport::default(),
    };
    comparison.list().await?;
    comparison.list_unfinished().await?;
    comparison.look_for_missing().await?;
    Ok(comparison.report)
}

/// The store; none where nothing was committed yet.
fn opened(dir: &DataDir) -> Result<Option<OpenedSnapshot>, BucketCheckError> {
    let (records_path, heap_path) = (dir.records_path(), dir.heap_path());
    if !records_path.exists() && !heap_path.exists() {
        return Ok(None);
    }
    let heap = HeapFile::open(&heap_path, 0);
    let heap = heap.map_err(|source| FsckError::Io { path: heap_path, source })?;
    match open_snapshot(&records_path, heap) {
        Ok(opened) => Ok(opened.ok()),
        Err(CheckFault::Open(error)) => Err(FsckError::from(error).into()),
        Err(CheckFault::Storage(error)) => Err(BucketCheckError::Records(error.to_string())),
    }
}

struct Comparison<'a, T> {
    /// None where there are no records yet.
    service: Option<&'a Snapshot>,
    bucket: &'a Bucket,
    remove: bool,
    tell: T,
    /// Objects that were listed with the right length.
    seen: Numbers,
    numbers: u64,
    report: BucketReport,
}

/// What a listed row is.
enum Row {
    /// A record names it: its number, and whether its length is right.
    Known(u64, bool),
    Orphan,
    Newer,
    Foreign,
}

impl<T: FnMut(&Finding)> Comparison<'_, T> {
    async fn list(&mut self) -> Result<(), BucketCheckError> {
        let mut next = None;
        loop {
            let page = self.bucket.list("", next.as_deref()).await?;
            for listed in page.objects {
                self.listed(listed).await?;
            }
            next = page.next;
            if next.is_none() {
                return Ok(());
            }
        }
    }

    async fn listed(&mut self, listed: Listed) -> Result<(), BucketCheckError> {
        let Listed { key, len } = listed;
        if key.starts_with(CANARY) {
            self.report.canaries += 1;
            return Ok(());
        }
        self.report.objects += 1;
        self.report.bytes += len;
        match self.row(&key, len)? {
            Row::Known(number, true) => self.seen.add(number),
            // The one that the records name is looked at by itself.
            Row::Known(_, false) => {}
            Row::Newer => self.found(&Finding::Newer { key }),
            Row::Foreign => self.found(&Finding::Foreign { key }),
            Row::Orphan => {
                if self.remove {
                    self.bucket.delete(&Key::new(key.clone()).map_err(S3Error::from)?, None).await?;
                }
                self.found(&Finding::Orphan { key, len, removed: self.remove });
            }
        }
        Ok(())
    }

    fn row(&self, key: &str, len: u64) -> Result<Row, BucketCheckError> {
        let Some(number) = number_in(key) else { return Ok(Row::Foreign) };
        if number >= self.numbers {
            return Ok(Row::Newer);
        }
        let object = self.read(|service| service.store().object(number))?.flatten();
        Ok(match object.filter(|object| object.key == key) {
            Some(object) => Row::Known(number, object.record.len == len),
            None => Row::Orphan,
        })
    }

    async fn list_unfinished(&mut self) -> Result<(), BucketCheckError> {
        let mut next = None;
        loop {
            let page = self.bucket.list_multipart("", next.as_ref()).await?;
            for unfinished in page.uploads {
                self.unfinished(unfinished).await?;
            }
            next = page.next;
            if next.is_none() {
                return Ok(());
            }
        }
    }

    async fn unfinished(&mut self, unfinished: Unfinished) -> Result<(), BucketCheckError> {
        let Unfinished { key, upload_id, .. } = unfinished;
        if key.starts_with(CANARY) {
            self.report.canaries += 1;
            return Ok(());
        }
        let number = number_in(&key).filter(|number| *number < self.numbers);
        let object = self.read(|service| number.and_then(|number| service.store().object(number)))?.flatten();
        let standing = object.filter(|object| object.key == key).map(|object| self.standing(&object));
        match (number, standing.transpose()?) {
            (None, _) if number_in(&key).is_some() => self.found(&Finding::Newer { key }),
            (None, _) => self.found(&Finding::Foreign { key }),
            (_, Some(ObjectStanding::Open | ObjectStanding::Leaving)) => self.report.unfinished += 1,
            (Some(_), None | Some(ObjectStanding::Needed(_))) => {
                if self.remove {
                    let key = Key::new(key.clone()).map_err(S3Error::from)?;
                    self.bucket.abort(&key, &upload_id).await?;
                }
                self.found(&Finding::OrphanParts { key, removed: self.remove });
            }
        }
        Ok(())
    }

    /// The records, a slice at a time: what they need and the list did not show is asked for by itself.
    async fn look_for_missing(&mut self) -> Result<(), BucketCheckError> {
        let mut first = 0;
        loop {
            let objects = self.read(|service| {
                service.store().objects_from(ObjectId(first)).take(RECORDS_AT_ONCE).collect::<Vec<_>>()
            })?;
            let Some(last) = objects.as_ref().and_then(|objects| objects.last()) else { return Ok(()) };
            first = last.id.0 + 1;
            for object in objects.into_iter().flatten() {
                let ObjectStanding::Needed(of) = self.standing(&object)? else { continue };
                self.report.needed += 1;
                if !self.seen.has(object.id.0) {
                    self.look_at(object, of).await?;
                }
            }
        }
    }

    async fn look_at(&mut self, object: ObjectView, of: String) -> Result<(), BucketCheckError> {
        let key = Key::new(object.key.clone()).map_err(S3Error::from)?;
        let expected = object.record.len;
        match self.bucket.head_version(&key, object.record.version.as_deref()).await {
            Ok(head) if head.len == expected => {}
            Ok(head) => self.found(&Finding::Length { key: object.key, of, found: head.len, expected }),
            Err(S3Error::NoObject { .. }) => self.found(&Finding::Missing { key: object.key, of }),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn standing(&self, object: &ObjectView) -> Result<ObjectStanding, BucketCheckError> {
        let standing = self.read(|service| service.store().object_standing(object))?;
        Ok(standing.unwrap_or(ObjectStanding::Open))
    }

    /// Damaged records may stop any look at them.
    fn read<V>(&self, look: impl FnOnce(&Snapshot) -> V) -> Result<Option<V>, BucketCheckError> {
        let looked = guarded(|| self.service.map(look));
        looked.map_err(|fault| {
            BucketCheckError::Records(match fault {
                Fault::Storage(error) => error.to_string(),
                Fault::Panic(text) => text,
            })
        })
    }

    fn found(&mut self, finding: &Finding) {
        let count = match finding {
            Finding::Missing { .. } | Finding::Length { .. } | Finding::Newer { .. } => {
                &mut self.report.losses
            }
            Finding::Orphan { removed: true, .. } | Finding::OrphanParts { removed: true, .. } => {
                &mut self.report.removed
            }
            Finding::Orphan { .. } | Finding::OrphanParts { .. } => &mut self.report.leftovers,
            Finding::Foreign { .. } => &mut self.report.foreign,
        };
        *count += 1;
        (self.tell)(finding);
    }
}

/// The number of the object that has this key, where the key is of this program's making: `{capsule}/{object}-{32 hex digits}`.
fn number_in(key: &str) -> Option<u64> {
    let (capsule, rest) = key.split_once('/')?;
    let (number, name) = rest.split_once('-')?;
    let is_number = |text: &str| text.parse::<u64>().is_ok_and(|number| number.to_string() == text);
    let is_name =
        name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    (is_number(capsule) && is_number(number) && is_name).then(|| number.parse().ok()).flatten()
}

/// A set of numbers below a bound, a bit each.
struct Numbers(Vec<u64>);

impl Numbers {
    fn of(bound: u64) -> Self {
        Self(vec![0; usize::try_from(bound.div_ceil(64)).unwrap_or(usize::MAX)])
    }

    fn add(&mut self, number: u64) {
        let (word, bit) = Self::at(number);
        if let Some(word) = self.0.get_mut(word) {
            *word |= bit;
        }
    }

    fn has(&self, number: u64) -> bool {
        let (word, bit) = Self::at(number);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    fn at(number: u64) -> (usize, u64) {
        (usize::try_from(number / 64).unwrap_or(usize::MAX), 1 << (number % 64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_of_this_programs_making_have_a_number() {
        let name = "00112233445566778899aabbccddeeff";
        assert_eq!(number_in(&format!("1/7-{name}")), Some(7));
        for other in [
            format!("1/7-{name}0"),
            format!("1/07-{name}"),
            format!("01/7-{name}"),
            format!("1/7-{}", name.to_uppercase()),
            format!("x/7-{name}"),
            format!("1/2/7-{name}"),
            format!("1/-7-{name}"),
            "7".to_owned(),
            String::new(),
        ] {
            assert_eq!(number_in(&other), None, "{other}");
        }
    }

    #[test]
    fn a_set_of_numbers_has_what_was_added() {
        let mut numbers = Numbers::of(130);
        for number in [0, 63, 64, 129, 500] {
            numbers.add(number);
        }
        let has: Vec<_> = (0..600).filter(|number| numbers.has(*number)).collect();
        assert_eq!(has, [0, 63, 64, 129], "what is beyond the bound is none of its");
    }
}
