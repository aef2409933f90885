//! The check of a tree: its nodes are in order, each page is one node's or free, and its counts are those of what is there.
//! Owns no repair.
//!
//! Nothing that is read is trusted: no damage makes it panic or run in circles, or take more memory than a bit for each
//! page, a node for each level and the addresses of one node's pages.

use super::node::{ENTRIES_MAX, ENTRIES_MIN, HEAD_BYTES, NODE_MAGIC, Node, u64_at};
use super::pages::{
    CHUNK_HEAD_LEN, CHUNK_MAGIC, FURTHER_HEAD_BYTES, FURTHER_MAGIC, FURTHER_NEXT_AT, WASM_PAGE_BYTES,
};
use super::{CHUNKS_MAGIC, CHUNKS_OFFSET, FIRST_CHUNK, HEADER_BYTES, MAGIC, NONE, Tree};
use ic_stable_structures::Memory;
use std::ops::RangeInclusive;

/// A page of the shortest keys with no values is longer, one of the longest bounded values is shorter.
const PAGE_BYTES: RangeInclusive<usize> = 64..=1 << 20;
/// Levels below the root: with five entries in each node, more entries than a `u64` counts.
const LEVELS_MAX: usize = 32;

#[cfg(test)]
mod tests;

type Found<T = ()> = Result<T, String>;

/// What was seen of a tree so far.
struct Check<'a, M: Memory> {
    tree: &'a Tree<M>,
    memory_bytes: u64,
    chunk_bytes: u64,
    /// A bit for each chunk that was seen, in a node or free.
    seen: Vec<u64>,
    /// The chunk that was never taken: all before it were.
    fresh: u64,
    pages: u64,
    entries: u64,
    leaf_level: Option<usize>,
}

impl<M: Memory> Tree<M> {
    /// Says in `wrong` what is broken first in the tree, which is called `name` there. O(pages).
    pub(crate) fn check(&self, name: &str, wrong: &mut Vec<String>) {
        if self.memory.size() == 0 {
            return; // The first entry makes it.
        }
        if let Err(what) = Check::begin(self).and_then(Check::run) {
            wrong.push(format!("the tree of {name}: {what}"));
        }
    }
}

fn expect(holds: bool, what: impl FnOnce() -> String) -> Found {
    if holds { Ok(()) } else { Err(what()) }
}

impl<'a, M: Memory> Check<'a, M> {
    fn begin(tree: &'a Tree<M>) -> Found<Self> {
        let mut header = [0; HEADER_BYTES];
        tree.memory.read(0, &mut header);
        let made = header.starts_with(MAGIC) && header[CHUNKS_OFFSET..].starts_with(CHUNKS_MAGIC);
        let same = header[4..8] == header[60..64] && header[64..68] == [0; 4];
        expect(made && same && PAGE_BYTES.contains(&tree.page_bytes), || "its header is none".to_owned())?;
        let memory_bytes = tree.memory.size() * WASM_PAGE_BYTES;
        let chunk_bytes = (CHUNK_HEAD_LEN + tree.page_bytes) as u64;
        let words = (memory_bytes / chunk_bytes).div_ceil(64) + 1;
        let words = usize::try_from(words).map_err(|_| "it has more pages than memory counts".to_owned())?;
        Ok(Self {
            tree,
            memory_bytes,
            chunk_bytes,
            seen: vec![0; words],
            fresh: 0,
            pages: 0,
            entries: 0,
            leaf_level: None,
        })
    }

    fn run(mut self) -> Found {
        let free = self.free()?;
        if self.tree.root != NONE {
            self.node(self.tree.root, 0, (None, None))?;
        }
        let Self { tree, pages, entries, fresh, .. } = self;
        expect(entries == tree.len, || format!("it counts {} entries, {entries} are there", tree.len))?;
        expect(pages == tree.pages_in_use, || {
            format!("it counts {} pages in use, its nodes have {pages}", tree.pages_in_use)
        })?;
        expect(pages + free == fresh, || {
            format!("of {fresh} pages {pages} are in nodes and {free} are free: the others are lost")
        })
    }

    /// Goes through the free chunks; the last of them is the one that was never taken. How many there are before that.
    fn free(&mut self) -> Found<u64> {
        let (mut chunk, mut free, mut last) = (self.tree.free_chunk, 0, 0);
        loop {
            let (number, next) = self.claim(chunk, false)?;
            if next == NONE {
                self.fresh = number;
                expect(number >= last, || format!("the free chunk at {chunk} is not the last one"))?;
                return Ok(free);
            }
            (chunk, free, last) = (next, free + 1, last.max(number));
        }
    }

    /// Sees a chunk for the first time. Its number, and the chunk after it where it is free.
    fn claim(&mut self, chunk: u64, in_use: bool) -> Found<(u64, u64)> {
        let offset = chunk.checked_sub(FIRST_CHUNK).filter(|offset| offset.is_multiple_of(self.chunk_bytes));
        let needed = if in_use { self.chunk_bytes } else { CHUNK_HEAD_LEN as u64 };
        let within = chunk.checked_add(needed).is_some_and(|end| end <= self.memory_bytes);
        let Some(offset) = offset.filter(|_| within) else {
            return Err(format!("there is no chunk at {chunk}"));
        };
        let mut head = [0; CHUNK_HEAD_LEN];
        self.tree.memory.read(chunk, &mut head);
        let sound = head.starts_with(CHUNK_MAGIC) && head[4] == u8::from(in_use);
        let state = if in_use { "in use" } else { "free" };
        expect(sound, || format!("the chunk at {chunk} should be {state}, and is not"))?;
        let number = offset / self.chunk_bytes;
        let (word, bit) =
            (usize::try_from(number / 64).expect("as many as were counted"), 1 << (number % 64));
        expect(self.seen[word] & bit == 0, || format!("the chunk at {chunk} is there twice"))?;
        self.seen[word] |= bit;
        Ok((number, u64_at(&head, 8)))
    }

