//! What a stranger can make the node keep: for each kind of message, disk, records and memory, held to bounds.

use super::{crash, message, options};
use crate::data_dir::DataDir;
use crate::engine::{Engine, RequestStatus, UpdateMessage};
use crate::storage::requests::ROW_BYTES;
use candid::{Decode, Encode, Principal};
use keepsake_api::{
    Answer, AssetMetadata, AssetMetadataBase, AssetType, BeginOptions, BlobHosting, BlobRef, Capsule,
    MemoryUpdateData, PersonRef, PlainAssetMetadata, UploadFinishResult,
};
use serde_bytes::ByteBuf;
use sha2::{Digest, Sha256};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

const DIR_VARIABLE: &str = "KEEPSAKE_TEST_STRANGERS_DIR";
const MESSAGES: u64 = 300;
/// Disk space that a case may take beyond twice what was sent: pages that redb copies, and the heap's step.
const DISK_BYTES_MAX: u64 = 12 << 20;
/// Memory that stays after a case: caches that fill once, and answers for those who poll.
const MEMORY_BYTES_MAX: u64 = 64 << 20;

struct Case {
    method: &'static str,
    body: &'static str,
    caller: Principal,
    arg: Vec<u8>,
    messages: u64,
    /// Its answers are recorded.
    is_recorded: bool,
}

fn cases(stranger: Principal, capsule: &str, blob: &str, memory: &str) -> Vec<Case> {
    let anonymous = Principal::anonymous();
    let junk = [b"DIDL".as_slice(), &vec![0xff; 60_000]].concat();
    let ids: Vec<String> = (0..1000).map(|n| format!("mem_{n}")).collect();
    let begin = Encode!(&capsule, &4u32, &"the same key", &None::<BeginOptions>).unwrap();
    let nothing = Encode!(&memory, &MemoryUpdateData::default()).unwrap();
    let case = |method, body, caller, arg: &[u8], is_recorded| Case {
        method,
        body,
        caller,
        arg: arg.to_vec(),
        messages: MESSAGES,
        is_recorded,
    };
    vec![
        case("blob_read", "its own blob of 1 MiB, as an update", stranger, &Encode!(&blob).unwrap(), false),
        case("blob_read", "the same, anonymous", anonymous, &Encode!(&blob).unwrap(), false),
        case("memories_ping", "1,000 ids, as an update", stranger, &Encode!(&ids).unwrap(), false),
        case("no_such_method", "60 KB of junk", stranger, &junk, false),
        case("uploads_publish", "60 KB of junk", stranger, &junk, false),
        case("uploads_begin", "anonymous", anonymous, &begin, false),
        case("uploads_begin", "the same again and again", stranger, &begin, true),
        // So many that their answers would not fit the bound.
        Case {
            messages: 1_500,
            ..case("memories_update", "changes nothing, 8 KB of answer", stranger, &nothing, true)
        },
        case("capsules_create", "as many as it may", stranger, &Encode!(&None::<PersonRef>).unwrap(), true),
        case("capsules_delete", "of nobody's capsule", stranger, &Encode!(&"capsule_99").unwrap(), true),
    ]
}

/// The argument of `memories_create` for a short text.
fn note(capsule: &str) -> Vec<u8> {
    let note = AssetMetadata::Note(PlainAssetMetadata {
        base: AssetMetadataBase::new(AssetType::Original, "note.txt", "text/plain"),
    });
    let absent = (None::<BlobRef>, None::<BlobHosting>, None::<String>, None::<u64>, None::<ByteBuf>);
    let text = Some(ByteBuf::from("a note"));
    Encode!(
        &capsule, &text, &absent.0, &absent.1, &absent.2, &absent.2, &absent.3, &absent.4, &note, &"a note"
    )
    .unwrap()
}

/// Disk space of the records and the heap.
fn disk_bytes(dir: &Path) -> u64 {
    ["records.redb", "heap.bin"]
        .map(|name| std::fs::metadata(dir.join(name)).unwrap().blocks() * 512)
        .iter()
        .sum()
}

