//! Stable memory: sparse pages, shared between copies, with an undo log for the message that runs.
//!
//! Owns the bytes and what a message changed. Does not know the system interface.
//!
//! A page is allocated when it is first written with something, so 500 GiB of zeros cost nothing, and a copy of the
//! whole memory shares its pages until one side writes.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::cost::PAGE_BYTES;

/// Bytes of a wasm page, the unit in which stable memory grows.
pub const WASM_PAGE_BYTES: u64 = 65_536;

/// The IC's limit for a canister, 500 GiB in wasm pages.
pub(crate) const PAGES_MAX: u64 = 500 * (1 << 30) / WASM_PAGE_BYTES;

type Page = [u8; PAGE_BYTES];

/// A canister's stable memory. Cloning shares the pages.
#[derive(Clone, Debug, Default)]
pub struct StableMemory {
    pages: HashMap<u64, Arc<Page>>,
    wasm_pages: u64,
    undo: Undo,
}

/// State before the running message.
#[derive(Clone, Debug, Default)]
struct Undo {
    /// Pages as they were; none where there was none.
    pages: HashMap<u64, Option<Arc<Page>>>,
    wasm_pages: u64,
}

/// An access beyond the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stable memory out of bounds: {len} bytes at {offset}, the size is {size_bytes}")]
pub struct OutOfBounds {
    /// First byte of the access.
    pub offset: u64,
    /// Bytes of the access.
    pub len: u64,
    /// Bytes there are.
    pub size_bytes: u64,
}

impl StableMemory {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Size in wasm pages of 64 KiB.
    pub fn wasm_pages(&self) -> u64 {
        self.wasm_pages
    }

    /// Size in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.wasm_pages * WASM_PAGE_BYTES
    }

    /// Bytes that are really held, in whole pages of 4 KiB.
    pub fn held_bytes(&self) -> u64 {
        (self.pages.len() * PAGE_BYTES) as u64
    }

    /// Offset of the first byte that is not the same in `other`, or the smaller size where all bytes are and one goes
    /// on; none where both are the same. Pages that the two share are not read.
    pub fn first_difference(&self, other: &Self) -> Option<u64> {
        const ZEROS: &Page = &[0; PAGE_BYTES];
        let numbers: BTreeSet<u64> = self.pages.keys().chain(other.pages.keys()).copied().collect();
        let differs = |number: u64| {
            let (one, two) = (self.pages.get(&number), other.pages.get(&number));
            if let (Some(one), Some(two)) = (one, two)
                && Arc::ptr_eq(one, two)
            {
                return None;
            }
            let (one, two) = (one.map_or(ZEROS, Arc::as_ref), two.map_or(ZEROS, Arc::as_ref));
            let at = one.iter().zip(two).position(|(one, two)| one != two)?;
            Some(number * PAGE_BYTES as u64 + at as u64)
        };
        let sizes =
            (self.size_bytes() != other.size_bytes()).then(|| self.size_bytes().min(other.size_bytes()));
        numbers.into_iter().find_map(differs).or(sizes)
    }

    /// Adds pages of 64 KiB and returns the size before, or none when it would exceed 500 GiB.
    pub fn grow(&mut self, wasm_pages: u64) -> Option<u64> {
        let before = self.wasm_pages;
        let after = before.checked_add(wasm_pages).filter(|pages| *pages <= PAGES_MAX)?;
        self.wasm_pages = after;
        Some(before)
    }

    /// Fills `bytes` from `offset`.
    ///
    /// # Errors
    /// [`OutOfBounds`] when not all of it is inside.
    pub fn read(&self, offset: u64, bytes: &mut [u8]) -> Result<(), OutOfBounds> {
        self.check(offset, bytes.len())?;
        for (page, at, part) in split(offset, bytes.len()) {
            let target = &mut bytes[part];
            match self.pages.get(&page) {
                Some(source) => target.copy_from_slice(&source[at..at + target.len()]),
                None => target.fill(0),
            }
        }
        Ok(())
    }

    /// Writes `bytes` at `offset` and returns how many pages of 4 KiB this message had not written before.
    ///
    /// # Errors
    /// [`OutOfBounds`] when not all of it is inside; nothing is written then.
    pub fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<u64, OutOfBounds> {
        self.check(offset, bytes.len())?;
        let mut fresh = 0;
        for (page, at, part) in split(offset, bytes.len()) {
            let source = &bytes[part];
            fresh += u64::from(self.remember(page));
            if !self.pages.contains_key(&page) && source.iter().all(|byte| *byte == 0) {
                continue;
            }
            let target = self.pages.entry(page).or_insert_with(|| Arc::new([0; PAGE_BYTES]));
            Arc::make_mut(target)[at..at + source.len()].copy_from_slice(source);
        }
        Ok(fresh)
    }

    /// Makes what was written since the last call permanent.
    pub fn commit(&mut self) {
        self.undo.pages.clear();
        self.undo.wasm_pages = self.wasm_pages;
    }

    /// Takes back what was written since [`commit`](Self::commit).
    pub(crate) fn roll_back(&mut self) {
        for (page, before) in self.undo.pages.drain() {
            match before {
                Some(bytes) => self.pages.insert(page, bytes),
                None => self.pages.remove(&page),
            };
        }
        self.wasm_pages = self.undo.wasm_pages;
    }

    /// Keeps a page as it is before its first change; true when this is the first.
    fn remember(&mut self, page: u64) -> bool {
        if self.undo.pages.contains_key(&page) {
            return false;
        }
        self.undo.pages.insert(page, self.pages.get(&page).cloned());
        true
    }

    fn check(&self, offset: u64, len: usize) -> Result<(), OutOfBounds> {
        let (len, size_bytes) = (len as u64, self.size_bytes());
        // The IC lets an access of nothing be anywhere.
        if len > 0 && offset.checked_add(len).is_none_or(|end| end > size_bytes) {
            return Err(OutOfBounds { offset, len, size_bytes });
        }
        Ok(())
    }
}

