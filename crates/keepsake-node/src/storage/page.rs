//! The unit of the records memory on disk. Owns its size and how a byte range falls on pages.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

/// Bytes of one page. One page with its key and redb's leaf header (4080 + 8 + 4) fits one 4 KiB leaf;
/// a full 4096 would take an 8 KiB leaf and double the file and the bytes written.
pub const PAGE_BYTES: usize = 4080;
/// Bytes of a WebAssembly page, the unit of [`ic_stable_structures::Memory::size`].
pub const WASM_PAGE_BYTES: u64 = 65_536;

/// The bytes of one page.
pub type Page = [u8; PAGE_BYTES];
/// Pages by number.
pub type PageMap = HashMap<u64, Arc<Page>, BuildHasherDefault<PageHasher>>;

/// A page that was never written.
pub(crate) static ZERO_PAGE: Page = [0; PAGE_BYTES];

/// Spreads page numbers; they are small, dense and not chosen by callers.
#[derive(Clone, Copy, Default)]
pub struct PageHasher(u64);

impl Hasher for PageHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        // Fibonacci hashing, folded so that the low bits depend on all of it.
        let product = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = product ^ (product >> 32);
    }
}

/// The part of one page that a byte range covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Page number.
    pub(crate) page: u64,
    /// First byte within the page.
    pub(crate) start: usize,
    /// Bytes of the range on this page.
    pub(crate) len: usize,
}

/// The pieces of `len` bytes from `offset`, in order.
pub(crate) fn pieces(offset: u64, len: usize) -> impl Iterator<Item = Piece> {
    let mut at = offset;
    let mut left = len;
    std::iter::from_fn(move || {
        if left == 0 {
            return None;
        }
        let page_bytes = PAGE_BYTES as u64;
        let start = usize::try_from(at % page_bytes).expect("a remainder of 4080 fits usize");
        let len = left.min(PAGE_BYTES - start);
        let piece = Piece { page: at / page_bytes, start, len };
        at += len as u64;
        left -= len;
        Some(piece)
    })
}

/// Panics, as [`ic_stable_structures::Memory`] asks for, when the range ends beyond `size_pages`.
pub(crate) fn check_bounds(size_pages: u64, offset: u64, len: usize) {
    let end = offset.checked_add(len as u64);
    assert!(
        end.is_some_and(|end| end <= size_pages.saturating_mul(WASM_PAGE_BYTES)),
        "memory access of {len} bytes at {offset} is out of bounds: the memory has {size_pages} pages"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_a_range_once_and_in_order() {
        let all: Vec<_> = pieces(4070, 4100).collect();
        assert_eq!(
            all,
            [
                Piece { page: 0, start: 4070, len: 10 },
                Piece { page: 1, start: 0, len: 4080 },
                Piece { page: 2, start: 0, len: 10 },
            ]
        );
        assert_eq!(pieces(5, 0).count(), 0);
    }

    #[test]
    #[should_panic(expected = "out of bounds")]
    fn a_range_that_overflows_is_out_of_bounds() {
        check_bounds(1, u64::MAX, 2);
    }
}
