//! What is sent of a file that lies in thousands of runs: all of it, and no more of its runs are looked for at once than
//! are about to be sent; and how many streams read ahead.

use super::views::update;
use super::{message, options};
use crate::data_dir::DataDir;
use crate::engine::asset_stream::{AssetBytes, BLOCK_BYTES, HeapPlan, SMALL_BLOCK_BYTES};
use crate::engine::{Engine, EngineOptions, Reader, RequestStatus};
use bytes::Bytes;
use candid::Encode;
use futures_core::Stream;
use keepsake_api::{BeginOptions, Capsule, PersonRef, UploadFinishResult};
use keepsake_service::http::{BlobPlace, BlobRange};
use serde_bytes::ByteBuf;
use sha2::{Digest, Sha256};
use std::future::poll_fn;
use std::pin::Pin;

const CHUNK_BYTES: usize = 4096;
const CHUNKS: usize = 2_500;
/// Messages that wait at once.
const AT_ONCE: usize = 500;

/// Sends a file of the shortest chunks from its end to its begin: each one is a run.
async fn upload_in_reverse(engine: &Engine, file: &[u8]) -> u64 {
    let capsule: Capsule = update(engine, "capsules_create", Encode!(&None::<PersonRef>).unwrap()).await;
    let chunks: Vec<_> = (0u32..).zip(file.chunks(CHUNK_BYTES)).collect();
    let count = u32::try_from(chunks.len()).unwrap();
    let begin = Encode!(&capsule.id, &count, &"in reverse", &None::<BeginOptions>).unwrap();
    let session: u64 = update(engine, "uploads_begin", begin).await;
    for some in chunks.rchunks(AT_ONCE) {
        let puts = some.iter().rev().map(|(index, chunk)| {
            let put = Encode!(&session, index, &ByteBuf::from(*chunk)).unwrap();
            let (engine, put) = (engine.clone(), message("uploads_put_chunk", put));
            tokio::spawn(async move { engine.update(put).await })
        });
        for put in puts.collect::<Vec<_>>() {
            assert!(matches!(put.await.unwrap().unwrap(), RequestStatus::Replied(_)));
        }
    }
    let sha256 = ByteBuf::from(Sha256::digest(file).to_vec());
    let finish = Encode!(&session, &sha256, &(file.len() as u64)).unwrap();
    let done: UploadFinishResult = update(engine, "uploads_finish", finish).await;
    done.blob_id.strip_prefix("blob_").unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_file_of_many_runs_is_planned_piece_by_piece_and_sent_whole() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::open(DataDir::open(dir.path()).unwrap(), options()).unwrap();
    let len = u32::try_from(CHUNKS * CHUNK_BYTES).unwrap();
    let file: Vec<u8> = (0..len).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let blob = upload_in_reverse(&engine, &file).await;
    let blob = BlobRange { blob, offset: 0, len: file.len() as u64 };
    let plan = plan(&engine, blob).await;
    let planned: u64 = plan.runs.iter().map(|run| run.len).sum();
    assert!(
        planned <= 8 << 20 && plan.runs.len() <= (8 << 20) / CHUNK_BYTES,
        "{planned} bytes in {} runs",
        plan.runs.len()
    );
    let sent = rest(AssetBytes::of_heap(plan, &engine)).await;
    assert!(sent == file, "{} bytes of {}", sent.len(), file.len());
}

#[tokio::test]
async fn few_streams_read_ahead_until_their_last_block_is_taken_and_the_others_read_little_when_asked() {
    let dir = tempfile::tempdir().unwrap();
    let options = EngineOptions { read_ahead_max: 2, ..options() };
    let engine = Engine::open(DataDir::open(dir.path()).unwrap(), options).unwrap();
    let len = u32::try_from(CHUNKS * CHUNK_BYTES).unwrap();
    let file: Vec<u8> = (0..len).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let blob = upload_in_reverse(&engine, &file).await;
    let blob = BlobRange { blob, offset: 0, len: file.len() as u64 };
    let (mut streams, mut blocks) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        let mut stream = AssetBytes::of_heap(plan(&engine, blob).await, &engine);
        blocks.push(next(&mut stream).await.unwrap());
        streams.push(stream);
    }
    let lens: Vec<_> = blocks.iter().map(|block| block.len() as u64).collect();
    assert_eq!(lens, [BLOCK_BYTES, BLOCK_BYTES, SMALL_BLOCK_BYTES, SMALL_BLOCK_BYTES]);
    let ahead: Vec<_> = streams.iter().map(AssetBytes::is_ahead).collect();
    assert_eq!(ahead, [true, true, false, false]);
    drop(streams.remove(0));
    let mut other = streams.pop().unwrap();
    let block = next(&mut other).await.unwrap();
    assert_eq!(block.len() as u64, SMALL_BLOCK_BYTES, "a block of the first is still in memory");
    assert!(!other.is_ahead());
    let sent = [&blocks[3][..], &block, &rest(other).await].concat();
    assert!(sent == file, "in small blocks: {} bytes of {}", sent.len(), file.len());
    blocks.remove(0);
    // What it was about to read is dropped when it is read.
    while engine.inner.read_ahead.available_permits() == 0 {
        tokio::task::yield_now().await;
    }
    let mut third = streams.pop().unwrap();
    let large = next(&mut third).await.unwrap();
    assert_eq!(large.len() as u64, BLOCK_BYTES, "its turn to read ahead");
    let sent = [&blocks[1][..], &large, &rest(third).await].concat();
    assert!(sent == file, "in both: {} bytes of {}", sent.len(), file.len());
}

/// Where the first bytes lie.
async fn plan(engine: &Engine, blob: BlobRange) -> HeapPlan {
    let (place, view) = engine.read(move |reader: &mut Reader| reader.place(&blob)).await.unwrap().unwrap();
    let Some(BlobPlace::Heap(runs)) = place else { panic!("{place:?}") };
    HeapPlan { blob, runs: runs.into(), epoch: view.state().epoch }
}

async fn next(stream: &mut AssetBytes) -> Option<Bytes> {
    poll_fn(|context| Pin::new(&mut *stream).poll_next(context)).await.map(Result::unwrap)
}

async fn rest(mut stream: AssetBytes) -> Vec<u8> {
    let mut sent = Vec::new();
    while let Some(block) = next(&mut stream).await {
        sent.extend_from_slice(&block);
    }
    sent
}