fn memory_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// Not a test by itself: a process of its own, because memory is the process's.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by what_a_stranger_leaves_is_bounded_by_what_it_sent"]
async fn child_that_is_a_stranger() {
    let Some(dir) = std::env::var_os(DIR_VARIABLE) else { return };
    let dir = Path::new(&dir);
    let mut options = options();
    // Few messages show it then.
    options.answers.caller_long_bytes_max = 64 << 10;
    let engine = Engine::open(DataDir::open(dir).unwrap(), options).unwrap();
    let stranger = Principal::self_authenticating([66; 32]);
    let send = |method: &str, caller, arg: Vec<u8>| {
        let message = UpdateMessage { caller, ..message(method, arg) };
        let engine = engine.clone();
        async move { engine.update(message).await }
    };
    let reply = |answer: Result<RequestStatus, _>| match answer {
        Ok(RequestStatus::Replied(reply)) => reply,
        other => panic!("{other:?}: {}", other.is_ok()),
    };
    let made =
        reply(send("capsules_create", stranger, Encode!(&None::<PersonRef>).unwrap()).await.map_err(drop));
    let capsule = Decode!(&made, Answer<Capsule>).unwrap().unwrap().id;
    let bytes = vec![5; 1 << 20];
    let arg = Encode!(&capsule, &1u32, &"a blob", &None::<BeginOptions>).unwrap();
    let session = Decode!(&reply(send("uploads_begin", stranger, arg).await.map_err(drop)), Answer<u64>);
    let session = session.unwrap().unwrap();
    let arg = Encode!(&session, &0u32, &ByteBuf::from(bytes.clone())).unwrap();
    reply(send("uploads_put_chunk", stranger, arg).await.map_err(drop));
    let sha256 = ByteBuf::from(Sha256::digest(&bytes).to_vec());
    let arg = Encode!(&session, &sha256, &(bytes.len() as u64)).unwrap();
    let finished = reply(send("uploads_finish", stranger, arg).await.map_err(drop));
    let blob = Decode!(&finished, Answer<UploadFinishResult>).unwrap().unwrap().blob_id;

    let made = reply(send("memories_create", stranger, note(&capsule)).await.map_err(drop));
    let memory = Decode!(&made, Answer<String>).unwrap().unwrap();
    let long = MemoryUpdateData { description: Some("x".repeat(7_600)), ..MemoryUpdateData::default() };
    let answer =
        reply(send("memories_update", stranger, Encode!(&memory, &long).unwrap()).await.map_err(drop));
    assert!(answer.len() > 8_000, "{} bytes: long, but short enough to be recorded", answer.len());

    println!(
        "\n| method | body | sent, bytes | disk, bytes | recorded answers | memory, bytes |\n|---|---|---|---|---|---|"
    );
    for case in cases(stranger, &capsule, &blob, &memory) {
        let (disk, rows, memory) = (disk_bytes(dir), engine.mailbox().recorded_rows(), memory_bytes());
        let mut bytes_in = 0;
        for _ in 0..case.messages {
            bytes_in += case.arg.len() as u64 + ROW_BYTES;
            // What it answers is not the point here.
            send(case.method, case.caller, case.arg.clone()).await.ok();
        }
        let disk = disk_bytes(dir).saturating_sub(disk);
        let rows = engine.mailbox().recorded_rows() - rows;
        let memory = memory_bytes().saturating_sub(memory);
        println!("| {} | {} | {bytes_in} | {disk} | {rows} | {memory} |", case.method, case.body);
        assert_eq!(rows, if case.is_recorded { case.messages } else { 0 }, "{}: {}", case.method, case.body);
        assert!(
            disk <= 2 * bytes_in + DISK_BYTES_MAX,
            "{}: {}: {disk} bytes of disk",
            case.method,
            case.body
        );
        assert!(memory <= MEMORY_BYTES_MAX, "{}: {}: {memory} bytes of memory", case.method, case.body);
    }
    println!("all cases held");
}

#[test]
fn what_a_stranger_leaves_is_bounded_by_what_it_sent() {
    let dir = tempfile::tempdir().unwrap();
    let test = "engine::tests::strangers::child_that_is_a_stranger";
    let output = crash::child(test, DIR_VARIABLE, dir.path()).wait_with_output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    println!("{shown}");
    assert!(output.status.success() && shown.contains("all cases held"));
}
