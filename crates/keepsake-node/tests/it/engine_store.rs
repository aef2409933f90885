//! The engine with the real service and real files: an upload goes on after a restart, byte for byte; and
//! how fast it is beside the raw disk.

use candid::{CandidType, Decode, Encode, Principal};
use keepsake_api::{
    BeginOptions, BlobMeta, Capsule, Error, PersonRef, UploadConfig, UploadFinishResult, UploadStatus,
};
use keepsake_node::data_dir::DataDir;
use keepsake_node::engine::{Engine, EngineOptions, RequestStatus, UpdateMessage};
use serde::de::DeserializeOwned;
use serde_bytes::ByteBuf;
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

const CHUNK_BYTES: usize = 1_800_000;

type Answer<T> = Result<T, Error>;

struct Caller {
    engine: Engine,
    principal: Principal,
}

fn open(dir: &Path) -> Caller {
    let options = EngineOptions::new(Principal::from_slice(&[1; 10]));
    let engine = Engine::open(DataDir::open(dir).unwrap(), options).unwrap();
    Caller { engine, principal: Principal::self_authenticating([7; 32]) }
}

impl Caller {
    async fn update<T: CandidType + DeserializeOwned>(&self, method: &str, arg: Vec<u8>) -> Answer<T> {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        let mut request_id = [0; 32];
        request_id[..8].copy_from_slice(&NEXT_ID.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        let message = UpdateMessage {
            request_id,
            caller: self.principal,
            method: method.into(),
            arg: arg.into(),
            ingress_expiry_ns: u64::MAX,
            permit: None,
        };
        match self.engine.update(message).await.unwrap() {
            RequestStatus::Replied(reply) => Decode!(&reply, Answer<T>).unwrap(),
            other => panic!("{method}: {other:?}"),
        }
    }

    async fn query<T: CandidType + DeserializeOwned>(&self, method: &str, arg: Vec<u8>) -> T {
        let reply = self.engine.query(self.principal, method.into(), arg).await.unwrap();
        Decode!(&reply, T).unwrap()
    }

    async fn capsule(&self) -> String {
        let arg = Encode!(&None::<PersonRef>).unwrap();
        self.update::<Capsule>("capsules_create", arg).await.unwrap().id
    }

    async fn begin(&self, capsule: &str, chunks: u32, total_len: u64) -> u64 {
        let options = BeginOptions { total_len: Some(total_len), ..BeginOptions::default() };
        let arg = Encode!(&capsule, &chunks, &"one file", &Some(options)).unwrap();
        self.update("uploads_begin", arg).await.unwrap()
    }

    async fn put(&self, session: u64, index: u32, chunk: &[u8]) {
        let arg = Encode!(&session, &index, &ByteBuf::from(chunk)).unwrap();
        self.update::<()>("uploads_put_chunk", arg).await.unwrap();
    }

    async fn finish(&self, session: u64, sha256: &[u8], total_len: u64) -> UploadFinishResult {
        let arg = Encode!(&session, &ByteBuf::from(sha256), &total_len).unwrap();
        self.update("uploads_finish", arg).await.unwrap()
    }
}

/// Bytes that differ from chunk to chunk and do not compress.
fn bytes(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes: Vec<u8> = (0..len.div_ceil(8)).flat_map(|_| next()).collect();
    bytes.truncate(len);
    bytes
}

#[tokio::test]
async fn an_upload_goes_on_after_a_restart_and_reads_back_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let file = bytes(CHUNK_BYTES * 3 + 17);
    let chunks: Vec<_> = file.chunks(CHUNK_BYTES).collect();
    let before = open(dir.path());
    let capsule = before.capsule().await;
    let session = before.begin(&capsule, 4, file.len() as u64).await;
    before.put(session, 2, chunks[2]).await;
    before.put(session, 0, chunks[0]).await;
    drop(before);

    let after = open(dir.path());
    let status: Answer<UploadStatus> = after.query("uploads_status", Encode!(&session).unwrap()).await;
    assert_eq!(status.unwrap().missing, [(1, 2), (3, 4)]);
    after.put(session, 3, chunks[3]).await;
    after.put(session, 1, chunks[1]).await;
    let finished = after.finish(session, &Sha256::digest(&file), file.len() as u64).await;

    let meta: Answer<BlobMeta> = after.query("blob_get_meta", Encode!(&finished.blob_id).unwrap()).await;
    let mut read = Vec::new();
    for index in 0..meta.unwrap().chunk_count {
        let arg = Encode!(&finished.blob_id, &index).unwrap();
        read.extend_from_slice(&after.query::<Answer<ByteBuf>>("blob_read_chunk", arg).await.unwrap());
    }
    assert!(read == file, "{} bytes came back, {} were sent", read.len(), file.len());
}

/// `cargo test --release -p keepsake-node --test it engine_store -- --ignored --nocapture`
///
/// Takes the directory from `KEEPSAKE_BENCH_DIR`, else the one for temporary files.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, for a release build"]
async fn upload_rate_of_the_service_beside_raw_append_and_fdatasync() {
    let dir = std::env::var_os("KEEPSAKE_BENCH_DIR").map_or_else(std::env::temp_dir, Into::into);
    let dir = tempfile::tempdir_in(dir).unwrap();
    for lanes in [1, 4, 16] {
        let before = raw(&dir.path().join("raw.bin"), lanes);
        let service = service(&dir.path().join(format!("data{lanes}")), lanes).await;
        let after = raw(&dir.path().join("raw.bin"), lanes);
        let raw = f64::midpoint(before, after);
        println!(
            "{lanes:>2} in flight: raw append + fdatasync each {lanes}: {before:.0} and {after:.0} MB/s, \
             service {service:.0} MB/s, ratio {:.2}",
            service / raw
        );
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default());
}

const BENCH_CHUNKS: u32 = 400;

fn rate(start: Instant) -> f64 {
    f64::from(BENCH_CHUNKS) * 1.8 / start.elapsed().as_secs_f64()
}

fn raw(path: &Path, group: u32) -> f64 {
    use std::io::Write;
    let chunk = bytes(CHUNK_BYTES);
    let mut file = std::fs::File::create(path).unwrap();
    let start = Instant::now();
    for n in 1..=BENCH_CHUNKS {
        file.write_all(&chunk).unwrap();
        if n % group == 0 || n == BENCH_CHUNKS {
            file.sync_data().unwrap();
        }
    }
    let rate = rate(start);
    std::fs::remove_file(path).unwrap();
    rate
}

async fn service(path: &Path, lanes: u32) -> f64 {
    let caller = std::sync::Arc::new(open(path));
    let capsule = caller.capsule().await;
    let session = caller.begin(&capsule, BENCH_CHUNKS, u64::from(BENCH_CHUNKS) * CHUNK_BYTES as u64).await;
    let chunk = std::sync::Arc::new(bytes(CHUNK_BYTES));
    let start = Instant::now();
    let tasks = (0..lanes).map(|lane| {
        let (caller, chunk) = (std::sync::Arc::clone(&caller), std::sync::Arc::clone(&chunk));
        tokio::spawn(async move {
            for index in (lane..BENCH_CHUNKS).step_by(lanes as usize) {
                caller.put(session, index, &chunk).await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let rate = rate(start);
    let config: UploadConfig = caller.query("upload_config", Encode!().unwrap()).await;
    assert_eq!(config.chunk_size as usize, CHUNK_BYTES);
    rate
}