/// The parts of an access by page: number, offset within, range within the access.
fn split(offset: u64, len: usize) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let page_bytes = PAGE_BYTES as u64;
    let mut done = 0;
    std::iter::from_fn(move || {
        if done == len {
            return None;
        }
        let position = offset + done as u64;
        let at = usize::try_from(position % page_bytes).expect("less than a page");
        let start = done;
        done = len.min(done + PAGE_BYTES - at);
        Some((position / page_bytes, at, start..done))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_huge_memory_holds_only_what_was_written() {
        let mut memory = StableMemory::new();
        assert_eq!(memory.grow(PAGES_MAX), Some(0));
        assert_eq!(memory.grow(1), None);
        let end = memory.size_bytes();
        assert_eq!(memory.write(end - 3, b"end").unwrap(), 1);
        assert_eq!(memory.write(1 << 38, &vec![0; 100_000]).unwrap(), 25);
        assert_eq!(memory.held_bytes(), 4096);
        assert_eq!(
            memory.write(end - 2, b"end"),
            Err(OutOfBounds { offset: end - 2, len: 3, size_bytes: end })
        );
        assert!(memory.read(u64::MAX, &mut [0]).is_err());
        memory.read(u64::MAX, &mut []).unwrap();
    }

    #[test]
    fn copies_do_not_see_each_other() {
        let mut one = StableMemory::new();
        one.grow(1);
        one.write(0, b"one").unwrap();
        one.commit();
        let mut two = one.clone();
        two.write(0, b"two").unwrap();
        let mut seen = [0; 3];
        one.read(0, &mut seen).unwrap();
        assert_eq!(&seen, b"one");
    }

    #[test]
    fn the_first_difference_is_found_and_shared_pages_have_none() {
        let mut one = StableMemory::new();
        one.grow(2);
        one.write(70_000, b"same").unwrap();
        let mut two = one.clone();
        assert_eq!(one.first_difference(&two), None);
        two.write(100_000, b"x").unwrap();
        two.write(70_002, b"o").unwrap();
        assert_eq!(one.first_difference(&two), Some(70_002));
        two.write(70_000, b"same").unwrap();
        assert_eq!(two.first_difference(&one), Some(100_000));
        two.write(100_000, &[0]).unwrap();
        assert_eq!(one.first_difference(&two), None, "zeros that were written are zeros");
        two.grow(1);
        assert_eq!(one.first_difference(&two), Some(2 * WASM_PAGE_BYTES));
    }

    #[derive(Clone, Debug)]
    enum Operation {
        Write(u64, Vec<u8>),
        Grow(u64),
        Commit,
        RollBack,
    }

    fn operations() -> impl Strategy<Value = Vec<Operation>> {
        let operation = prop_oneof![
            6 => (0_u64..70_000, prop::collection::vec(0_u8..3, 0..9_000))
                .prop_map(|(at, bytes)| Operation::Write(at, bytes)),
            1 => (0_u64..3).prop_map(Operation::Grow),
            2 => Just(Operation::Commit),
            2 => Just(Operation::RollBack),
        ];
        prop::collection::vec(operation, 1..30)
    }

    proptest! {
        #[test]
        fn it_behaves_as_a_plain_vector(operations in operations()) {
            let (mut memory, mut model, mut committed) = (StableMemory::new(), Vec::new(), Vec::new());
            for operation in operations {
                match operation {
                    Operation::Write(at, bytes) => {
                        let start = usize::try_from(at).unwrap();
                        let fits = bytes.is_empty() || start + bytes.len() <= model.len();
                        prop_assert_eq!(memory.write(at, &bytes).is_ok(), fits);
                        if fits && !bytes.is_empty() {
                            model[start..start + bytes.len()].copy_from_slice(&bytes);
                        }
                    }
                    Operation::Grow(pages) => {
                        memory.grow(pages).unwrap();
                        model.resize(usize::try_from(memory.size_bytes()).unwrap(), 0_u8);
                    }
                    Operation::Commit => {
                        memory.commit();
                        committed.clone_from(&model);
                    }
                    Operation::RollBack => {
                        memory.roll_back();
                        model.clone_from(&committed);
                    }
                }
                let mut seen = vec![9; model.len()];
                prop_assert_eq!(memory.size_bytes(), model.len() as u64);
                memory.read(0, &mut seen).unwrap();
                prop_assert!(seen == model);
            }
        }
    }
}
