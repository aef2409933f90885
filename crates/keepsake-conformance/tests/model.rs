//! The service in process against the reference model. `KEEPSAKE_MODEL_SEED` and `KEEPSAKE_MODEL_OPERATIONS` choose
//! another run; a failure prints the command that replays it.

use keepsake_conformance::model::in_process::World;
use keepsake_conformance::model::{RunOptions, replay_command, run};

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn interleaving_uploads() {
    let seed = number("KEEPSAKE_MODEL_SEED", 1);
    let operations = number("KEEPSAKE_MODEL_OPERATIONS", 50_000);
    for kind in 0..4 {
        let options = RunOptions { seed: seed + kind, operations: operations / 4, ..RunOptions::default() };
        match run(options, || World::new(World::bounds_of(kind))) {
            Ok(done) => println!("seed {}: {done} operations, 0 violations", options.seed),
            Err(failure) => {
                panic!("bounds {kind}, {failure}\nreplay: {}", replay_command("model", seed, operations))
            }
        }
    }
}
