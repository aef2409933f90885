//! How a peer takes what it is sent: since when its socket is full, and how far it is behind the least rate.
//!
//! Owns the rate. Owns no decision: `places.rs` has the patience.
//!
//! Being behind is a debt of time. While the socket is full, it grows as time goes by; each byte that is taken then pays
//! for as long as it may take at the least rate. Nobody pays ahead, so what was taken fast before is no credit, and
//! whoever takes a byte now and then falls behind as one who takes nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A peer that is waited for takes so many bytes a second.
const BYTES_PER_S_MIN: u64 = 1 << 10;

/// Times are milliseconds, all since the same moment.
#[derive(Debug, Default)]
pub(super) struct Taking(Mutex<Debt>);

#[derive(Debug, Default)]
struct Debt {
    /// Since when the socket takes no bytes; none while it does.
    full_since: Option<u64>,
    /// When it was full last.
    full_until: u64,
    /// Behind the least rate when it became full, or since it is not.
    owed: u64,
}

impl Taking {
    /// The socket takes no bytes now.
    pub(super) fn is_full_at(&self, now: u64) {
        let debt = &mut *self.lock();
        if debt.full_since.is_none() {
            // Meanwhile nobody waited for the peer.
            debt.owed = debt.owed.saturating_sub(now.saturating_sub(debt.full_until));
            debt.full_since = Some(now);
        }
    }

    /// The socket took `bytes`. Returns whether it was full before.
    pub(super) fn takes_at(&self, now: u64, bytes: u64) -> bool {
        let debt = &mut *self.lock();
        let full_since = debt.full_since.take();
        if let Some(since) = full_since {
            debt.owed += now.saturating_sub(since);
            debt.full_until = now;
        }
        debt.owed = debt.owed.saturating_sub(bytes.saturating_mul(1000).div_ceil(BYTES_PER_S_MIN));
        full_since.is_some()
    }

    /// The socket is full: it has something to send, which the peer does not take now.
    pub(super) fn is_full(&self) -> bool {
        self.lock().full_since.is_some()
    }

    /// Since when the peer takes less than it must; none while its socket is not full. It has had this long for each byte
    /// that it took before.
    pub(super) fn behind_since(&self) -> Option<u64> {
        let debt = self.lock();
        debt.full_since.map(|since| since.saturating_sub(debt.owed))
    }

    fn lock(&self) -> MutexGuard<'_, Debt> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How far a full socket's peer is behind at `now`.
    fn behind(taking: &Taking, now: u64) -> Option<u64> {
        taking.behind_since().map(|since| now - since)
    }

    #[test]
    fn whoever_takes_nothing_is_behind_since_its_socket_is_full() {
        let taking = Taking::default();
        assert!(!taking.takes_at(0, 100 << 20), "nothing was full before");
        assert_eq!(behind(&taking, 50_000), None, "nobody waits for it");
        taking.is_full_at(50_000);
        taking.is_full_at(51_000);
        assert!(taking.is_full());
        assert_eq!(behind(&taking, 52_000), Some(2_000), "what it took before is no credit");
    }

    #[test]
    fn a_byte_now_and_then_pays_for_a_millisecond() {
        let taking = Taking::default();
        taking.is_full_at(10_000);
        for (now, paid) in [(11_900, 1), (13_800, 2), (15_700, 3)] {
            assert!(taking.takes_at(now, 1));
            assert_eq!(behind(&taking, now), None);
            taking.is_full_at(now);
            assert_eq!(behind(&taking, now), Some(now - 10_000 - paid));
        }
    }

    #[test]
    fn the_least_rate_is_enough_for_ever_and_half_of_it_falls_behind() {
        let (enough, half) = (Taking::default(), Taking::default());
        enough.is_full_at(10_000);
        half.is_full_at(10_000);
        for round in 1..1000 {
            let now = 10_000 + round * 1000;
            enough.takes_at(now, BYTES_PER_S_MIN);
            enough.is_full_at(now);
            assert_eq!(behind(&enough, now), Some(0));
            half.takes_at(now, BYTES_PER_S_MIN / 2);
            half.is_full_at(now);
            assert_eq!(behind(&half, now), Some(round * 500));
        }
        half.takes_at(2_000_000, 64 << 20);
        half.is_full_at(2_000_000);
        assert_eq!(behind(&half, 2_000_000), Some(0), "a lump pays all of it");
        assert_eq!(behind(&half, 2_003_000), Some(3_000), "and nothing ahead");
    }

    #[test]
    fn time_in_which_nobody_waits_for_the_peer_is_forgiven() {
        let taking = Taking::default();
        taking.is_full_at(10_000);
        taking.takes_at(15_000, 0);
        taking.is_full_at(18_000);
        assert_eq!(behind(&taking, 18_000), Some(2_000));
        taking.takes_at(18_000, 0);
        taking.is_full_at(30_000);
        assert_eq!(behind(&taking, 30_000), Some(0));
    }
}
