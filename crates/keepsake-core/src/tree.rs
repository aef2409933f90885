//! An ordered map of bytes in stable memory: a B-tree in the form that `ic-stable-structures`' `StableBTreeMap` 0.7 keeps
//! (its nodes of version 2), so that either opens what the other wrote. Owns the header and the look-up; how a node
//! lies in bytes is in `tree/node.rs`, in pages in `tree/pages.rs`; changes are in `tree/change.rs`, walks in
//! `tree/walk.rs`, the check is in `tree/check.rs`. Types are put on it by [`crate::map`].
//!
//! Why not that map itself: it reads a node value by value and writes it anew value by value. Here a page is read at once,
//! and what a change leaves is written at once. `cargo xtask bench tree` repeats this, two runs, in maps of 20,000 entries
//! over a plain vector, where a call of the memory costs least; on the canister it is a system call, on the node it looks
//! a page up:
//! ```text
//!                                 this tree              that map
//!                             µs  calls  bytes        µs  calls  bytes
//! get a record of 250        0.6      7  2,544       2.6     91  1,028
//! get what is not there      0.3      5    995   2.1–2.3     92    795
//! replace a record       0.7–0.8      8  2,794   3.8–4.0    125  4,859
//! insert a record        1.2–1.4     15  6,381      4–12    152  6,163
//! remove a record        1.5–1.9     15  6,543      5–13    194  9,607
//! insert into an index   0.5–0.6      9  1,726   3.2–3.5    139  1,394
//! remove from an index       0.6      9  1,742   4.0–4.1    178  1,714
//! 50 keys of an index    2.8–2.9     13  3,362       5.3    191  2,082
//! ```
//! A record lies under a `u64`, an entry of an index is a key of 16 bytes.
//!
//! ```text
//!    0  "BTR" 2 | page bytes u32 | 2^32-1 | root u64 (0: none) | entries u64
//!   52  "BTA" 1 | zero u32 | page bytes u64 | pages in use u64 | first free chunk u64 | 16 zeros
//!  100  chunks: "CHK" 1 | in use u8 | 3 zeros | next free chunk u64 (0: none yet, the next one follows this) | a page
//! ```
//! All little-endian. Keys all have one length. Source: `ic-stable-structures` 0.7, `btreemap.rs` and
//! `btreemap/allocator.rs`.

mod change;
mod check;
mod node;
mod pages;
mod walk;

#[cfg(test)]
mod tests;

pub(crate) use walk::Walk;

use ic_stable_structures::Memory;
use node::{Node, u64_at};
use std::cell::RefCell;

const MAGIC: &[u8; 4] = b"BTR\x02";
const CHUNKS_MAGIC: &[u8; 4] = b"BTA\x01";
const CHUNKS_OFFSET: usize = 52;
const HEADER_BYTES: usize = 100;
const FIRST_CHUNK: u64 = HEADER_BYTES as u64;
const ROOT_OFFSET: u64 = 12;
const LEN_OFFSET: u64 = 20;
const IN_USE_OFFSET: u64 = 68;
/// The page length of the header is a length, and not made of those of keys and values.
const PLAIN_PAGE_BYTES: u32 = u32::MAX;
/// No node, no page.
const NONE: u64 = 0;

/// The tree over its memory.
pub(crate) struct Tree<M: Memory> {
    memory: M,
    key_bytes: usize,
    page_bytes: usize,
    /// What of a node is read at first.
    search_bytes: usize,
    root: u64,
    len: u64,
    pages_in_use: u64,
    free_chunk: u64,
    /// Buffers of fronts that were looked at: clearing new ones would be an instruction for each byte.
    spare: RefCell<Vec<Vec<u8>>>,
}

impl<M: Memory> Tree<M> {
    /// Opens the tree in `memory`; makes one with pages of `page_bytes` where there is none.
    pub(crate) fn open(memory: M, key_bytes: usize, page_bytes: u32) -> Self {
        let tree = Self::open_unmade(memory, key_bytes, page_bytes);
        if tree.memory.size() == 0 {
            tree.format();
        }
        tree
    }

