//! The runner: seeds into runs, runs against a system, failures into short ones. Owns no rule.

use super::Subject;
use super::operation::Delivery;
use super::state::Model;
use super::step::{KEYS, PEOPLE, Stepper, person};
use arbitrary::{Arbitrary, Unstructured};
use std::collections::BTreeMap;
use std::fmt;

/// How much to run.
#[derive(Clone, Copy, Debug)]
pub struct RunOptions {
    /// The same seed makes the same operations.
    pub seed: u64,
    /// Operations in all.
    pub operations: u64,
    /// Operations in one world, before a fresh one begins.
    pub world_operations: usize,
    /// All that can be seen is compared after every so many operations, and at the end of each world; what an
    /// operation itself answers, always.
    pub observe_every: usize,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self { seed: 1, operations: 1_000, world_operations: 300, observe_every: 1 }
    }
}

/// How often each method answered what: `uploads_finish: sha256_differs`.
pub type Outcomes = BTreeMap<String, u64>;

/// What a run without a disagreement did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Operations that were run.
    pub operations: u64,
    /// What they were answered: it tells which rules the run tried.
    pub outcomes: Outcomes,
}

/// A run that model and system disagree about.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Replays it: `RunOptions { seed, .. }` with one world.
    pub seed: u64,
    /// The shortest run found that still fails.
    pub run: Vec<Delivery>,
    /// The disagreement.
    pub why: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "world seed {}: {}", self.seed, self.why)?;
        writeln!(f, "shortest run found, {} operations:", self.run.len())?;
        self.run.iter().try_for_each(|delivery| writeln!(f, "  {delivery:?}"))
    }
}

impl std::error::Error for Failure {}

/// The one command that repeats a run of `test`, named in full, to the letter.
pub fn replay_command(test: &str, seed: u64, operations: u64) -> String {
    format!(
        "KEEPSAKE_MODEL_SEED={seed} KEEPSAKE_MODEL_OPERATIONS={operations} \\\n  \
         cargo test -p keepsake-conformance --test it -- --exact {test}"
    )
}

/// Runs `options.operations` operations in fresh worlds, each a new system from `make`.
///
/// # Errors
/// The first [`Failure`], made as short as it gets.
pub fn run<S: Subject>(options: RunOptions, mut make: impl FnMut() -> S) -> Result<Report, Box<Failure>> {
    let mut report = Report::default();
    let mut world = 0;
    while report.operations < options.operations {
        let seed = mixed(mixed(options.seed).wrapping_add(world));
        let list = operations(seed, options.world_operations);
        match replay(&list, options.observe_every, &mut make()) {
            Err(why) => return Err(Box::new(shorten(seed, list, why, options.observe_every, &mut make))),
            Ok(outcomes) => outcomes
                .into_iter()
                .for_each(|(outcome, times)| *report.outcomes.entry(outcome).or_default() += times),
        }
        report.operations += list.len() as u64;
        world += 1;
    }
    Ok(report)
}

/// The operations that a seed stands for.
pub fn operations(seed: u64, count: usize) -> Vec<Delivery> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(GOLDEN);
        mixed(state).to_le_bytes()
    };
    let bytes: Vec<u8> = (0..count * 4).flat_map(|_| next()).collect();
    let mut source = Unstructured::new(&bytes);
    (0..count).map_while(|_| Delivery::arbitrary(&mut source).ok()).collect()
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// splitmix64's output function: enough randomness for a fuzzer's bytes, and neighbours have nothing in common.
fn mixed(state: u64) -> u64 {
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// Runs a list on a fresh system and holds it to the model after every so many operations; then all of it must still
/// be there after a restart. What the messages were answered.
///
/// # Errors
/// The first disagreement, with the operation that showed it.
pub fn replay(
    list: &[Delivery],
    observe_every: usize,
    subject: &mut impl Subject,
) -> Result<Outcomes, String> {
    let mut model = Model::default();
    Stepper { model: &mut model, subject, last: None }.open()?;
    for (at, delivery) in list.iter().enumerate() {
        let here = |why: String| format!("operation {at}, {delivery:?}: {why}");
        let mut stepper = Stepper { model: &mut model, subject, last: None };
        stepper.run(delivery.operation).map_err(here)?;
        if delivery.twice {
            stepper.deliver_again().map_err(here)?;
        }
        if at.is_multiple_of(observe_every) {
            observe(&model, subject, looks(at / observe_every)).map_err(here)?;
        }
    }
    subject.restart();
    let at_the_end = |why| format!("restarted at the end: {why}");
    (0..KEYS).try_for_each(|key| observe(&model, subject, key)).map_err(at_the_end)?;
    Ok(model.outcomes)
}

/// Which key looks in its turn: every second one is a person's, the others are those of devices, of the controller and of links.
fn looks(at: usize) -> u8 {
    let turn = u8::try_from(at / 2 % usize::from(PEOPLE * (KEYS - PEOPLE))).expect("few");
    if at.is_multiple_of(2) { turn % PEOPLE } else { PEOPLE + turn % (KEYS - PEOPLE) }
}

/// All that one key sees, and what the system finds wrong with itself.
fn observe(model: &Model, subject: &mut impl Subject, key: u8) -> Result<(), String> {
    model.compare(subject, person(key)).map_err(|why| format!("seen by key {key}: {why}"))?;
    let broken = subject.violations();
    if broken.is_empty() { Ok(()) } else { Err(broken.join("; ")) }
}

/// Takes away ever smaller parts as long as the rest still fails.
fn shorten<S: Subject>(
    seed: u64,
    mut list: Vec<Delivery>,
    mut why: String,
    observe_every: usize,
    make: &mut impl FnMut() -> S,
) -> Failure {
    let mut part = list.len() / 2;
    while part > 0 {
        let mut at = 0;
        while at < list.len() {
            let shorter: Vec<_> = list
                .iter()
                .enumerate()
                .filter(|(i, _)| *i < at || *i >= at + part)
                .map(|(_, d)| *d)
                .collect();
            match replay(&shorter, observe_every, &mut make()) {
                Err(again) => (list, why) = (shorter, again),
                Ok(_) => at += part,
            }
        }
        part /= 2;
    }
    Failure { seed, run: list, why }
}
