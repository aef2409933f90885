//! A canister: installed from a module, sent messages, moved in time, upgraded.
//!
//! Owns the order of messages and what an installation or upgrade means. How one message runs is in `instance.rs`;
//! the calls that messages make are carried out in `canister/calls.rs`.

mod calls;

use std::collections::VecDeque;
use std::sync::Arc;

use candid::Principal;

use crate::certificate::RootKey;
use crate::cost::Instructions;
use crate::cycles::Subnet;
use crate::error::{HostError, Rejection};
use crate::instance::{Entry, Instance};
use crate::module::CanisterModule;
use crate::stable::{self, StableMemory};
use crate::system::{Durable, Kind, Message, System};

/// Time between two runs of a global timer that is always due: a round of the IC.
const ROUND_NS: u64 = 1_000_000_000;
const DAY_SECS: u64 = 24 * 3_600;

/// How a canister is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its id.
    pub canister_id: Principal,
    /// Who controls it.
    pub controllers: Vec<Principal>,
    /// Its clock at the start, ns since 1970; it moves by [`Canister::advance`] only.
    pub now_ns: u64,
    /// Its balance; nothing is ever charged to it.
    pub cycles: u128,
    /// Where it runs.
    pub subnet: Subnet,
    /// Below what its memory costs for so many seconds it is frozen; the IC's default is 30 days.
    pub freezing_threshold_secs: u64,
    /// Of the root key and of `raw_rand`: the same seed gives the same run.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            canister_id: Principal::from_slice(&[0, 0, 0, 0, 0, 0, 0, 7, 1, 1]),
            controllers: vec![],
            now_ns: 1_750_000_000_000_000_000,
            cycles: 1_000_000_000_000_000,
            subnet: Subnet::default(),
            freezing_threshold_secs: 30 * 24 * 3_600,
            seed: 1,
        }
    }
}

/// A canister that runs in this process.
pub struct Canister {
    module: CanisterModule,
    /// None only while a method replaces it.
    instance: Option<Instance>,
    cost: Instructions,
    inspection_cost: Instructions,
}

impl std::fmt::Debug for Canister {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Canister").field("id", &self.system().id.to_text()).finish_non_exhaustive()
    }
}

/// State before anything is installed.
pub(crate) fn blank() -> System {
    System::new(&Options::default(), StableMemory::new())
}

impl System {
    fn new(options: &Options, stable: StableMemory) -> Self {
        Self {
            id: options.canister_id,
            controllers: options.controllers.clone(),
            now_ns: options.now_ns,
            cycles: options.cycles,
            subnet: options.subnet,
            freezing_threshold_secs: options.freezing_threshold_secs,
            module_bytes: 0,
            root: Arc::new(RootKey::from_seed(options.seed)),
            seed: options.seed,
            random_calls: 0,
            printed: VecDeque::new(),
            stable,
            stable_pages_max: stable::PAGES_MAX,
            instructions_max: None,
            durable: Durable::default(),
            committed: Durable::default(),
            message: Message::new(Kind::Start, Principal::management_canister(), Vec::new()),
            certificate: None,
            memory: None,
        }
    }
}

impl Canister {
    /// Installs `module` into an empty canister: runs `canister_init` with `arg`, if the module has it.
    ///
    /// # Errors
    /// [`HostError::Rejected`] when it fails.
    pub fn install(module: &CanisterModule, arg: &[u8], options: &Options) -> Result<Self, HostError> {
        let system = System::new(options, StableMemory::new());
        Self::begin(module, system, Kind::Init, "canister_init", arg)
    }

    /// A canister that finds `stable` as if an older module had left it: runs `canister_post_upgrade` with `arg`.
    ///
    /// # Errors
    /// [`HostError::Rejected`] when it fails.
    pub fn adopt(
        module: &CanisterModule,
        mut stable: StableMemory,
        arg: &[u8],
        options: &Options,
    ) -> Result<Self, HostError> {
        stable.commit();
        let system = System::new(options, stable);
        Self::begin(module, system, Kind::PostUpgrade, "canister_post_upgrade", arg)
    }

