//! A memory that counts what is done to it. Owns the counts; the bytes are those of the memory below.

use ic_stable_structures::Memory;
use std::cell::Cell;
use std::ops::Sub;
use std::rc::Rc;

/// What was done to one or more memories.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    /// Reads and writes.
    pub(crate) calls: u64,
    /// Bytes read and written.
    pub(crate) bytes: u64,
}

impl Sub for Cost {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self { calls: self.calls - before.calls, bytes: self.bytes - before.bytes }
    }
}

/// Clones, and memories made with the same count, count together.
#[derive(Clone, Default)]
pub(crate) struct CountingMemory<M> {
    pub(crate) inner: M,
    pub(crate) cost: Rc<Cell<Cost>>,
}

impl<M> CountingMemory<M> {
    fn count(&self, bytes: usize) {
        let Cost { calls, bytes: before } = self.cost.get();
        self.cost.set(Cost { calls: calls + 1, bytes: before + bytes as u64 });
    }
}

impl<M: Memory> Memory for CountingMemory<M> {
    fn size(&self) -> u64 {
        self.inner.size()
    }

    fn grow(&self, pages: u64) -> i64 {
        self.count(0);
        self.inner.grow(pages)
    }

    fn read(&self, offset: u64, dst: &mut [u8]) {
        self.count(dst.len());
        self.inner.read(offset, dst);
    }

    fn write(&self, offset: u64, src: &[u8]) {
        self.count(src.len());
        self.inner.write(offset, src);
    }
}