    /// Sees a page of a node.
    fn page(&mut self, address: u64) -> Found {
        let chunk = address.checked_sub(CHUNK_HEAD_LEN as u64).unwrap_or(NONE);
        let (number, _) = self.claim(chunk, true)?;
        self.pages += 1;
        expect(number < self.fresh, || format!("the page at {address} was never taken"))
    }

    /// A node and all below it, whose keys are to be between `bounds`.
    fn node(&mut self, address: u64, level: usize, bounds: (Option<&[u8]>, Option<&[u8]>)) -> Found {
        expect(level <= LEVELS_MAX, || format!("the node at {address} is too deep"))?;
        let node = self.read(address)?;
        let count = node.count();
        let least = if level == 0 { 1 } else { ENTRIES_MIN };
        expect((least..=ENTRIES_MAX).contains(&count), || {
            format!("the node at {address} has {count} entries")
        })?;
        self.values(&node)?;
        let keys: Vec<_> = (0..count).map(|at| node.key(at)).collect();
        let sorted = keys.is_sorted_by(|one, next| one < next)
            && bounds.0.is_none_or(|lower| lower < keys[0])
            && bounds.1.is_none_or(|upper| keys[count - 1] < upper);
        expect(sorted, || format!("the keys of the node at {address} are not in order"))?;
        self.entries += count as u64;
        if node.is_leaf() {
            let leaf_level = *self.leaf_level.get_or_insert(level);
            return expect(level == leaf_level, || format!("the leaf at {address} is as deep as no other"));
        }
        for at in 0..=count {
            let lower = if at == 0 { bounds.0 } else { Some(keys[at - 1]) };
            let upper = keys.get(at).copied().or(bounds.1);
            self.node(node.child(at), level + 1, (lower, upper))?;
        }
        Ok(())
    }

    /// A node with all its pages, of whose bytes those before the values are read.
    fn read(&mut self, address: u64) -> Found<Node> {
        self.page(address)?;
        let mut bytes = vec![0; HEAD_BYTES];
        self.tree.memory.read(address, &mut bytes);
        let sound = bytes.starts_with(NODE_MAGIC) && bytes[4] <= 1;
        expect(sound, || format!("there is no node at {address}"))?;
        let mut next = u64_at(&bytes, super::node::NEXT_PAGE_AT);
        let (front, key_bytes) = (false, self.tree.key_bytes);
        let mut node = Node { address, pages: Vec::new(), next_page: NONE, bytes, front, key_bytes };
        while next != NONE {
            self.page(next)?;
            node.pages.push(next);
            let mut head = [0; FURTHER_HEAD_BYTES];
            self.tree.memory.read(next, &mut head);
            expect(head.starts_with(FURTHER_MAGIC), || format!("the page at {next} is no further one"))?;
            next = u64_at(&head, FURTHER_NEXT_AT);
        }
        let whole = node.count() <= ENTRIES_MAX && self.room(&node) >= node.values_at();
        expect(whole, || format!("the keys of the node at {address} go beyond its pages"))?;
        let mut front = vec![0; node.values_at()];
        self.read_part(&node, 0, &mut front);
        node.bytes = front;
        Ok(node)
    }

    /// Reads bytes of a node that its pages have room for.
    fn read_part(&self, node: &Node, mut at: usize, mut into: &mut [u8]) {
        while !into.is_empty() {
            let (from, len) = self.tree.place(node, at);
            let (now, later) = into.split_at_mut(len.min(into.len()));
            self.tree.memory.read(from, now);
            (at, into) = (at + len, later);
        }
    }

    /// Bytes that a node's pages have room for.
    fn room(&self, node: &Node) -> usize {
        let page = self.tree.page_bytes;
        page + node.pages.len() * (page - FURTHER_HEAD_BYTES)
    }

    /// The values end within the last page.
    fn values(&self, node: &Node) -> Found {
        let (room, mut end) = (self.room(node), node.values_at());
        let beyond = || format!("the values of the node at {} go beyond its pages", node.address);
        for _ in 0..node.count() {
            let start = end + 4;
            expect(start <= room, beyond)?;
            let mut len = [0; 4];
            self.read_part(node, end, &mut len);
            let len = usize::try_from(u32::from_le_bytes(len)).unwrap_or(usize::MAX);
            end = start.checked_add(len).filter(|end| *end <= room).ok_or_else(beyond)?;
        }
        let wanted =
            end.saturating_sub(self.tree.page_bytes).div_ceil(self.tree.page_bytes - FURTHER_HEAD_BYTES);
        let (has, address) = (node.pages.len(), node.address);
        expect(has == wanted, || format!("the node at {address} has {has} further pages and needs {wanted}"))
    }
}