    fn begin(
        module: &CanisterModule,
        system: System,
        kind: Kind,
        entry: &str,
        arg: &[u8],
    ) -> Result<Self, HostError> {
        let rejected = |rejection| HostError::Rejected { entry: entry.to_owned(), rejection };
        let controller = system.controllers.first().copied().unwrap_or(Principal::anonymous());
        let system = System { module_bytes: module.bytes(), ..system };
        let instance = Instance::start(module, system).map_err(rejected)?;
        let mut canister = Self {
            module: module.clone(),
            instance: Some(instance),
            cost: Instructions::default(),
            inspection_cost: Instructions::default(),
        };
        if module.has(entry) {
            canister
                .run(&Entry::Export(entry.to_owned()), Message::new(kind, controller, arg.to_vec()), true)
                .map_err(rejected)?;
        }
        Ok(canister)
    }

    /// Upgrades to the module it has.
    ///
    /// # Errors
    /// As [`upgrade_to`](Self::upgrade_to).
    pub fn upgrade(&mut self, arg: &[u8]) -> Result<(), HostError> {
        let module = self.module.clone();
        self.upgrade_to(&module, arg)
    }

    /// Upgrades to `module`: `canister_pre_upgrade` of the old one if it has it, a new instance over the same stable
    /// memory, `canister_post_upgrade` with `arg` if it has it. The global timer is off afterwards, unless set anew.
    ///
    /// # Errors
    /// [`HostError::Rejected`] when an entry point fails; all is as before then.
    pub fn upgrade_to(&mut self, module: &CanisterModule, arg: &[u8]) -> Result<(), HostError> {
        self.cost = Instructions::default();
        // Without `canister_pre_upgrade`, nothing of the old instance is touched.
        let before = self.module.has("canister_pre_upgrade").then(|| self.fork());
        let result = self.try_upgrade(module, arg);
        if let (Err(_), Some(before)) = (&result, before) {
            self.instance = before.instance;
        }
        result
    }

    fn try_upgrade(&mut self, module: &CanisterModule, arg: &[u8]) -> Result<(), HostError> {
        let controller = self.system().controllers.first().copied().unwrap_or(Principal::anonymous());
        if self.module.has("canister_pre_upgrade") {
            let entry = Entry::Export("canister_pre_upgrade".into());
            self.run(&entry, Message::new(Kind::PreUpgrade, controller, vec![]), true).map_err(
                |rejection| HostError::Rejected { entry: "canister_pre_upgrade".into(), rejection },
            )?;
        }
        let mut system = self.system().clone();
        system.durable.timer_at_ns = 0;
        system.commit();
        system.message = Message::new(Kind::Start, controller, vec![]);
        let after = Self::begin(module, system, Kind::PostUpgrade, "canister_post_upgrade", arg)?;
        self.cost += after.cost;
        self.instance = after.instance;
        self.module = after.module;
        Ok(())
    }

    /// A user's update call: `canister_inspect_message`, then the method, then what it calls, to the answer.
    ///
    /// # Errors
    /// [`Rejection`] when the canister is frozen, or the message is turned away, fails or is rejected.
    pub fn update(&mut self, caller: Principal, method: &str, arg: &[u8]) -> Result<Vec<u8>, Rejection> {
        self.cost = Instructions::default();
        self.thawed()?;
        self.inspect(caller, method, arg)?;
        self.call_uninspected(caller, method, arg)
    }

    /// The same by another canister: nobody inspects it.
    ///
    /// # Errors
    /// [`Rejection`] when the canister is frozen, or it fails or is rejected.
    pub fn call_uninspected(
        &mut self,
        caller: Principal,
        method: &str,
        arg: &[u8],
    ) -> Result<Vec<u8>, Rejection> {
        self.cost = Instructions::default();
        self.thawed()?;
        self.drive(caller, method, arg.to_vec())
    }

    /// A frozen canister runs no update.
    fn thawed(&self) -> Result<(), Rejection> {
        if self.cycles() < self.freezing_cycles() { Err(Rejection::frozen()) } else { Ok(()) }
    }

