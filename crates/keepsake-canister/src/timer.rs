//! The timer: one bounded slice of housekeeping at a time, and the secret of the HTTP tokens after install.
//!
//! Owns when the timer fires. It is the system's own global timer: `ic-cdk-timers` would call this canister itself for
//! each task, at the price of a call, to outlive a trap. Here any update message sees when the timer is overdue and
//! arms it again, for two instructions.
//!
//! The secret: install cannot await randomness, so the store begins without a secret. The first timer, a second after
//! install, asks the management canister for 32 random bytes; until they come, minting answers a temporary error
//! and no token opens anything. An upgrade in these seconds would find the answer's callback in another module; the
//! usual tools stop a canister, which waits for answers, before they upgrade it.

use crate::entry::ask_for_random_bytes;
use crate::host::{self, Host};
use keepsake_service::Certification;
use std::cell::Cell;

/// Between two looks at what is due: a session lives for a day, so its end may be this much late.
const INTERVAL_NS: u64 = 600 * NS_PER_S;
/// Between two requests for random bytes.
const RETRY_NS: u64 = 10 * NS_PER_S;
/// A slice of memories that are certified anew because others made them public or private.
const WALK_NS: u64 = 10 * NS_PER_S;
const WALKS_IN_A_ROW: u64 = 10;
const NS_PER_S: u64 = 1_000_000_000;

thread_local! {
    static ARMED_FOR_NS: Cell<u64> = const { Cell::new(0) };
    static WALKS: Cell<Walks> = const { Cell::new(Walks { even_at_ns: 0 }) };
}

/// Arms the timer after install and upgrade, which clear it.
pub fn arm_soon() {
    arm(ic_cdk::api::time() + NS_PER_S);
}

/// A slice that trapped leaves no timer behind: then the next update arms it.
pub fn see_that_it_is_armed(now_ns: u64) {
    if now_ns > ARMED_FOR_NS.get() + INTERVAL_NS {
        arm(now_ns);
    }
}

/// `canister_global_timer`.
pub fn fired() {
    host::catch_panics();
    let call = host::call();
    let (more, left, has_secret) = host::with(|host| {
        let more = host.service.tick(&call).more;
        let left = certify(host, call.now_ns);
        host.show_certified(&call);
        (more, left, host.service.has_token_secret())
    });
    if !has_secret {
        ask_for_random_bytes();
    }
    let wait_ns = match (more, left) {
        (true, _) | (_, Certification::Changed) => 0,
        (false, Certification::Walk) => WALKS.get().wait_ns(call.now_ns),
        (false, Certification::Done) if has_secret => INTERVAL_NS,
        (false, Certification::Done) => RETRY_NS,
    };
    arm(call.now_ns + wait_ns);
}

/// A slice of certification, where there is room for what it adds; housekeeping gives room back and needs none.
fn certify(host: &mut Host, now_ns: u64) -> Certification {
    if !host.regions.reserve() {
        return Certification::Done;
    }
    let mut walks = WALKS.get();
    let walk = host.service.walk_waits() && walks.take(now_ns);
    WALKS.set(walks);
    host.service.certify(walk)
}

/// How often memories may be gone through that did not change themselves. A short message that makes a capsule public or
/// private causes that for all memories in it, and the same person may send the next at once. So after ten slices in
/// a row there is one every ten seconds, for all capsules together, by turns.
#[derive(Clone, Copy, Debug, Default)]
struct Walks {
    /// When all that was taken is paid back, at a slice for each [`WALK_NS`].
    even_at_ns: u64,
}

impl Walks {
    /// A slice may be done now, and is counted.
    fn take(&mut self, now_ns: u64) -> bool {
        let may = self.wait_ns(now_ns) == 0;
        if may {
            self.even_at_ns = self.even_at_ns.max(now_ns) + WALK_NS;
        }
        may
    }

    fn wait_ns(self, now_ns: u64) -> u64 {
        self.even_at_ns.saturating_sub(now_ns + WALKS_IN_A_ROW * WALK_NS - WALK_NS)
    }
}

/// The random bytes are here, as a Candid blob.
pub fn random_bytes_came(reply: &[u8]) {
    let bytes: Vec<u8> = candid::decode_one(reply).expect("raw_rand answers a blob");
    let secret: [u8; 32] = bytes.try_into().expect("raw_rand answers 32 bytes");
    host::with(|host| host.service.set_token_secret(&secret));
}

/// The call failed: the timer tries again.
pub fn random_bytes_failed() {
    ic_cdk::api::debug_print("raw_rand failed: HTTP tokens wait for their secret; trying again");
}

/// The timer fires at this time, or as soon as it can.
pub fn arm(at_ns: u64) {
    ARMED_FOR_NS.set(at_ns);
    ic_cdk::api::global_timer_set(at_ns);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_slices_come_in_a_row_and_then_one_every_ten_seconds() {
        let (mut walks, start) = (Walks::default(), 1_000 * NS_PER_S);
        let mut taken = Vec::new();
        for second in 0..3_600 {
            if walks.take(start + second * NS_PER_S) {
                taken.push(second);
            }
        }
        assert_eq!(taken[..10], (0..10).collect::<Vec<_>>());
        assert!(taken[12..].windows(2).all(|pair| pair[1] - pair[0] == 10), "{taken:?}");
        assert!(
            taken.len() <= 371,
            "an hour of somebody who changes a capsule all the time: {}",
            taken.len()
        );
        let now_ns = start + 3_600 * NS_PER_S;
        assert!(walks.wait_ns(now_ns) <= 10 * NS_PER_S);
        assert!((0..10).all(|_| walks.take(now_ns + 100 * NS_PER_S)), "it is paid back in time");
    }
}
