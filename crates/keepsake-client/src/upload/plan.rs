//! How a file is cut into chunks, and which of them are to be sent. Pure arithmetic.

use keepsake_api::UploadStatus;

/// A file of `total_len` bytes, cut into chunks of `chunk_bytes`; the last may be shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    total_len: u64,
    chunk_bytes: u32,
    chunks: u32,
}

impl Cut {
    /// None where the chunks cannot be numbered. Both arguments are at least 1.
    pub(crate) fn new(total_len: u64, chunk_bytes: u32) -> Option<Self> {
        let chunks = u32::try_from(total_len.div_ceil(u64::from(chunk_bytes))).ok()?;
        Some(Self { total_len, chunk_bytes, chunks })
    }

    pub(crate) fn chunks(&self) -> u32 {
        self.chunks
    }

    pub(crate) fn total_len(&self) -> u64 {
        self.total_len
    }

    /// Offset of a chunk, bytes.
    pub(crate) fn offset(&self, index: u32) -> u64 {
        u64::from(index) * u64::from(self.chunk_bytes)
    }

    /// Length of a chunk, bytes.
    pub(crate) fn len(&self, index: u32) -> u32 {
        let rest = self.total_len - self.offset(index);
        u32::try_from(rest).map_or(self.chunk_bytes, |rest| rest.min(self.chunk_bytes))
    }
}

/// Less is never what a proxy's limit leaves, bytes.
const SMALLER_CHUNK_MIN: u32 = 100_000;

/// By what to cut a file of `bytes` anew where a proxy let no chunk of `refused` bytes through.
pub(crate) fn smaller(refused: u32, bytes: u64, chunks_max: u32) -> Option<u32> {
    let next = refused / 2;
    (next >= SMALLER_CHUNK_MIN && bytes.div_ceil(u64::from(next)) <= u64::from(chunks_max)).then_some(next)
}

/// Which chunks are missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    ranges: Vec<(u32, u32)>,
    chunks: u32,
}

impl Missing {
    /// From what the service says. Where it did not show all ranges, everything behind the last one
    /// shown counts as missing: sending a chunk again is harmless.
    pub(crate) fn new(status: &UploadStatus, cut: &Cut) -> Self {
        let chunks = cut.chunks();
        let mut ranges = status.missing.clone();
        if status.missing_truncated {
            let shown_end = ranges.last().map_or(0, |range| range.1);
            ranges.push((shown_end, chunks));
        }
        ranges.retain(|(start, end)| start < end);
        Self { ranges, chunks }
    }

    /// O(log of the number of ranges).
    pub(crate) fn contains(&self, index: u32) -> bool {
        let behind = self.ranges.partition_point(|range| range.0 <= index);
        behind > 0 && index < self.ranges[behind - 1].1
    }

    /// Number of chunks to send.
    pub(crate) fn count(&self) -> u32 {
        self.ranges.iter().map(|(start, end)| end - start).sum()
    }

    /// Number of chunks that are there.
    pub(crate) fn present(&self) -> u32 {
        self.chunks - self.count()
    }

    /// Bytes that are there.
    pub(crate) fn bytes_present(&self, cut: &Cut) -> u64 {
        let missing: u64 = self.ranges.iter().map(|&(start, end)| range_bytes(cut, start, end)).sum();
        cut.total_len() - missing
    }
}

fn range_bytes(cut: &Cut, start: u32, end: u32) -> u64 {
    let last = end - 1;
    cut.offset(last) + u64::from(cut.len(last)) - cut.offset(start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use keepsake_api::SessionState;
    use proptest::prelude::*;

    fn status(missing: Vec<(u32, u32)>, missing_truncated: bool) -> UploadStatus {
        UploadStatus {
            expected_chunks: 0,
            received_chunks: 0,
            bytes_received: 0,
            chunk_size: None,
            missing,
            missing_truncated,
            expires_at: 0,
            state: SessionState::Pending,
            capsule_id: String::new(),
        }
    }

    #[test]
    fn the_last_chunk_is_shorter_or_full() {
        let cut = Cut::new(10, 4).unwrap();
        assert_eq!((cut.chunks(), cut.len(0), cut.len(2), cut.offset(2)), (3, 4, 2, 8));
        let even = Cut::new(8, 4).unwrap();
        assert_eq!((even.chunks(), even.len(1)), (2, 4));
        assert_eq!(Cut::new(1, 4).unwrap().chunks(), 1);
    }

    #[test]
    fn too_many_chunks_are_refused() {
        assert_eq!(Cut::new(u64::MAX, 1), None);
    }

    #[test]
    fn hidden_ranges_count_as_missing() {
        let cut = Cut::new(100, 10).unwrap();
        let missing = Missing::new(&status(vec![(1, 2), (4, 5)], true), &cut);
        let indices: Vec<_> = (0..10).filter(|index| missing.contains(*index)).collect();
        assert_eq!(indices, [1, 4, 5, 6, 7, 8, 9]);
        assert_eq!((missing.count(), missing.present()), (7, 3));
    }

    proptest! {
        #[test]
        fn chunks_cover_the_file_without_gap_or_overlap(total in 1_u64..100_000, chunk in 1_u32..5_000) {
            let cut = Cut::new(total, chunk).unwrap();
            let mut next = 0;
            for index in 0..cut.chunks() {
                prop_assert_eq!(cut.offset(index), next);
                prop_assert!(cut.len(index) >= 1 && cut.len(index) <= chunk);
                next += u64::from(cut.len(index));
            }
            prop_assert_eq!(next, total);
        }

        #[test]
        fn missing_agrees_with_a_plain_set(present in proptest::collection::vec(any::<bool>(), 1..200)) {
            let count = u32::try_from(present.len()).unwrap();
            let cut = Cut::new(u64::from(count) * 10 - 3, 10).unwrap();
            let mut ranges: Vec<(u32, u32)> = Vec::new();
            for index in (0..count).filter(|index| !present[*index as usize]) {
                match ranges.last_mut() {
                    Some(last) if last.1 == index => last.1 += 1,
                    _ => ranges.push((index, index + 1)),
                }
            }
            let missing = Missing::new(&status(ranges, false), &cut);
            let mut bytes = 0;
            for index in 0..count {
                prop_assert_eq!(missing.contains(index), !present[index as usize]);
                if present[index as usize] { bytes += u64::from(cut.len(index)); }
            }
            prop_assert_eq!(missing.bytes_present(&cut), bytes);
        }
    }
}
