//! The record of one session, and the arithmetic of its chunks. Owns no storage.

use crate::heap::{Extent, GRANULE_BYTES};
use crate::ids::SessionId;
use crate::limits::{CHUNK_BYTES_MAX, ENDED_TTL_NS, SESSION_TTL_NS};
use crate::record::principal;
use crate::rolling::Rolling;
use crate::tables::runs::{InRuns, Place};
use ic_principal::Principal;
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

/// Where a session stands.
#[derive(Encode, Decode, Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// Takes chunks.
    #[n(0)]
    Pending,
    /// Became this blob.
    #[n(1)]
    Finished(#[n(0)] u64),
    /// Was aborted; kept so that a repeated abort is answered.
    #[n(2)]
    Aborted,
}

/// A session's record: about 250 bytes, whatever the size of the file.
#[derive(Encode, Decode, Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// The capsule it uploads into.
    #[n(0)]
    pub capsule: u64,
    /// Who began it.
    #[cbor(n(1), with = "principal")]
    pub caller: Principal,
    /// The key given at begin.
    #[n(2)]
    pub idem: String,
    /// Chunks announced.
    #[n(3)]
    pub expected: u32,
    /// Length announced, bytes.
    #[n(4)]
    pub total_len: Option<u64>,
    /// SHA-256 announced.
    #[n(5)]
    pub sha256: Option<ByteArray<32>>,
    /// MIME type announced.
    #[n(6)]
    pub mime_type: Option<String>,
    /// Begin time, ns.
    #[n(7)]
    pub created_ns: u64,
    /// Last successful message, ns.
    #[n(8)]
    pub last_seen_ns: u64,
    /// Pending, finished or aborted.
    #[n(9)]
    pub state: SessionState,
    /// Length of every chunk but the last, 0 until known, bytes.
    #[n(10)]
    pub chunk_len: u32,
    /// Length of the last chunk, 0 until known, bytes.
    #[n(11)]
    pub tail_len: u32,
    /// Chunks received.
    #[n(12)]
    pub received: u32,
    /// Bytes received.
    #[n(13)]
    pub bytes_received: u64,
    /// Place of all chunks but the last, in a session of layout 2 or older; else they lie in runs.
    #[n(14)]
    pub body: Vec<Extent>,
    /// Place of the last chunk.
    #[n(15)]
    pub tail: Vec<Extent>,
    /// Chunks of the contiguous prefix that the hash has taken.
    #[n(16)]
    pub hashed: u32,
    /// SHA-256 of them.
    #[n(17)]
    pub rolling: Rolling,
    /// The time of its entry in the queue of what is due, ns; none in a record of before this was kept.
    #[n(18)]
    pub due_ns: Option<u64>,
    /// Chunks that its runs have room for.
    #[cbor(n(19), default)]
    pub room: u32,
    /// Bytes that it is charged for: what was announced, else what was received. None in a record of layout 2 or older.
    #[n(20)]
    pub charged: Option<u64>,
    /// The object in the bucket that its bytes go to; none where they come here.
    #[n(21)]
    pub object: Option<u64>,
}

impl SessionRecord {
    /// Evicted, or forgotten, when this is in the past, ns.
    pub fn deadline_ns(&self) -> u64 {
        let ttl = if self.state == SessionState::Pending { SESSION_TTL_NS } else { ENDED_TTL_NS };
        self.last_seen_ns.saturating_add(ttl)
    }

    pub(crate) fn touch(&mut self, now_ns: u64) {
        self.last_seen_ns = self.last_seen_ns.max(now_ns);
    }

    pub(crate) fn is_tail(&self, index: u32) -> bool {
        index + 1 == self.expected
    }

    /// Length of a received chunk, bytes.
    pub(crate) fn len_of(&self, index: u32) -> u32 {
        if self.is_tail(index) { self.tail_len } else { self.chunk_len }
    }

    /// Where its bytes lie; those of the last chunk come right after the others, once the length of these is known.
    pub(crate) fn place(&self, id: SessionId) -> Place {
        if !self.body.is_empty() {
            let extents = self.body.iter().chain(&self.tail).copied().collect();
            return Place { runs: None, extents };
        }
        let len = u64::from(self.expected - 1) * u64::from(self.chunk_len);
        let runs = (len > 0).then_some(InRuns { session: id, chunk_len: self.chunk_len, len });
        Place { runs, extents: self.tail.clone() }
    }

