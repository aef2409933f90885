//! What the IC charges in cycles, and how many of them a canister must hold so as not to be frozen.
//!
//! Owns the prices. Nothing is ever charged to a balance here; tests reckon with these numbers. The instructions of
//! a message are in `cost.rs`.
//!
//! | what | cycles on 13 nodes | name in `CyclesAccountManagerConfig` |
//! |---|---|---|
//! | a message that a user sends, and each of its bytes | 1,200,000 and 2,000 | `ingress_message_reception_fee`, `ingress_byte_reception_fee` |
//! | a message that runs, and each of its instructions | 5,000,000 and 1 | `update_message_execution_fee`, `ten_update_instructions_execution_fee` |
//! | a GiB of memory for a second | [`Subnet::gib_second_cycles`] | `gib_storage_per_second_fee` |
//!
//! All of it grows with the number of nodes. Memory is the module, its heap, and stable memory. A canister is frozen when
//! its balance falls below what its memory costs for the freezing threshold, and `stable64_grow` traps where the
//! new size would bring it there.
//!
//! Known differences: `memory.grow` of the heap does not trap for cycles; the price of all instructions that a message
//! might take is not set aside while it runs; storage is reserved on no subnet; a timer runs although the canister is
//! frozen.
//!
//! Source: [cycles costs](https://docs.internetcomputer.org/references/cycles-cost-formulas), and in `dfinity/ic`
//! `rs/config/src/subnet_config.rs` and `rs/cycles_account_manager` (`freeze_threshold_cycles`).

/// Nodes of the subnet that the prices are made for.
const REFERENCE_NODES: u128 = 13;
const GIB: u128 = 1 << 30;
const INGRESS_CYCLES: u128 = 1_200_000;
const INGRESS_BYTE_CYCLES: u128 = 2_000;
const MESSAGE_CYCLES: u128 = 5_000_000;

/// The subnet that a canister runs on, as far as its prices go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// Machines that each hold all of it.
    pub nodes: u32,
    /// Cycles for a GiB and a second on 13 nodes.
    pub gib_second_cycles: u64,
}

impl Default for Subnet {
    fn default() -> Self {
        Self { nodes: 13, gib_second_cycles: 127_000 }
    }
}

impl Subnet {
    /// To keep so many bytes for so long.
    pub fn storage(&self, bytes: u64, secs: u64) -> u128 {
        self.scaled(u128::from(bytes) * u128::from(self.gib_second_cycles) * u128::from(secs) / GIB)
    }

    /// To take in a user's message with an argument of so many bytes.
    pub fn ingress(&self, bytes: u64) -> u128 {
        self.scaled(INGRESS_CYCLES + INGRESS_BYTE_CYCLES * u128::from(bytes))
    }

    /// To run a message of so many instructions.
    pub fn execution(&self, instructions: u64) -> u128 {
        self.scaled(MESSAGE_CYCLES + u128::from(instructions))
    }

    /// A price for 13 nodes, on this subnet.
    pub(crate) fn scaled(&self, cycles: u128) -> u128 {
        cycles * u128::from(self.nodes) / REFERENCE_NODES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEAR_SECS: u64 = 365 * 24 * 3_600;

    #[test]
    fn a_gib_costs_four_trillion_cycles_a_year_and_more_on_more_nodes() {
        let small = Subnet::default();
        assert_eq!(small.storage(1 << 30, YEAR_SECS), 127_000 * u128::from(YEAR_SECS));
        let large = Subnet { nodes: 34, ..small };
        assert_eq!(large.storage(1 << 30, 13), 127_000 * 34);
        assert_eq!(large.execution(8_000_000), 34_000_000);
        assert_eq!(small.ingress(1_800_000), 3_601_200_000);
    }
}
