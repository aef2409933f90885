//! Measures the engine beside raw append and fdatasync. Asserts nothing about time.

use super::{keyed, message, options, replied};
use crate::data_dir::DataDir;
use crate::engine::Engine;
use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

const CHUNK_BYTES: usize = 1_800_000;
const CHUNKS: u64 = 400;

/// `cargo test --release -p keepsake-node -- --ignored --nocapture upload_rate`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, for a release build"]
async fn upload_rate_beside_raw_append_and_fdatasync() {
    let dir =
        tempfile::tempdir_in(std::env::var_os("KEEPSAKE_BENCH_DIR").unwrap_or("/var/tmp".into())).unwrap();
    for group in [1, 4, 16] {
        let raw = raw(&dir.path().join("raw.bin"), group);
        let engine = engine(&dir.path().join(format!("data{group}")), group).await;
        let ratio = engine / raw;
        println!("{group:>3} in flight: raw {raw:>7.1} MB/s, engine {engine:>7.1} MB/s, ratio {ratio:.2}");
    }
}

fn rate(start: Instant) -> f64 {
    #[allow(clippy::cast_precision_loss)] // a figure for people
    let megabytes = (CHUNKS * CHUNK_BYTES as u64) as f64 / 1e6;
    megabytes / start.elapsed().as_secs_f64()
}

fn raw(path: &std::path::Path, group: u64) -> f64 {
    let chunk = vec![7; CHUNK_BYTES];
    let mut file = std::fs::File::create(path).unwrap();
    let start = Instant::now();
    for n in 1..=CHUNKS {
        file.write_all(&chunk).unwrap();
        if n % group == 0 {
            file.sync_data().unwrap();
        }
    }
    file.sync_data().unwrap();
    let rate = rate(start);
    std::fs::remove_file(path).unwrap();
    rate
}

async fn engine(path: &std::path::Path, lanes: u64) -> f64 {
    let data = DataDir::open(path).unwrap();
    let engine = Engine::open_with(data, options(), Arc::new(super::PanickingProgram)).unwrap();
    let start = Instant::now();
    let tasks = (0..lanes).map(|lane| {
        let engine = engine.clone();
        tokio::spawn(async move {
            for n in (lane..CHUNKS).step_by(usize::try_from(lanes).unwrap()) {
                let arg = keyed(n * CHUNK_BYTES as u64, &vec![7; CHUNK_BYTES]);
                assert_eq!(engine.update(message("heap_write", arg)).await.unwrap(), replied(b"ok"));
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    rate(start)
}
