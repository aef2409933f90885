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
use crate::host;
use std::cell::Cell;

/// Between two looks at what is due: a session lives for a day, so its end may be this much late.
const INTERVAL_NS: u64 = 600 * NS_PER_S;
/// Between two requests for random bytes.
const RETRY_NS: u64 = 10 * NS_PER_S;
const NS_PER_S: u64 = 1_000_000_000;

thread_local! {
    static ARMED_FOR_NS: Cell<u64> = const { Cell::new(0) };
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
    let (more, has_secret) = host::with(|host| {
        host.regions.reserve();
        let more = host.service.tick(&call).more;
        host.certify(&call);
        (more, host.service.has_token_secret())
    });
    if !has_secret {
        ask_for_random_bytes();
    }
    let wait_ns = match (more, has_secret) {
        (true, _) => 0,
        (false, false) => RETRY_NS,
        (false, true) => INTERVAL_NS,
    };
    arm(call.now_ns + wait_ns);
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
