//! Messages to the module, under the wasm host.

use crate::Failure;
use crate::sender::{Sender, user};
use keepsake_service::{Kind, endpoints};
use keepsake_wasm_host::{Canister, CanisterModule, Instructions, Options, StableMemory};

/// Time until the first timers of a canister have run, ns.
const SETTLED_AFTER_NS: u64 = 2_000_000_000;

/// A caller of the module.
pub(crate) struct OnCanister(pub(crate) Canister);

impl OnCanister {
    /// A new canister.
    pub(crate) fn installed(module: &CanisterModule) -> Result<Self, Failure> {
        Ok(Self::settled(Canister::install(module, &[], &Options::default())?))
    }

    /// A canister that finds `pages`.
    pub(crate) fn over(module: &CanisterModule, pages: StableMemory) -> Result<Self, Failure> {
        Ok(Self::settled(Canister::adopt(module, pages, &[], &Options::default())?))
    }

    fn settled(mut canister: Canister) -> Self {
        canister.advance(SETTLED_AFTER_NS);
        Self(canister)
    }

    pub(crate) fn fork(&self) -> Self {
        Self(self.0.fork())
    }

    /// What the last message cost.
    pub(crate) fn cost(&self) -> Instructions {
        self.0.last_cost()
    }
}

impl Sender for OnCanister {
    fn send(&mut self, method: &str, arg: &[u8]) -> Result<Vec<u8>, Failure> {
        let query = endpoints::kind(method) == Some(Kind::Query);
        let answer =
            if query { self.0.query(user(), method, arg) } else { self.0.update(user(), method, arg) };
        answer.map_err(|rejection| format!("{method}: {rejection}").into())
    }
}
