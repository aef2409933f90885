//! Originals that are old move from the heap into the bucket, while they are read and wherever the node stops.

use super::{Scene, file, hash};
use bytes::Bytes;
use keepsake_api::{Error, Object, PublishResult};
use keepsake_node::fsck;
use keepsake_node::offline::Offline;
use keepsake_node::serve::DEFAULT_CANISTER_ID;
use keepsake_s3::{Bucket, Content, Key};
use reqwest::StatusCode;
use serde_bytes::ByteBuf;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

const CHUNK_BYTES: usize = 1_800_000;
/// A connection keeps less than this of an answer that nobody takes.
const LARGE: usize = 60_000_000;

/// Publishes a memory whose original lies in the heap.
pub(super) async fn here(scene: &Scene, bytes: &[u8], idem: &str) -> PublishResult {
    let chunks: Vec<_> = bytes.chunks(CHUNK_BYTES).collect();
    let count = u32::try_from(chunks.len()).unwrap();
    let begun = (&scene.capsule, count, idem, None::<keepsake_api::BeginOptions>);
    let session: u64 = scene.update("uploads_begin", begun).await.unwrap();
    for (index, chunk) in (0_u32..).zip(chunks) {
        let put = (session, index, serde_bytes::Bytes::new(chunk));
        scene.update::<()>("uploads_put_chunk", put).await.unwrap();
    }
    scene.publish(session, bytes, "image/jpeg").await.unwrap()
}

/// The original is in the bucket by now.
async fn has_moved(scene: &Scene, published: &PublishResult) -> bool {
    let way = scene.http.get(scene.original(&published.memory_id).await).send().await.unwrap();
    way.status() == StatusCode::TEMPORARY_REDIRECT
}

pub(super) async fn until_moved(scene: &Scene, published: &PublishResult) {
    for _ in 0..600 {
        if has_moved(scene, published).await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it stays here");
}

pub(super) fn tiering(after: Duration) -> impl FnOnce(&mut keepsake_node::serve::ServeOptions) {
    move |options| options.s3.as_mut().unwrap().tier_after = Some(after)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_began_in_the_heap_ends_in_the_bucket() {
    let Some(scene) = Scene::with("tier-reads", tiering(Duration::from_secs(2))).await else { return };
    let (large, small) = (file(LARGE, 1), file(500_000, 2));
    let published = here(&scene, &large, "large").await;
    let stays = here(&scene, &small, "small").await;
    let answer = scene.http.get(scene.original(&published.memory_id).await).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "it is here");
    let mut answer = answer;
    let mut got = answer.chunk().await.unwrap().unwrap().to_vec();
    until_moved(&scene, &published).await;
    assert!(got.len() < LARGE / 2, "{} bytes came before it moved", got.len());
    while let Some(part) = answer.chunk().await.unwrap() {
        got.extend_from_slice(&part);
    }
    assert!(got == large, "{} bytes, byte for byte", got.len());

    let there = scene.http.get(scene.original(&published.memory_id).await).send().await.unwrap();
    let there = there.headers()["location"].to_str().unwrap().to_owned();
    assert!(scene.http.get(there).send().await.unwrap().bytes().await.unwrap() == large);
    let blob = published.assets[0].blob_id.clone().unwrap();
    let chunk: ByteBuf = scene.query("blob_read_chunk", (&blob, 3_u32)).await.unwrap();
    assert!(chunk[..] == large[3 * CHUNK_BYTES..4 * CHUNK_BYTES], "by query");
    assert!(!has_moved(&scene, &stays).await, "what is short stays");
    let heap = scene.dir.path().join("data/heap.bin");
    let taken = || std::fs::metadata(&heap).unwrap().blocks() * 512;
    let mut waited = 0;
    while taken() > 20 << 20 {
        waited += 1;
        assert!(waited < 300, "{} bytes of disk are still taken", taken());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let again = file(20_000_000, 3);
    let published = here(&scene, &again, "again").await;
    let got = scene.http.get(scene.original(&published.memory_id).await).send().await.unwrap();
    assert!(got.bytes().await.unwrap() == again, "what was given back is written anew");
    until_moved(&scene, &published).await;

    // What is deleted goes from the bucket too, later.
    let Scene { node, settings, dir, .. } = scene;
    node.stop().await;
    let data = dir.path().join("data");
    let checked = fsck::check(&data, true, |_| ()).unwrap();
    assert_eq!(checked.violations, Vec::<String>::new());
    assert!(checked.check.allocated_bytes < 1 << 20, "the heap has the small one alone: {checked:?}");
    let bucket = Bucket::open(&settings.options, settings.credentials).unwrap();
    let compared = fsck::bucket::compare(&data, &bucket, false, |finding| panic!("{finding}")).await.unwrap();
    assert_eq!((compared.objects, compared.needed, compared.bytes), (2, 2, LARGE as u64 + 20_000_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_by_many_while_it_moves_is_whole() {
    let Some(scene) = Scene::with("tier-many", tiering(Duration::from_millis(1))).await else { return };
    let mut all = Vec::new();
    for seed in 0..6 {
        let bytes = file(5_000_000, seed);
        all.push((here(&scene, &bytes, &seed.to_string()).await, bytes));
    }
    for round in 0..100 {
        let mut moved = 0;
        for (published, bytes) in &all {
            let blob = published.assets[0].blob_id.clone().unwrap();
            let chunk: Result<ByteBuf, Error> = scene.query("blob_read_chunk", (&blob, 1_u32)).await;
            assert!(chunk.unwrap()[..] == bytes[CHUNK_BYTES..2 * CHUNK_BYTES], "round {round}");
            let answer = scene.http.get(scene.original(&published.memory_id).await).send().await.unwrap();
            let answer = match answer.headers().get("location") {
                None => answer,
                Some(there) => {
                    moved += 1;
                    scene.http.get(there.to_str().unwrap()).send().await.unwrap()
                }
            };
            assert!(answer.bytes().await.unwrap() == bytes[..], "round {round}");
        }
        if moved == all.len() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not all moved");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_was_cut_off_goes_on_with_the_same_object() {
    let Some(scene) = Scene::new("tier-again").await else { return };
    let bytes = file(3_000_000, 7);
    let published = here(&scene, &bytes, "one").await;
    let blob = published.assets[0].blob_id.clone().unwrap();
    let bucket = Bucket::open(&scene.settings.options, scene.settings.credentials.clone()).unwrap();
    // As after a stop between the writing and the records.
    let written = async |data: &Path| {
        let canister_id = candid::Principal::from_text(DEFAULT_CANISTER_ID).unwrap();
        let offline = Offline::open(data, canister_id).unwrap();
        let reply = offline.update("objects_move", candid::encode_one(&blob).unwrap()).await.unwrap();
        let object: Result<Object, Error> = candid::decode_one(&reply).unwrap();
        offline.close().await;
        let content = Content { len: 3_000_000, sha256: hash(&bytes).try_into().unwrap(), md5: None };
        let whole = Bytes::from(bytes.clone());
        let open = |_| futures_util::stream::iter([Ok(whole.clone())]);
        bucket.put(&Key::new(object.unwrap().key).unwrap(), &content, "image/jpeg", open).await.unwrap();
    };
    let scene = scene.restart_after(written, tiering(Duration::from_millis(1))).await;
    until_moved(&scene, &published).await;
    assert_eq!(bucket.list("", None).await.unwrap().objects.len(), 1, "it is the same one");
}
