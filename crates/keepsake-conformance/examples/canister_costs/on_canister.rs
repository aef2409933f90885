//! Messages to the module, under the wasm host.

use crate::Failure;
use crate::sender::{Sender, user};
use candid::Principal;
use keepsake_canister::install::Settings;
use keepsake_service::{Kind, WireAdmission, endpoints};
use keepsake_wasm_host::{Canister, CanisterModule, Instructions, Options, StableMemory};

/// Time until the first timers of a canister have run, ns.
const SETTLED_AFTER_NS: u64 = 2_000_000_000;

/// A caller of the module.
pub(crate) struct OnCanister(pub(crate) Canister, Principal);

impl OnCanister {
    /// A new canister.
    pub(crate) fn installed(module: &CanisterModule) -> Result<Self, Failure> {
        Ok(Self::settled(Canister::install(module, &for_everybody()?, &Options::default())?))
    }

    /// A canister that finds `pages`.
    pub(crate) fn over(module: &CanisterModule, pages: StableMemory) -> Result<Self, Failure> {
        Ok(Self::settled(Canister::adopt(module, pages, &for_everybody()?, &Options::default())?))
    }

    fn settled(mut canister: Canister) -> Self {
        canister.advance(SETTLED_AFTER_NS);
        Self(canister, user())
    }

    pub(crate) fn fork(&self) -> Self {
        Self(self.0.fork(), self.1)
    }

    /// A copy of it, which somebody else calls.
    pub(crate) fn fork_for(&self, caller: Principal) -> Self {
        Self(self.0.fork(), caller)
    }

    /// Somebody else calls from now on.
    pub(crate) fn calls_as(&mut self, caller: Principal) {
        self.1 = caller;
    }

    /// What the last message cost.
    pub(crate) fn cost(&self) -> Instructions {
        self.0.last_cost()
    }
}

/// The argument of an installation that takes everybody in.
fn for_everybody() -> Result<Vec<u8>, Failure> {
    let settings = Settings { admission: Some(WireAdmission::Everybody), ..Settings::default() };
    Ok(candid::encode_one(Some(settings))?)
}

impl Sender for OnCanister {
    fn send(&mut self, method: &str, arg: &[u8]) -> Result<Vec<u8>, Failure> {
        let query = endpoints::kind(method) == Some(Kind::Query);
        let answer =
            if query { self.0.query(self.1, method, arg) } else { self.0.update(self.1, method, arg) };
        answer.map_err(|rejection| format!("{method}: {rejection}").into())
    }
}
