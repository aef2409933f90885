//! Nodes in pages: reading a node as far as it is needed, writing what changed of it, taking pages and giving them back.
//!
//! ```text
//! first page of a node      its first bytes
//! further page              "NOF" | next further page u64 (0: none) | its next bytes
//! ```
//! Owns chunks and their free list.

use super::node::{HEAD_BYTES, NEXT_PAGE_AT, NODE_MAGIC, Node, u64_at};
use super::{IN_USE_OFFSET, NONE, Tree};
use ic_stable_structures::Memory;
use std::ops::Range;

pub(super) const WASM_PAGE_BYTES: u64 = 65_536;
pub(super) const CHUNK_MAGIC: &[u8; 4] = b"CHK\x01";
const CHUNK_HEAD_BYTES: u64 = CHUNK_HEAD_LEN as u64;
pub(super) const CHUNK_HEAD_LEN: usize = 16;
const CHUNK_NEXT_AT: u64 = 8;
pub(super) const FURTHER_MAGIC: &[u8; 3] = b"NOF";
/// Bytes of a further page before the node's.
pub(super) const FURTHER_HEAD_BYTES: usize = 11;
pub(super) const FURTHER_NEXT_AT: usize = 3;
/// Spare buffers: as many as a deep tree has levels.
const SPARE_MAX: usize = 8;
/// A second write costs about as much as so many bytes.
const WRITE_ALONG_BYTES: usize = 400;

impl<M: Memory> Tree<M> {
    /// Reads a node as far as the keys can reach.
    pub(super) fn load(&self, address: u64) -> Node {
        let spare = self.spare.borrow_mut().pop();
        let mut bytes = spare.unwrap_or_else(|| vec![0; self.search_bytes]);
        self.memory.read(address, &mut bytes);
        assert_eq!(&bytes[..4], NODE_MAGIC, "a node is where its address says");
        let next_page = u64_at(&bytes, NEXT_PAGE_AT);
        let front = self.search_bytes < self.page_bytes;
        let mut node =
            Node { address, pages: Vec::new(), next_page, bytes, front, key_bytes: self.key_bytes };
        let values_at = node.values_at();
        self.read_to(&mut node, values_at);
        node
    }

    /// Is done with a node.
    pub(super) fn let_go(&self, node: Node) {
        let mut spare = self.spare.borrow_mut();
        if node.bytes.len() == self.search_bytes && spare.len() < SPARE_MAX {
            spare.push(node.bytes);
        }
    }

    /// Reads on until `len` bytes of the node are there.
    fn read_to(&self, node: &mut Node, len: usize) {
        if node.bytes.len() < len {
            self.read_first_page(node);
            while node.bytes.len() < len {
                self.read_page(node);
            }
        }
    }

    /// Reads what is missing of a node's first page.
    fn read_first_page(&self, node: &mut Node) {
        if node.front {
            node.front = false;
            node.bytes.resize(self.page_bytes, 0);
            let have = self.search_bytes;
            self.memory.read(node.address + have as u64, &mut node.bytes[have..]);
        }
    }

    fn read_page(&self, node: &mut Node) {
        assert_ne!(node.next_page, NONE, "a node lies in its pages");
        // The page's head goes over bytes that are put back then: all of it is one read.
        let at = node.bytes.len() - FURTHER_HEAD_BYTES;
        let mut covered = [0; FURTHER_HEAD_BYTES];
        covered.copy_from_slice(&node.bytes[at..]);
        node.bytes.resize(at + self.page_bytes, 0);
        self.memory.read(node.next_page, &mut node.bytes[at..]);
        assert_eq!(&node.bytes[at..at + 3], FURTHER_MAGIC, "a further page is where its address says");
        node.pages.push(node.next_page);
        node.next_page = u64_at(&node.bytes, at + FURTHER_NEXT_AT);
        node.bytes[at..at + FURTHER_HEAD_BYTES].copy_from_slice(&covered);
    }

    /// Reads a node as far as value `at` reaches. Gives back where that is in its bytes.
    pub(super) fn value(&self, node: &mut Node, at: usize) -> Range<usize> {
        self.value_front(node, at, usize::MAX)
    }

    /// As [`Self::value`], for the first `most` bytes of the value.
    pub(super) fn value_front(&self, node: &mut Node, at: usize, most: usize) -> Range<usize> {
        let mut start = node.values_at();
        for _ in 0..at {
            self.read_to(node, start + 4);
            start = node.value_from(start).end;
        }
        self.read_to(node, start + 4);
        let mut value = node.value_from(start);
        value.end = value.end.min(value.start.saturating_add(most));
        self.read_to(node, value.end);
        value
    }

    /// Reads all of a node, and cuts off what its last page has beyond it.
    pub(super) fn read_whole(&self, node: &mut Node) {
        self.read_first_page(node);
        while node.next_page != NONE {
            self.read_page(node);
        }
        let end = node.start_of(node.count());
        node.bytes.truncate(end);
    }

