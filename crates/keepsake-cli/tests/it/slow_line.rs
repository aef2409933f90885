//! Uploads over slow lines: they end, with all bytes. How fast is for `cargo xtask bench roads`.

use crate::behind::Faults;
use crate::soak::node::client;
use crate::support::{Node, fresh_dir};
use keepsake_client::{RetryPolicy, Road, Source, UploadOptions};
use keepsake_fault_proxy::Plan;

/// Eight such chunks at once are slower on the slowest line than the node waits for.
const CHUNK_BYTES: u32 = 300_000;
const CHUNKS: u32 = 9;

/// Bits a second, and how the chunks go.
const LINES: [(u64, Road); 4] =
    [(500_000, Road::Put), (500_000, Road::Envelopes), (2_000_000, Road::Put), (4_000_000, Road::Envelopes)];

#[test]
fn an_upload_over_a_slow_line_ends_with_all_bytes() {
    std::thread::scope(|scope| {
        for (bits_per_s, road) in LINES {
            scope.spawn(move || upload(bits_per_s, road));
        }
    });
}

fn upload(bits_per_s: u64, road: Road) {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let faults = Faults::before(&node, Plan::default());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = client(&faults.url(), [7; 32], RetryPolicy::default());
        client.capsules_create(None).await.unwrap();
        faults.set(Plan { bits_per_s: Some(bits_per_s), ..Plan::default() });
        let bytes: Vec<u8> = (0..CHUNK_BYTES * CHUNKS).map(|at| (at % 251).to_le_bytes()[0]).collect();
        let options = UploadOptions { road, chunk_bytes_max: Some(CHUNK_BYTES), ..UploadOptions::default() };
        let uploaded = client.upload(Source::bytes("slow.bin", bytes.clone()), options).await.unwrap();
        assert_eq!((uploaded.total_len, uploaded.original_chunks.sent), (bytes.len() as u64, CHUNKS));
        assert_eq!(
            uploaded.original_chunks.retried, 0,
            "{bits_per_s} bit/s: no chunk is too slow for the node"
        );
        let blob = uploaded.assets[0].blob_id.as_deref().unwrap();
        faults.set(Plan::default());
        assert_eq!(client.blob_get_meta(blob).await.unwrap().sha256, &uploaded.sha256[..]);
    });
}