    /// As [`Self::open`], but writes nothing: where there is no tree, the first entry makes it.
    pub(crate) fn open_unmade(memory: M, key_bytes: usize, page_bytes: u32) -> Self {
        if memory.size() == 0 {
            return Self::empty(memory, key_bytes, page_bytes);
        }
        let mut header = [0; HEADER_BYTES];
        memory.read(0, &mut header);
        let number = |at: u64| u64_at(&header, usize::try_from(at).expect("within the header"));
        let made = header.starts_with(MAGIC);
        let plain = header[8..12] == PLAIN_PAGE_BYTES.to_le_bytes();
        assert!(
            made && plain && header[CHUNKS_OFFSET..].starts_with(CHUNKS_MAGIC),
            "a tree has its two headers"
        );
        let page_bytes = usize::try_from(u64_at(&header, CHUNKS_OFFSET + 8)).expect("a page fits memory");
        Self {
            key_bytes,
            page_bytes,
            search_bytes: page_bytes.min(node::search_bytes(key_bytes)),
            root: number(ROOT_OFFSET),
            len: number(LEN_OFFSET),
            pages_in_use: number(IN_USE_OFFSET),
            free_chunk: number(IN_USE_OFFSET + 8),
            spare: RefCell::default(),
            memory,
        }
    }

    fn empty(memory: M, key_bytes: usize, page_bytes: u32) -> Self {
        let page = usize::try_from(page_bytes).expect("a page fits memory");
        Self {
            memory,
            key_bytes,
            page_bytes: page,
            search_bytes: page.min(node::search_bytes(key_bytes)),
            root: NONE,
            len: 0,
            pages_in_use: 0,
            free_chunk: FIRST_CHUNK,
            spare: RefCell::default(),
        }
    }

    /// Writes the headers of an empty tree.
    fn format(&self) {
        let page_bytes = u32::try_from(self.page_bytes).expect("it was one");
        let mut header = [0; HEADER_BYTES];
        header[..4].copy_from_slice(MAGIC);
        header[4..8].copy_from_slice(&page_bytes.to_le_bytes());
        header[8..12].copy_from_slice(&PLAIN_PAGE_BYTES.to_le_bytes());
        header[52..56].copy_from_slice(CHUNKS_MAGIC);
        header[60..68].copy_from_slice(&u64::from(page_bytes).to_le_bytes());
        header[76..84].copy_from_slice(&FIRST_CHUNK.to_le_bytes());
        self.write(0, &header);
        self.write_chunk(FIRST_CHUNK, false, NONE);
    }

    /// Entries in it.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Bytes of the pages that its nodes lie in. O(1).
    pub(crate) fn bytes_in_use(&self) -> u64 {
        self.pages_in_use * self.page_bytes as u64
    }

    /// The value under a key. O(log n) page reads, and those of the value's node up to it.
    pub(crate) fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        let (mut node, at) = self.find(key)?;
        let value = self.value(&mut node, at);
        Some(node.bytes[value].to_vec())
    }

    /// The first bytes of the value under a key, at most `most`. O(log n) page reads, and those of the values before it
    /// in its node.
    pub(crate) fn get_front(&self, key: &[u8], most: usize) -> Option<Vec<u8>> {
        let (mut node, at) = self.find(key)?;
        let value = self.value_front(&mut node, at, most);
        Some(node.bytes[value].to_vec())
    }

    /// Whether there is a value under a key. O(log n) page reads.
    pub(crate) fn contains(&self, key: &[u8]) -> bool {
        self.find(key).is_some()
    }

    /// The node that has the key, and which of its entries that is.
    fn find(&self, key: &[u8]) -> Option<(Node, usize)> {
        let mut address = self.root;
        while address != NONE {
            let node = self.load(address);
            match node.search(key) {
                Ok(at) => return Some((node, at)),
                Err(_) if node.is_leaf() => address = NONE,
                Err(at) => address = node.child(at),
            }
            self.let_go(node);
        }
        None
    }

    fn set_root(&mut self, root: u64) {
        self.root = root;
        self.write(ROOT_OFFSET, &root.to_le_bytes());
    }

    fn set_len(&mut self, len: u64) {
        self.len = len;
        self.write(LEN_OFFSET, &len.to_le_bytes());
    }
}
