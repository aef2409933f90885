//! What the canister's messages cost in PocketIC, by its own `performance_counter`, for the work that `cargo xtask bench
//! canister` counts: chunks, begin, finish, publish. It prints; `benches/instructions.toml` has the counts to compare with.
//!
//! The module is `$KEEPSAKE_COUNTED_WASM`, else `target/canister/keepsake-counted.wasm.gz`: built with the feature
//! `performance-counter`, each message prints its count to the canister's log.

#[path = "../../crates/keepsake-conformance/examples/canister_costs/files.rs"]
#[allow(dead_code, reason = "the bench in the wasm host uses more of it")]
mod files;
#[path = "../../crates/keepsake-conformance/examples/canister_costs/sender.rs"]
mod sender;

use candid::Principal;
use files::{CHUNK, CHUNK_BYTES, Photo, begin, finish, put};
use keepsake_conformance::samples::{bytes, sha256};
use keepsake_service::{Kind, endpoints};
use pocket_ic::{PocketIc, PocketIcBuilder};
use sender::{Sender, user};
use std::path::{Path, PathBuf};
use std::time::Duration;

type Failure = Box<dyn std::error::Error>;

struct OnSubnet {
    engine: PocketIc,
    canister: Principal,
}

impl OnSubnet {
    fn installed() -> Result<Self, Failure> {
        let built =
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/canister/keepsake-counted.wasm.gz");
        let path = std::env::var_os("KEEPSAKE_COUNTED_WASM").map_or_else(built, PathBuf::from);
        let module = std::fs::read(&path).map_err(|why| format!("{}: {why}", path.display()))?;
        let engine = PocketIcBuilder::new().with_application_subnet().build();
        let canister = engine.create_canister();
        engine.install_canister(canister, module, candid::encode_args(())?, None);
        for _ in 0..5 {
            engine.advance_time(Duration::from_secs(1));
            engine.tick();
        }
        Ok(Self { engine, canister })
    }

    /// Prints what the newest message of this name counted.
    fn tell(&self, what: &str, method: &str, per: u64) -> Result<(), Failure> {
        let controller = Principal::anonymous();
        let logs =
            self.engine.fetch_canister_logs(self.canister, controller).map_err(|why| format!("{why:?}"))?;
        let lines = logs.iter().rev().map(|record| String::from_utf8_lossy(&record.content).into_owned());
        let prefix = format!("{method}: ");
        let count = lines
            .into_iter()
            .find_map(|line| line.strip_prefix(&prefix)?.strip_suffix(" instructions")?.parse::<u64>().ok());
        let count = count
            .ok_or_else(|| format!("{method} printed no count: was the module built with the feature?"))?;
        println!("{what} {}.{:03}", count / per, count % per * 1_000 / per);
        Ok(())
    }
}

impl Sender for OnSubnet {
    fn send(&mut self, method: &str, arg: &[u8]) -> Result<Vec<u8>, Failure> {
        let query = endpoints::kind(method) == Some(Kind::Query);
        let answer = if query {
            self.engine.query_call(self.canister, user(), method, arg.to_vec())
        } else {
            self.engine.update_call(self.canister, user(), method, arg.to_vec())
        };
        answer.map_err(|why| format!("{method}: {why:?}").into())
    }
}

#[test]
fn messages_tell_what_they_cost() -> Result<(), Failure> {
    let mut subnet = OnSubnet::installed()?;
    let capsule = subnet.capsule()?;
    let id = begin(&mut subnet, &capsule, 2 * CHUNK_BYTES, "costs")?;
    subnet.tell("begin", "uploads_begin", 1)?;
    let chunks = [bytes(CHUNK, 1), bytes(CHUNK, 2)];
    for (chunk, index) in chunks.iter().zip(0_u32..) {
        put(&mut subnet, id, index, chunk)?;
    }
    subnet.tell("put_chunk_per_byte", "uploads_put_chunk", CHUNK_BYTES)?;
    finish(&mut subnet, id, &sha256(&chunks.concat()), 2 * CHUNK_BYTES)?;
    subnet.tell("finish", "uploads_finish", 1)?;
    let photo = Photo::uploaded(&mut subnet, &capsule, 1_000_000)?;
    photo.publish(&mut subnet, &capsule, "photo")?;
    subnet.tell("publish_of_4", "uploads_publish", 1)
}
