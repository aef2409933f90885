//! How a file is cut into the parts that go to the host's bucket, and which of them it lacks. Pure arithmetic.

use crate::bucket::Present;
use keepsake_api::S3Lane;

const MIB: u64 = 1 << 20;

/// Bytes of each part but the last of a file that goes to the bucket: all of it where one part takes it.
pub(crate) fn part_bytes(total_len: u64, lane: &S3Lane) -> u64 {
    if total_len <= lane.put_bytes_max {
        return total_len.max(1);
    }
    let least = lane.part_bytes_min.max(total_len.div_ceil(u64::from(lane.parts_max.max(1))));
    least.max(1).next_multiple_of(MIB)
}

/// A file of `total_len` bytes in parts of `part_bytes`, numbered from 1; the last may be shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartCut {
    total_len: u64,
    part_bytes: u64,
    parts: u32,
}

impl PartCut {
    /// None where the parts cannot be numbered.
    pub(crate) fn new(total_len: u64, part_bytes: u64) -> Option<Self> {
        let parts = u32::try_from(total_len.div_ceil(part_bytes)).ok()?;
        Some(Self { total_len, part_bytes, parts })
    }

    pub(crate) fn parts(&self) -> u32 {
        self.parts
    }

    pub(crate) fn total_len(&self) -> u64 {
        self.total_len
    }

    pub(crate) fn part_bytes(&self) -> u64 {
        self.part_bytes
    }

    /// Offset of a part, bytes.
    pub(crate) fn offset(&self, number: u32) -> u64 {
        u64::from(number - 1) * self.part_bytes
    }

    /// Length of a part, bytes.
    pub(crate) fn len(&self, number: u32) -> u64 {
        self.part_bytes.min(self.total_len - self.offset(number))
    }

    /// Numbers of the parts that the bucket has not, or not whole.
    pub(crate) fn missing(&self, present: &Present) -> Vec<u32> {
        let is_there = |number: &u32| present.parts.get(number) == Some(&self.len(*number));
        (1..=self.parts).filter(|number| !present.is_found && !is_there(number)).collect()
    }
}