    /// Writes a whole node that changed in its head and from byte `from` on. Takes pages that it needs and gives back
    /// those that it needs no more.
    pub(super) fn save(&mut self, node: &mut Node, from: usize) {
        let beyond = node.bytes.len().saturating_sub(self.page_bytes);
        let wanted = beyond.div_ceil(self.page_bytes - FURTHER_HEAD_BYTES);
        let kept = node.pages.len().min(wanted);
        let changed = node.pages.len() != wanted;
        while node.pages.len() > wanted {
            let page = node.pages.pop().expect("there are more than wanted");
            self.give_back(page);
        }
        while node.pages.len() < wanted {
            let page = self.take();
            node.pages.push(page);
        }
        let first = node.pages.first().copied().unwrap_or(NONE);
        node.bytes[NEXT_PAGE_AT..NEXT_PAGE_AT + 8].copy_from_slice(&first.to_le_bytes());
        if changed {
            self.write_links(node, kept);
        }
        if from <= WRITE_ALONG_BYTES {
            self.write_part(node, 0..node.bytes.len());
        } else {
            self.write(node.address, &node.bytes[..HEAD_BYTES]);
            self.write_part(node, from..node.bytes.len());
        }
    }

    /// Writes the heads of further pages from the last one that was kept on.
    fn write_links(&self, node: &Node, kept: usize) {
        for at in kept.saturating_sub(1)..node.pages.len() {
            let mut head = [0; FURTHER_HEAD_BYTES];
            head[..3].copy_from_slice(FURTHER_MAGIC);
            let next = node.pages.get(at + 1).copied().unwrap_or(NONE);
            head[FURTHER_NEXT_AT..].copy_from_slice(&next.to_le_bytes());
            self.write(node.pages[at], &head);
        }
    }

    /// Writes some of a node's bytes to where they lie.
    pub(super) fn write_part(&self, node: &Node, part: Range<usize>) {
        let mut at = part.start;
        while at < part.end {
            let (address, len) = self.place(node, at);
            let end = part.end.min(at + len);
            self.write(address, &node.bytes[at..end]);
            at = end;
        }
    }

    /// Where byte `at` of a node lies, and how many of its bytes lie there in one piece.
    pub(super) fn place(&self, node: &Node, at: usize) -> (u64, usize) {
        let step = self.page_bytes - FURTHER_HEAD_BYTES;
        match at.checked_sub(self.page_bytes) {
            None => (node.address + at as u64, self.page_bytes - at),
            Some(beyond) => {
                let offset = beyond % step;
                (node.pages[beyond / step] + (FURTHER_HEAD_BYTES + offset) as u64, step - offset)
            }
        }
    }

    /// Gives back all pages of a whole node.
    pub(super) fn discard(&mut self, node: Node) {
        for page in node.pages {
            self.give_back(page);
        }
        self.give_back(node.address);
    }

    /// Takes a page.
    pub(super) fn take(&mut self) -> u64 {
        let chunk = self.free_chunk;
        let mut next = [0; 8];
        self.memory.read(chunk + CHUNK_NEXT_AT, &mut next);
        let next = u64::from_le_bytes(next);
        self.write_chunk(chunk, true, next);
        self.free_chunk = if next == NONE {
            let after = chunk + CHUNK_HEAD_BYTES + self.page_bytes as u64;
            self.write_chunk(after, false, NONE);
            after
        } else {
            next
        };
        self.pages_in_use += 1;
        self.write_free();
        chunk + CHUNK_HEAD_BYTES
    }

    fn give_back(&mut self, page: u64) {
        let chunk = page - CHUNK_HEAD_BYTES;
        self.write_chunk(chunk, false, self.free_chunk);
        self.free_chunk = chunk;
        self.pages_in_use -= 1;
        self.write_free();
    }

    pub(super) fn write_chunk(&self, chunk: u64, in_use: bool, next: u64) {
        let mut head = [0; CHUNK_HEAD_LEN];
        head[..4].copy_from_slice(CHUNK_MAGIC);
        head[4] = in_use.into();
        head[8..].copy_from_slice(&next.to_le_bytes());
        self.write(chunk, &head);
    }

    fn write_free(&self) {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.pages_in_use.to_le_bytes());
        bytes[8..].copy_from_slice(&self.free_chunk.to_le_bytes());
        self.write(IN_USE_OFFSET, &bytes);
    }

    /// Writes, and grows the memory as far as needed.
    pub(super) fn write(&self, at: u64, bytes: &[u8]) {
        let pages = (at + bytes.len() as u64).div_ceil(WASM_PAGE_BYTES);
        let missing = pages.saturating_sub(self.memory.size());
        assert!(missing == 0 || self.memory.grow(missing) >= 0, "the host keeps room for the records");
        self.memory.write(at, bytes);
    }
}