    /// Where chunk `index` begins in [`Self::place`].
    pub(crate) fn offset_of(&self, index: u32) -> u64 {
        u64::from(index) * u64::from(self.chunk_len)
    }

    /// Bytes received of all chunks but the last.
    pub(crate) fn body_bytes(&self) -> u64 {
        self.bytes_received - u64::from(self.tail_len)
    }

    /// Chunks that its runs may have room for: twice as many as came, each of them counted in whole granules, and one.
    pub(crate) fn room_max(&self) -> u32 {
        let chunk_len = u64::from(self.chunk_len.max(1));
        let came = u32::try_from(self.body_bytes() / chunk_len).unwrap_or(u32::MAX);
        let together = u32::try_from(GRANULE_BYTES / chunk_len).unwrap_or(1).max(1);
        came.saturating_mul(together).saturating_mul(2).saturating_add(1)
    }

    /// Bytes that it is charged for. In a record of layout 2 or older: what its extents hold or will hold.
    pub(crate) fn charged(&self) -> u64 {
        let extents = || self.body.iter().chain(&self.tail).map(|extent| extent.len).sum();
        self.charged.unwrap_or_else(extents)
    }

    /// Length of the contiguous prefix that the hash has taken, bytes.
    pub(crate) fn hashed_bytes(&self) -> u64 {
        if self.hashed == self.expected {
            self.bytes_received
        } else {
            u64::from(self.hashed) * u64::from(self.chunk_len)
        }
    }

    /// Its bytes are another's now, or nobody's: it has no place and is charged for nothing.
    pub(crate) fn give_up_place(&mut self) {
        (self.body, self.tail) = (Vec::new(), Vec::new());
        (self.room, self.charged, self.object) = (0, None, None);
    }

    pub(crate) fn announces_same(&self, other: &Self) -> bool {
        (self.expected, self.total_len, self.sha256, &self.mime_type, self.object.is_some())
            == (other.expected, other.total_len, other.sha256, &other.mime_type, other.object.is_some())
    }

    /// What a chunk of `len` bytes at `index` breaks, in words; none where it fits.
    pub(crate) fn length_misfit(&self, index: u32, len: u64) -> Option<String> {
        let bodies = u64::from(self.expected - 1);
        if self.is_tail(index) {
            if self.chunk_len > 0 && len > u64::from(self.chunk_len) {
                return Some(format!("the last is not longer than the others: {}", self.chunk_len));
            }
            let total = self.total_len?;
            let fits = if self.chunk_len > 0 {
                total == bodies * u64::from(self.chunk_len) + len
            } else {
                splits(total, len, bodies)
            };
            return (!fits).then(|| format!("which does not add up to total_len {total}"));
        }
        if self.chunk_len > 0 && len != u64::from(self.chunk_len) {
            return Some(format!("the others have {}", self.chunk_len));
        }
        if len < u64::from(self.tail_len) {
            return Some(format!("the last has {} and is not longer than the others", self.tail_len));
        }
        let total = self.total_len?;
        let tail = total.checked_sub(bodies * len);
        let fits = match self.tail_len {
            0 => tail.is_some_and(|tail| (1..=len).contains(&tail)),
            known => tail == Some(u64::from(known)),
        };
        (!fits).then(|| format!("which does not add up to total_len {total}"))
    }
}

/// A last chunk of `tail` bytes and `bodies` equal longer ones can make `total`.
fn splits(total: u64, tail: u64, bodies: u64) -> bool {
    let Some(rest) = total.checked_sub(tail) else { return false };
    if bodies == 0 {
        return rest == 0;
    }
    let chunk = rest / bodies;
    rest % bodies == 0 && chunk >= tail && chunk <= u64::from(CHUNK_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::splits;

    #[test]
    fn a_tail_fits_a_total_when_the_rest_divides_into_longer_chunks() {
        assert!(splits(25, 5, 2));
        assert!(!splits(25, 6, 2), "19 is odd");
        assert!(!splits(25, 15, 2), "5 is shorter than the tail");
        assert!(splits(7, 7, 0));
        assert!(!splits(7, 6, 0));
        assert!(!splits(7, 8, 3));
    }
}
