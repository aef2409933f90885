//! Memories that break: one that crashes at the n-th change, one whose storage is full. Owns the faults; the bytes are
//! those of the memory below.
#![allow(dead_code, reason = "every test binary uses its own part")]

use ic_stable_structures::Memory;
use std::cell::Cell;
use std::rc::Rc;

/// What the crash of a [`CrashMemory`] unwinds with.
pub(crate) struct Crashed;

/// Counts the changes of several memories and says when to crash. Clones share the count.
#[derive(Clone, Default)]
pub(crate) struct Fuse(Rc<Cell<Option<u64>>>);

impl Fuse {
    /// The n-th change from now, counted from 1, crashes.
    pub(crate) fn set(&self, nth: u64) {
        self.0.set(Some(nth));
    }

    pub(crate) fn clear(&self) {
        self.0.set(None);
    }

    fn burns_out(&self) -> bool {
        let left = self.0.get().map(|left| left.saturating_sub(1));
        self.0.set(left);
        left == Some(0)
    }
}

/// Crashes at the change that its fuse says: the change is not made, or, torn, half of a write is.
#[derive(Clone)]
pub(crate) struct CrashMemory<M> {
    pub(crate) inner: M,
    pub(crate) fuse: Fuse,
    pub(crate) torn: bool,
}

impl<M: Memory> Memory for CrashMemory<M> {
    fn size(&self) -> u64 {
        self.inner.size()
    }

    fn grow(&self, pages: u64) -> i64 {
        if self.fuse.burns_out() {
            // Unwinds without the panic hook: thousands of crashes print nothing.
            std::panic::resume_unwind(Box::new(Crashed));
        }
        self.inner.grow(pages)
    }

    fn read(&self, offset: u64, dst: &mut [u8]) {
        self.inner.read(offset, dst);
    }

    fn write(&self, offset: u64, src: &[u8]) {
        if self.fuse.burns_out() {
            if self.torn {
                self.inner.write(offset, &src[..src.len() / 2]);
            }
            std::panic::resume_unwind(Box::new(Crashed));
        }
        self.inner.write(offset, src);
    }
}

/// Refuses to grow once `left` growths are used up, until it is given more. Clones share the count.
#[derive(Clone)]
pub(crate) struct FailingMemory<M> {
    pub(crate) inner: M,
    pub(crate) left: Rc<Cell<u64>>,
}

impl<M: Memory> Memory for FailingMemory<M> {
    fn size(&self) -> u64 {
        self.inner.size()
    }

    fn grow(&self, pages: u64) -> i64 {
        match self.left.get() {
            0 => -1,
            left => {
                self.left.set(left - 1);
                self.inner.grow(pages)
            }
        }
    }

    fn read(&self, offset: u64, dst: &mut [u8]) {
        self.inner.read(offset, dst);
    }

    fn write(&self, offset: u64, src: &[u8]) {
        self.inner.write(offset, src);
    }
}