    /// Whether the canister takes this update call: `canister_inspect_message`. True when it has none.
    ///
    /// # Errors
    /// [`Rejection`] when it does not, or fails.
    pub fn inspect(&mut self, caller: Principal, method: &str, arg: &[u8]) -> Result<(), Rejection> {
        const ENTRY: &str = "canister_inspect_message";
        if !self.module.has(ENTRY) {
            return Ok(());
        }
        let message = Message::new(Kind::Inspect, caller, arg.to_vec()).named(method);
        self.run(&Entry::Export(ENTRY.into()), message, false)?;
        if self.system().message.accepted { Ok(()) } else { Err(Rejection::not_accepted()) }
    }

    /// A user's query call; it changes nothing.
    ///
    /// # Errors
    /// [`Rejection`] when it fails or is rejected.
    pub fn query(&mut self, caller: Principal, method: &str, arg: &[u8]) -> Result<Vec<u8>, Rejection> {
        self.cost = Instructions::default();
        let entry = format!("canister_query {method}");
        if !self.module.has(&entry) {
            return Err(Rejection::no_method("query", method));
        }
        self.run(&Entry::Export(entry), Message::new(Kind::Query, caller, arg.to_vec()), false)?;
        self.system_mut().message.answer.take().unwrap_or_else(|| Err(Rejection::no_reply()))
    }

    /// Moves the clock on by `ns` and runs the global timer as often as it is due on the way, at most once a second.
    /// Returns how often it ran. What it printed when it failed is in [`printed`](Self::printed).
    pub fn advance(&mut self, ns: u64) -> u64 {
        self.cost = Instructions::default();
        let (end_ns, mut runs) = (self.now_ns().saturating_add(ns), 0);
        let mut next_round_ns = self.now_ns();
        loop {
            let timer_at_ns = self.system().durable.timer_at_ns;
            let at_ns = timer_at_ns.max(next_round_ns);
            if timer_at_ns == 0 || at_ns > end_ns {
                break;
            }
            self.system_mut().now_ns = at_ns;
            self.fire_timer();
            runs += 1;
            next_round_ns = at_ns.saturating_add(ROUND_NS);
        }
        self.system_mut().now_ns = end_ns;
        runs
    }

    /// Moves the clock on by `ns` as if no round came in that time: a timer that is due fires at the next
    /// [`advance`](Self::advance).
    pub fn stall(&mut self, ns: u64) {
        let now_ns = self.now_ns().saturating_add(ns);
        self.system_mut().now_ns = now_ns;
    }

    fn fire_timer(&mut self) {
        // The timer is off before its message runs, and stays so when that fails.
        let system = self.system_mut();
        system.durable.timer_at_ns = 0;
        system.commit();
        if self.module.has("canister_global_timer")
            && let Err(rejection) = self.drive_timer()
        {
            self.system_mut().print(format!("canister_global_timer: {rejection}"));
        }
    }

    /// Runs one message and makes permanent, or takes back, what it did.
    fn run(&mut self, entry: &Entry, message: Message, keep: bool) -> Result<(), Rejection> {
        let instance = self.instance.as_mut().expect("only replaced within a method");
        let result = instance.run(entry, message);
        let commit = keep && result.is_ok();
        if commit {
            instance.system_mut().durable.version += 1;
        }
        let usable = instance.settle(commit);
        let cost = instance.system().message.cost;
        if instance.system().message.kind == Kind::Inspect {
            self.inspection_cost = cost;
        } else {
            self.cost += cost;
        }
        if !usable {
            let message = instance.system().message.clone();
            let kind = std::mem::replace(&mut instance.system_mut().message.kind, Kind::Start);
            self.instance = self.instance.take().map(|instance| instance.revive(&self.module));
            self.system_mut().message = Message { kind, ..message };
        }
        result
    }

    /// A second canister in the same state; from here on they share nothing.
    #[must_use]
    pub fn fork(&self) -> Self {
        let instance = self.instance.as_ref().map(|instance| instance.fork(&self.module));
        Self { module: self.module.clone(), instance, cost: self.cost, inspection_cost: self.inspection_cost }
    }

    fn system(&self) -> &System {
        self.instance.as_ref().expect("only replaced within a method").system()
    }

    fn system_mut(&mut self) -> &mut System {
        self.instance.as_mut().expect("only replaced within a method").system_mut()
    }
}

