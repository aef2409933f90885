//! Extents: contiguous runs of heap bytes, and how several of them read as one. Owns the arithmetic only.

use minicbor::{Decode, Encode};

/// Extents start at multiples of this and take whole ones, bytes: one page of the IC's dirty-page accounting
/// and of most disks.
pub const GRANULE_BYTES: u64 = 4_096;

/// A contiguous run of bytes in the blob heap.
#[derive(Encode, Decode, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// First byte, a multiple of [`GRANULE_BYTES`].
    #[n(0)]
    pub offset: u64,
    /// Bytes in use; the rest of the last granule belongs to the extent too.
    #[n(1)]
    pub len: u64,
}

impl Extent {
    /// Bytes that the extent takes in the heap.
    pub fn allocated(&self) -> u64 {
        whole_granules(self.len)
    }
}

pub(super) fn whole_granules(len: u64) -> u64 {
    len.next_multiple_of(GRANULE_BYTES)
}

/// The runs that hold bytes `offset..offset + len` of what `extents` make up together.
pub(super) fn runs(extents: &[Extent], offset: u64, len: u64) -> impl Iterator<Item = Extent> + '_ {
    let end = offset + len;
    let mut at = 0;
    extents.iter().filter_map(move |extent| {
        let (from, to) = (offset.max(at), end.min(at + extent.len));
        let start = at;
        at += extent.len;
        (from < to).then(|| Extent { offset: extent.offset + (from - start), len: to - from })
    })
}

/// As [`runs`], collected: for hosts that read the heap themselves.
pub(crate) fn slice(extents: &[Extent], offset: u64, len: u64) -> Vec<Extent> {
    runs(extents, offset, len).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_cut_across_extents() {
        let extents = [Extent { offset: 0, len: 8_192 }, Extent { offset: 40_960, len: 100 }];
        let cut: Vec<_> = runs(&extents, 8_000, 250).collect();
        assert_eq!(cut, [Extent { offset: 8_000, len: 192 }, Extent { offset: 40_960, len: 58 }]);
        assert_eq!(runs(&extents, 8_292, 0).count(), 0);
        assert_eq!(slice(&extents, 8_200, 5), [Extent { offset: 40_968, len: 5 }]);
    }
}
