//! The module against the reference model. A restart is an upgrade. In half of the worlds an upgrade comes before each
//! message besides, and may change neither its answer nor what it leaves in stable memory. `KEEPSAKE_MODEL_SEED` and
//! `KEEPSAKE_MODEL_OPERATIONS` choose another run; a failure prints the command that replays it.

use super::module::installed;
use super::region::violations;
use candid::{Principal, Reserved};
use keepsake_canister::install::Settings;
use keepsake_conformance::api::Answer;
use keepsake_conformance::model::in_process::World;
use keepsake_conformance::model::{Bounds, RunOptions, Subject, controller, replay_command, run};
use keepsake_service::WireAdmission;
use keepsake_wasm_host::{Canister, Rejection};
use std::sync::atomic::{AtomicU64, Ordering};

/// The largest heap that the runs have seen, bytes.
static HEAP_BYTES: AtomicU64 = AtomicU64::new(0);

struct Upgradable {
    canister: Canister,
    bounds: Bounds,
    /// An upgrade comes before each message.
    upgrades: bool,
}

impl Upgradable {
    fn new(bounds: Bounds, upgrades: bool) -> Self {
        let settings = Settings {
            controllers: Some(vec![controller()]),
            admission: Some(if bounds.invited { WireAdmission::Invited } else { WireAdmission::Everybody }),
            capsule_bytes_max: Some(bounds.capsule_bytes_max),
            bytes_in_flight_per_caller_max: Some(bounds.bytes_in_flight_per_caller_max),
            sessions_per_caller_max: Some(bounds.sessions_per_caller_max),
            heap_bytes_max: Some(bounds.heap_bytes_max),
            capsule_record_bytes_max: Some(bounds.capsule_record_bytes_max),
            ..Settings::default()
        };
        Self { canister: installed(&settings), bounds, upgrades }
    }

    /// The canister, upgraded; with the same stable memory.
    fn upgraded(&self) -> Result<Canister, String> {
        let mut twin = self.canister.fork();
        twin.upgrade(&[]).map_err(|why| format!("the upgrade: {why}"))?;
        match twin.stable().first_difference(self.canister.stable()) {
            None => Ok(twin),
            Some(at) => Err(format!("the upgrade changed stable memory at {at}")),
        }
    }
}

/// An update by a user. What comes from whoever may change nothing, or from a stranger and is long, is turned away at the door; the
/// model's answer is that of the rules, so such a message comes as another canister's, and must be refused by them too.
fn update(
    canister: &mut Canister,
    caller: Principal,
    method: &str,
    arg: &[u8],
) -> Result<Vec<u8>, Rejection> {
    if canister.inspect(caller, method, arg).is_ok() {
        return canister.update(caller, method, arg);
    }
    // Room for records is made before any message that adds. The second time it is there, and nothing else may change.
    canister.call_uninspected(caller, method, arg).ok();
    let before = canister.stable().clone();
    let answer = canister.call_uninspected(caller, method, arg);
    let refused = answer
        .as_ref()
        .is_ok_and(|reply| candid::decode_one::<Answer<Reserved>>(reply).is_ok_and(|answer| answer.is_err()));
    assert!(refused, "{method} by {caller} was turned away, and the rules do not refuse it: {answer:?}");
    assert_eq!(canister.stable().first_difference(&before), None, "{method} by {caller} was refused");
    answer
}

impl Subject for Upgradable {
    fn update(&mut self, caller: Principal, method: &'static str, arg: &[u8]) -> Result<Vec<u8>, String> {
        let twin = if self.upgrades { Some(self.upgraded()?) } else { None };
        let answer = update(&mut self.canister, caller, method, arg);
        if let Some(mut twin) = twin {
            let other = update(&mut twin, caller, method, arg);
            if other != answer {
                return Err(format!("{method} after an upgrade: {other:?}, without it: {answer:?}"));
            }
            if let Some(at) = twin.stable().first_difference(self.canister.stable()) {
                return Err(format!("{method} after an upgrade wrote something else at {at}"));
            }
            self.canister = twin;
        }
        HEAP_BYTES.fetch_max(self.canister.heap_bytes(), Ordering::Relaxed);
        answer.map_err(|rejection| rejection.message)
    }

    fn query(&mut self, caller: Principal, method: &'static str, arg: &[u8]) -> Result<Vec<u8>, String> {
        let answer = self.canister.query(caller, method, arg);
        if self.upgrades {
            self.canister.upgrade(&[]).map_err(|why| format!("the upgrade: {why}"))?;
            let again = self.canister.query(caller, method, arg);
            if again != answer {
                return Err(format!("{method} after an upgrade: {again:?}, without it: {answer:?}"));
            }
        }
        answer.map_err(|rejection| rejection.message)
    }

    /// A canister takes no chunk without an envelope.
    fn put(&mut self, _: &str, _: u64, _: u32, _: &[u8]) -> Result<Option<Vec<u8>>, String> {
        Ok(None)
    }

    fn now_ns(&self) -> u64 {
        self.canister.now_ns()
    }

    /// Without the timer: only the model's own clean-up moves the queue, so that it knows what has ended.
    fn advance(&mut self, by_ns: u64) {
        self.canister.stall(by_ns);
    }

    fn restart(&mut self) {
        self.canister.upgrade(&[]).expect("the module upgrades to itself");
    }

    fn violations(&mut self) -> Vec<String> {
        violations(self.canister.stable())
    }

    fn bounds(&self) -> Bounds {
        self.bounds
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Runs of each kind of bounds; `share` of all operations.
fn of_all_bounds(test: &'static str, operations: u64, upgrades: bool) {
    let seed = number("KEEPSAKE_MODEL_SEED", 1);
    let operations = number("KEEPSAKE_MODEL_OPERATIONS", operations);
    for kind in 0..4 {
        let options = RunOptions {
            seed: seed + kind,
            operations: operations / 4,
            world_operations: 125,
            observe_every: 8,
        };
        match run(options, || {
            Upgradable::new(Bounds { rows_max: u32::MAX, ..World::bounds_of(kind) }, upgrades)
        }) {
            Ok(report) => println!("seed {}: {} operations, 0 violations", options.seed, report.operations),
            Err(failure) => {
                let replay = replay_command(&format!("wasm::model::{test}"), seed, operations);
                panic!("bounds {kind}, {failure}\nreplay: {replay}")
            }
        }
    }
    println!("heap {} bytes", HEAP_BYTES.load(Ordering::Relaxed));
}

#[test]
fn interleaving_uploads_on_the_module() {
    of_all_bounds("interleaving_uploads_on_the_module", 2_000, false);
}

#[test]
fn an_upgrade_between_any_two_messages_changes_no_answer() {
    of_all_bounds("an_upgrade_between_any_two_messages_changes_no_answer", 2_000, true);
}
