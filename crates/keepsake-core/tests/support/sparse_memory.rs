//! A memory that keeps only the pages that were written, and is copied in O(pages) pointers. Owns bytes, no fault.
#![allow(dead_code, reason = "every test binary uses its own part")]

use ic_stable_structures::Memory;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

pub(crate) const PAGE_BYTES: usize = 4_096;
const WASM_PAGE_BYTES: u64 = 65_536;
/// More than any disk has: a growth beyond is a bug.
const PAGES_MAX: u64 = 1 << 32;

pub(crate) type Page = Rc<[u8; PAGE_BYTES]>;

/// What a memory holds at one moment.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Image {
    /// Size, pages of 64 KiB.
    pub(crate) size: u64,
    /// Pages of 4 KiB by number; absent ones are zero.
    pub(crate) pages: BTreeMap<u64, Page>,
}

/// Clones share their bytes.
#[derive(Clone, Default)]
pub(crate) struct SparseMemory(Rc<RefCell<Image>>);

impl SparseMemory {
    pub(crate) fn image(&self) -> Image {
        self.0.borrow().clone()
    }

    pub(crate) fn restore(&self, image: &Image) {
        *self.0.borrow_mut() = image.clone();
    }

    pub(crate) fn of(image: Image) -> Self {
        Self(Rc::new(RefCell::new(image)))
    }
}

/// Cuts `offset..offset + len` at page bounds: page, start within it, start within the data, length.
fn cuts(offset: u64, len: usize) -> impl Iterator<Item = (u64, usize, usize, usize)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done == len {
            return None;
        }
        let at = offset + done as u64;
        let within = usize::try_from(at % PAGE_BYTES as u64).expect("smaller than a page");
        let part = (PAGE_BYTES - within).min(len - done);
        let cut = (at / PAGE_BYTES as u64, within, done, part);
        done += part;
        Some(cut)
    })
}

impl Memory for SparseMemory {
    fn size(&self) -> u64 {
        self.0.borrow().size
    }

    fn grow(&self, pages: u64) -> i64 {
        let mut image = self.0.borrow_mut();
        if image.size + pages > PAGES_MAX {
            return -1;
        }
        let before = image.size;
        image.size += pages;
        i64::try_from(before).expect("the size is bounded")
    }

    fn read(&self, offset: u64, dst: &mut [u8]) {
        let image = self.0.borrow();
        assert!(offset + dst.len() as u64 <= image.size * WASM_PAGE_BYTES, "a read stays within the memory");
        for (page, within, done, part) in cuts(offset, dst.len()) {
            let into = &mut dst[done..done + part];
            match image.pages.get(&page) {
                Some(bytes) => into.copy_from_slice(&bytes[within..within + part]),
                None => into.fill(0),
            }
        }
    }

    fn write(&self, offset: u64, src: &[u8]) {
        let mut image = self.0.borrow_mut();
        assert!(offset + src.len() as u64 <= image.size * WASM_PAGE_BYTES, "a write stays within the memory");
        for (page, within, done, part) in cuts(offset, src.len()) {
            let from = &src[done..done + part];
            if !image.pages.contains_key(&page) && from.iter().all(|byte| *byte == 0) {
                continue;
            }
            let bytes = image.pages.entry(page).or_insert_with(|| Rc::new([0; PAGE_BYTES]));
            Rc::make_mut(bytes)[within..within + part].copy_from_slice(from);
        }
    }
}
