//! What the canister can pay for: how many more pages of memory leave it far enough from being frozen. Owns the rule;
//! where growth asks is in `memory.rs`.
//!
//! The system freezes a canister whose balance falls below what its memory costs for the freezing threshold, and traps
//! a message whose growth would bring it there. So growth is refused before that, with a fifth of what is free left over
//! and [`RUNWAY_CYCLES`] beside, so that deletes and top-ups still have cycles to run.
//!
//! The price of a page is the larger of two. One follows from what the operator said ([`Upkeep`]). The other is seen:
//! the system tells the balance and how much of it is free, and the rest is what it wants for the memory that there is.
//! So the price is right on a subnet of any size, at prices of any year, and where the canister's own threshold is longer than
//! was said. What is seen also holds the module and other things that are paid for by time, so it errs on the safe side; a
//! canister with a large compute allocation would see far too much, hence [`SEEN_TIMES_MAX`].
//! Source: [cycles costs](https://docs.internetcomputer.org/references/cycles-cost-formulas).

use keepsake_service::Upkeep;
use std::cell::Cell;

/// Cycles for a GiB and a second on 13 nodes.
const GIB_SECOND_CYCLES: u128 = 127_000;
const REFERENCE_NODES: u128 = 13;
const PAGES_PER_GIB: u128 = 16_384;
/// Kept beside the freezing threshold: about 20,000 deletes.
const RUNWAY_CYCLES: u128 = 100_000_000_000;
/// The price that is seen counts up to so many times what was said: 34 nodes for 13, and six times the days.
const SEEN_TIMES_MAX: u128 = 16;

thread_local! {
    static UPKEEP: Cell<Upkeep> = Cell::new(Upkeep::default());
}

/// From now on, memory costs what this says, or more.
pub(crate) fn set(upkeep: Upkeep) {
    UPKEEP.set(upkeep);
}

/// Pages of memory that the canister can pay for beside those that it has. Two system calls.
pub(crate) fn affordable_pages() -> u64 {
    let purse = Purse {
        cycles: ic_cdk::api::canister_cycle_balance(),
        liquid_cycles: ic_cdk::api::canister_liquid_cycle_balance(),
        pages: ic_cdk::api::stable_size() + heap_pages(),
    };
    purse.affordable_pages(UPKEEP.get())
}

#[cfg(target_family = "wasm")]
fn heap_pages() -> u64 {
    core::arch::wasm32::memory_size::<0>() as u64
}

#[cfg(not(target_family = "wasm"))]
fn heap_pages() -> u64 {
    0
}

/// What the system says of the canister.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Purse {
    cycles: u128,
    /// Above the freezing threshold.
    liquid_cycles: u128,
    /// Of the heap and stable memory.
    pages: u64,
}

impl Purse {
    fn affordable_pages(self, upkeep: Upkeep) -> u64 {
        let pages = u128::from(self.pages.max(1));
        let said = page_cycles(upkeep);
        let seen = self.cycles.saturating_sub(self.liquid_cycles).div_ceil(pages);
        let page = said.max(seen.min(said * SEEN_TIMES_MAX)).max(1);
        let free = self.cycles.saturating_sub(pages * said).min(self.liquid_cycles);
        let spare = free.saturating_sub(RUNWAY_CYCLES);
        u64::try_from(spare / 5 * 4 / page).unwrap_or(u64::MAX)
    }
}

/// A page for the time of the threshold, by what the operator said.
fn page_cycles(upkeep: Upkeep) -> u128 {
    let page_seconds = GIB_SECOND_CYCLES * u128::from(upkeep.freezing_threshold_secs) / PAGES_PER_GIB;
    page_seconds * u128::from(upkeep.subnet_nodes) / REFERENCE_NODES
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_SECS: u64 = 24 * 3_600;
    const T: u128 = 1_000_000_000_000;

    /// What the system would say on a subnet with such a price, for memory beside the module's 20 pages.
    fn purse(cycles: u128, pages: u64, real_page_cycles: u128) -> Purse {
        let frozen = u128::from(pages + 20) * real_page_cycles;
        Purse { cycles, liquid_cycles: cycles.saturating_sub(frozen), pages }
    }

    #[test]
    fn after_all_growth_that_is_allowed_a_margin_is_left_on_every_subnet() {
        let said = Upkeep::default();
        let page_90_days = page_cycles(said);
        assert_eq!(page_90_days / 1_000_000, 60, "million cycles");
        // 13 and 34 nodes, two and a half times the price, thresholds of a month and a year.
        for real in
            [page_90_days / 3, page_90_days, page_90_days * 34 / 13, page_90_days * 7, page_90_days * 16]
        {
            for cycles in [T / 10, T / 2, 3 * T, 20 * T, 5_000 * T] {
                for pages in [400, 5_000, 1_000_000] {
                    let before = purse(cycles, pages, real);
                    let grown = before.affordable_pages(said);
                    let after = purse(cycles, pages + grown, real);
                    let place = format!("{real} a page, {cycles} cycles, {pages} pages");
                    assert!(grown == 0 || after.liquid_cycles >= RUNWAY_CYCLES, "{place}");
                    let margin = before.liquid_cycles.saturating_sub(RUNWAY_CYCLES) / 5;
                    assert!(grown == 0 || after.liquid_cycles >= margin, "{place}");
                    let idle = u128::from(pages + grown) * page_90_days;
                    assert!(grown == 0 || cycles >= idle + RUNWAY_CYCLES, "{place}: 90 days, as was said");
                }
            }
        }
    }

    #[test]
    fn a_canister_with_cycles_may_grow() {
        let said = Upkeep::default();
        let real = page_cycles(said);
        assert!(purse(3 * T, 1_000, real).affordable_pages(said) > 30_000, "nearly two GiB for 3 T");
        assert_eq!(purse(0, 1_000, real).affordable_pages(said), 0);
        assert_eq!(purse(RUNWAY_CYCLES + 1_020 * real, 1_000, real).affordable_pages(said), 0);
        let month = Upkeep { freezing_threshold_secs: 30 * DAY_SECS, ..said };
        let grown = purse(3 * T, 1_000, page_cycles(month)).affordable_pages(month);
        assert!(grown > 100_000, "three times as many for a third of the time: {grown}");
    }

    #[test]
    fn a_compute_allocation_does_not_stop_growth_for_good() {
        let said = Upkeep::default();
        let (cycles, pages) = (200 * T, 1_000);
        let frozen = 80 * T; // one percent of a core for 90 days
        let purse = Purse { cycles, liquid_cycles: cycles - frozen, pages };
        assert!(purse.affordable_pages(said) > 50_000);
    }
}
