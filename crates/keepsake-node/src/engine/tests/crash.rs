//! Killing the process: what was replied must be there, and every message whole or not at all.

use super::{chunk, keyed, message, open, options, replied, value};
use crate::engine::Engine;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

const DIR_VARIABLE: &str = "KEEPSAKE_TEST_CRASH_DIR";
const HEAP_BYTES: usize = 100_000;

/// Runs one ignored test of this binary in a process of its own.
pub(super) fn child(test: &str, variable: &str, dir: &std::path::Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(variable, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

fn pattern(key: u64) -> Vec<u8> {
    vec![u8::try_from(key % 251).unwrap() + 1; HEAP_BYTES]
}

/// Two of four lanes send chunks without envelopes.
fn by_put(key: u64) -> bool {
    key % 4 >= 2
}

/// Not a test by itself: writes until it is killed, and says what was replied.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by replied_messages_survive_kill_9"]
async fn child_that_writes_until_killed() {
    let Some(dir) = std::env::var_os(DIR_VARIABLE) else { return };
    let engine: Engine = open(dir.as_ref());
    for lane in 0..4u64 {
        let engine = engine.clone();
        tokio::spawn(async move {
            for key in (lane..).step_by(4) {
                if by_put(key) {
                    let index = u32::try_from(key).unwrap();
                    assert_eq!(engine.put(chunk(key, index, pattern(key))).await.unwrap(), replied(b"ok"));
                } else {
                    let bytes =
                        engine.update(message("heap_write", keyed(key * HEAP_BYTES as u64, &pattern(key))));
                    assert_eq!(bytes.await.unwrap(), replied(b"ok"));
                    engine.update(message("set", keyed(key, &key.to_le_bytes()[..4]))).await.unwrap();
                }
                println!("replied {key}");
            }
        });
    }
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn replied_messages_survive_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let mut replied = Vec::new();
    for round in 1..=3 {
        let mut child =
            child("engine::tests::crash::child_that_writes_until_killed", DIR_VARIABLE, dir.path());
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for line in lines.map_while(Result::ok) {
            // The test harness writes its own text on the same line.
            let Some(key) = line.rsplit("replied ").next().and_then(|key| key.parse::<u64>().ok()) else {
                continue;
            };
            replied.push(key);
            if replied.len() == 40 * round {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(replied.len() >= 40 * round, "only {} replies", replied.len());
    }
    let engine = super::Engine::open_with(
        crate::data_dir::DataDir::open(dir.path()).unwrap(),
        options(),
        std::sync::Arc::new(super::PanickingProgram),
    )
    .unwrap();
    let mut heap = vec![0; HEAP_BYTES];
    assert!(replied.iter().filter(|key| by_put(**key)).count() >= 20, "both roads were taken");
    for key in replied {
        assert_eq!(value(&engine, key).await, key.to_le_bytes()[..4], "key {key}");
        engine.inner.shared.heap.read(key * HEAP_BYTES as u64, &mut heap).unwrap();
        assert!(heap == pattern(key), "heap bytes of key {key}");
    }
}
