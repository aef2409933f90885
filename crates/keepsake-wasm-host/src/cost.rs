//! What the IC charges besides wasm operators: system calls, bytes moved, pages made dirty; and the sum of it.
//!
//! Owns the table of overheads and [`Instructions`]. The weights of operators are in `weights.rs`.
//!
//! | work | instructions | source in `dfinity/ic`, below `rs/embedders/src` |
//! |---|---|---|
//! | a wasm operator | its weight, 1 for most | `wasm_utils/instrumentation.rs`, `instruction_to_cost` |
//! | `memory.copy`, `.fill`, `.init` | 100 + 1 per byte | the same |
//! | a system call | 500 for most, see [`overhead`] | `wasmtime_embedder/system_api_complexity.rs` |
//! | bytes that a system call copies | 1 per byte | `wasmtime_embedder/linker.rs`, `charge_for_cpu_and_mem` |
//! | bytes of a reply, a reject, a call's payload | 50 per byte | the same, `BYTE_TRANSMISSION_COST_FACTOR` |
//! | `stable64_read`, `stable64_write` | 20 + 1 per byte | `wasm_utils/system_api_replacements.rs` |
//! | a page of 4 KiB of stable memory, first written in a message | 1,000, at once | the same, `dirty_page_overhead` |
//! | a page of 4 KiB of the heap, changed by a message | 1,000, after the message | `ic_config::subnet_config` |
//!
//! Known differences: a heap page that was written with the bytes it already had counts on the IC and not here;
//! `memory.grow`, `data.drop` and `elem.drop` weigh 255 here and 300 there (wasmtime's weights are bytes); what
//! `debug_print` and `trap` print is charged as for a full log (2 per byte).

/// Bytes of a page of dirty memory.
pub const PAGE_BYTES: usize = 4096;

/// Instructions for a page made dirty.
pub const DIRTY_PAGE_INSTRUCTIONS: u64 = 1_000;

/// Instructions for a byte that leaves the canister.
pub const SENT_BYTE_INSTRUCTIONS: u64 = 50;

/// Instructions that one message, or several, cost. [`Instructions::total`] is what the IC charges for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Instructions {
    /// Wasm operators by weight, with the bytes of bulk memory operators.
    pub wasm: u64,
    /// Fixed overheads of system calls.
    pub system: u64,
    /// Bytes that system calls copied, but for those below: 1 each.
    pub copied_bytes: u64,
    /// Bytes read from and written to stable memory: 1 each.
    pub stable_bytes: u64,
    /// Bytes of replies, rejects and payloads of calls: 50 each.
    pub sent_bytes: u64,
    /// Pages of 4 KiB of stable memory that were written: 1,000 each.
    pub dirty_stable_pages: u64,
    /// Pages of 4 KiB of the heap that changed: 1,000 each, which `performance_counter` does not see.
    pub dirty_heap_pages: u64,
}

impl Instructions {
    /// What the IC charges for.
    pub fn total(&self) -> u64 {
        self.counted() + self.dirty_heap_pages * DIRTY_PAGE_INSTRUCTIONS
    }

    /// What `ic0.performance_counter` had shown at the end of the message.
    pub fn counted(&self) -> u64 {
        self.wasm + self.charged()
    }

    /// All but wasm operators and dirty heap pages.
    pub(crate) fn charged(&self) -> u64 {
        self.system
            + self.copied_bytes
            + self.stable_bytes
            + self.sent_bytes * SENT_BYTE_INSTRUCTIONS
            + self.dirty_stable_pages * DIRTY_PAGE_INSTRUCTIONS
    }
}

impl std::ops::AddAssign for Instructions {
    fn add_assign(&mut self, other: Self) {
        self.wasm += other.wasm;
        self.system += other.system;
        self.copied_bytes += other.copied_bytes;
        self.stable_bytes += other.stable_bytes;
        self.sent_bytes += other.sent_bytes;
        self.dirty_stable_pages += other.dirty_stable_pages;
        self.dirty_heap_pages += other.dirty_heap_pages;
    }
}

/// Fixed instructions of a system call.
///
/// The stable calls are replaced by wasm functions in the IC's instrumentation: they cost what those charge.
pub(crate) fn overhead(call: &str) -> u64 {
    match call {
        "stable64_size" => 0,
        "stable64_read" | "stable64_write" => 20,
        "stable64_grow" | "debug_print" => 100,
        "performance_counter" => 200,
        "is_controller" => 1_000,
        "call_new" => 1_500,
        "call_perform" => 5_000,
        _ => 500,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_weighs_each_part() {
        let one = Instructions {
            wasm: 1,
            system: 10,
            copied_bytes: 100,
            stable_bytes: 1_000,
            sent_bytes: 2,
            dirty_stable_pages: 20,
            dirty_heap_pages: 300,
        };
        assert_eq!(one.counted(), 1 + 10 + 100 + 1_000 + 100 + 20_000);
        assert_eq!(one.total(), one.counted() + 300_000);
        let mut two = one;
        two += one;
        assert_eq!(two.total(), 2 * one.total());
    }
}