/// What can be seen from outside.
impl Canister {
    /// Its id.
    pub fn id(&self) -> Principal {
        self.system().id
    }

    /// Its module.
    pub fn module(&self) -> &CanisterModule {
        &self.module
    }

    /// Its clock, ns since 1970.
    pub fn now_ns(&self) -> u64 {
        self.system().now_ns
    }

    /// The key that certificates verify with, in DER.
    pub fn root_key(&self) -> &[u8] {
        self.system().root.public_der()
    }

    /// Signs the root hash of a state tree with the root key, for whoever certifies more than the canister itself sees:
    /// 48 bytes, about a millisecond.
    pub fn sign_state_root(&self, root: &[u8; 32]) -> Vec<u8> {
        self.system().root.sign_state_root(root)
    }

    /// Who controls it.
    pub fn controllers(&self) -> &[Principal] {
        &self.system().controllers
    }

    /// What the last call of a method of this cost, all messages that it ran together but the inspection.
    pub fn last_cost(&self) -> Instructions {
        self.cost
    }

    /// What the last `canister_inspect_message` cost. Nobody is charged for it: one node runs it before the message is
    /// taken in.
    pub fn last_inspection_cost(&self) -> Instructions {
        self.inspection_cost
    }

    /// Its stable memory.
    pub fn stable(&self) -> &StableMemory {
        &self.system().stable
    }

    /// Size of its stable memory.
    pub fn stable_bytes(&self) -> u64 {
        self.system().stable.size_bytes()
    }

    /// Its balance.
    pub fn cycles(&self) -> u128 {
        self.system().cycles
    }

    /// Where it runs.
    pub fn subnet(&self) -> Subnet {
        self.system().subnet
    }

    /// What it pays memory for: its module, its heap, stable memory.
    pub fn memory_bytes(&self) -> u64 {
        self.system().memory_bytes(self.heap_bytes())
    }

    /// With less than so many cycles it is frozen.
    pub fn freezing_cycles(&self) -> u128 {
        self.system().freezing_cycles(self.memory_bytes())
    }

    /// Until it is frozen, if nobody calls it and nobody tops it up.
    pub fn secs_to_freezing(&self) -> u64 {
        let burned_per_day = self.subnet().storage(self.memory_bytes(), DAY_SECS).max(1);
        let above = self.cycles().saturating_sub(self.freezing_cycles());
        u64::try_from(above * u128::from(DAY_SECS) / burned_per_day).unwrap_or(u64::MAX)
    }

    /// Size of its wasm heap.
    pub fn heap_bytes(&self) -> u64 {
        self.instance.as_ref().expect("only replaced within a method").heap_bytes()
    }

    /// The certified data it has set, at most 32 bytes.
    pub fn certified_data(&self) -> &[u8] {
        &self.system().durable.certified_data
    }

    /// When its global timer fires, ns since 1970.
    pub fn timer_at_ns(&self) -> Option<u64> {
        Some(self.system().durable.timer_at_ns).filter(|at_ns| *at_ns != 0)
    }

    /// What it printed since the last call of this, the last 1,000 lines; and why a timer or a clean-up failed.
    pub fn printed(&mut self) -> Vec<String> {
        std::mem::take(&mut self.system_mut().printed).into()
    }

    /// Sets its balance.
    pub fn set_cycles(&mut self, cycles: u128) {
        self.system_mut().cycles = cycles;
    }

    /// From now on the system gives no more stable memory than so many pages of 64 KiB in all: `stable64_grow`
    /// answers -1 beyond. What the canister has it keeps.
    pub fn set_stable_pages_max(&mut self, wasm_pages: u64) {
        self.system_mut().stable_pages_max = wasm_pages;
    }

    /// From now on an update, a timer or the answer to a call ends after so many instructions, wherever it is then:
    /// a fault for tests. None for the IC's own limit. What a system call does, it does whole.
    pub fn set_instructions_max(&mut self, instructions: Option<u64>) {
        self.system_mut().instructions_max = instructions;
    }

    /// Sets who controls it.
    pub fn set_controllers(&mut self, controllers: Vec<Principal>) {
        self.system_mut().controllers = controllers;
    }
}
