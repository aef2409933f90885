//! The part of the check that holds the index of contents to the memories. Owns no repair.

use super::Tally;
use crate::contents::original_of;
use crate::ids::CapsuleId;
use crate::store::Store;
use ic_stable_structures::Memory;

impl<R: Memory, H: Memory> Store<R, H> {
    /// Each memory that the index reaches has its row, where it has an original; there is no other row.
    pub(super) fn check_contents(&self, tally: &mut Tally) {
        let mut indexed = 0;
        let reached = |id: &crate::ids::MemoryId| self.has_contents() && self.contents.reaches(*id);
        for (id, memory) in self.memories.iter().filter(|(id, _)| reached(id)) {
            let Some(sha256) = original_of(&memory) else { continue };
            indexed += 1;
            let found = self.contents.contains(CapsuleId(memory.capsule), &sha256, id);
            tally.expect(found, || format!("{id}: its original is not in the index of contents"));
        }
        let rows = self.contents.len();
        tally
            .expect(rows == indexed, || format!("{indexed} originals, {rows} rows in the index of contents"));
    }
}
