//! Memories of both kinds at once: the original in the bucket, display and thumbnail in the heap, the placeholder in the record. Many
//! uploads go on beside each other, some are given up; what `Ok` promised is there in the next message, on every road, byte for byte.

use super::{Scene, asset, file, hash, memory};
use futures_util::future::join_all;
use keepsake_api::{
    AssetMetadata, AssetMetadataBase, AssetType, Error, ImageAssetMetadata, InlineAssetInput, Memory,
    PublishRequest, PublishResult, PublishSession, SessionStats, UploadStatus,
};
use keepsake_node::fsck;
use keepsake_s3::Bucket;
use serde_bytes::ByteBuf;

const UPLOADS: u64 = 8;
const ROUNDS: u64 = 4;

fn of_type(asset_type: AssetType) -> AssetMetadata {
    AssetMetadata::Image(ImageAssetMetadata {
        base: AssetMetadataBase::new(asset_type, "photo", "image/jpeg"),
        dpi: None,
        color_space: None,
        exif_data: None,
        compression_ratio: None,
        orientation: None,
    })
}

async fn in_heap(scene: &Scene, bytes: &[u8], idem: &str) -> u64 {
    let chunks: Vec<_> = bytes.chunks(100_000).collect();
    let count = u32::try_from(chunks.len()).unwrap();
    let begun = (&scene.capsule, count, idem, None::<keepsake_api::BeginOptions>);
    let session: u64 = scene.update("uploads_begin", begun).await.unwrap();
    let puts = (0_u32..).zip(chunks).map(async |(index, chunk)| {
        let put = (session, index, serde_bytes::Bytes::new(chunk));
        scene.update::<()>("uploads_put_chunk", put).await.unwrap();
    });
    join_all(puts).await;
    session
}

fn session(id: u64, bytes: &[u8], metadata: AssetMetadata) -> PublishSession {
    PublishSession {
        session_id: id,
        sha256: ByteBuf::from(hash(bytes)),
        total_len: bytes.len() as u64,
        metadata,
    }
}

/// One photo by both lanes at once. Says what was published, and each blob with its bytes.
async fn upload(scene: &Scene, seed: u64) -> (PublishResult, Vec<Vec<u8>>) {
    let len = usize::try_from(1_100_000 + seed * 1_001).unwrap();
    let (original, display, thumbnail) =
        (file(len, seed), file(250_000, seed + 1_000), file(9_000, seed + 2_000));
    let name = |what: &str| format!("{what} {seed}");
    let (by_display, by_thumbnail) = (name("display"), name("thumbnail"));
    let lane_a = async {
        let id = scene.begin(&original, "image/jpeg", &name("original")).await.unwrap();
        let ticket = scene.ticket(id).await;
        scene.send_parts(&ticket, id, &original, &[1]).await;
        let early = scene.query::<UploadStatus>("uploads_status", (id,)).await.unwrap();
        assert_eq!(early.received_chunks, 0, "nothing counts that the host has not seen");
        scene.finish(&ticket, id, &original).await;
        id
    };
    let lane_b = async {
        (in_heap(scene, &display, &by_display).await, in_heap(scene, &thumbnail, &by_thumbnail).await)
    };
    // One more, which is given up in the middle.
    let given_up = async {
        let bytes = file(1_200_000, seed + 3_000);
        let id = scene.begin(&bytes, "image/jpeg", &name("given up")).await.unwrap();
        let ticket = scene.ticket(id).await;
        if seed.is_multiple_of(2) {
            scene.send_parts(&ticket, id, &bytes, &[1]).await;
        }
        scene.update::<()>("uploads_abort", (id,)).await.unwrap();
        assert_eq!(scene.parts(&ticket, id).await.0, 404);
    };
    let (there, (shown, small), ()) = tokio::join!(lane_a, lane_b, given_up);
    let request = PublishRequest {
        capsule_id: scene.capsule.clone(),
        metadata: memory(),
        sessions: vec![
            session(there, &original, asset("image/jpeg")),
            session(shown, &display, of_type(AssetType::Display)),
            session(small, &thumbnail, of_type(AssetType::Thumbnail)),
        ],
        inline_assets: vec![InlineAssetInput {
            bytes: ByteBuf::from(b"tiny"),
            metadata: of_type(AssetType::Placeholder),
        }],
        idem: name("publish"),
        carried_assets: None,
        if_present: None,
    };
    let published: PublishResult = scene.update("uploads_publish", (&request,)).await.unwrap();
    let again: PublishResult = scene.update("uploads_publish", (&request,)).await.unwrap();
    assert_eq!(again, published);
    (published, vec![original, display, thumbnail])
}

/// Everything of it, by query and by HTTP.
async fn see(scene: &Scene, published: &PublishResult, files: &[Vec<u8>]) {
    let read: Memory = scene.query("memories_read", (&published.memory_id,)).await.unwrap();
    assert_eq!((read.blob_internal_assets.len(), read.inline_assets.len()), (3, 1));
    for (asset, bytes) in published.assets.iter().zip(files) {
        assert_eq!((asset.size, asset.sha256.to_vec()), (bytes.len() as u64, hash(bytes)));
        let blob = asset.blob_id.as_ref().unwrap();
        let whole: Result<ByteBuf, Error> = scene.query("blob_read_chunk", (blob, 0_u32)).await;
        assert!(whole.unwrap()[..] == bytes[..], "{:?} by query", asset.asset_type);
        let original = scene.original(&published.memory_id).await;
        let url = original.replace("/original?", &format!("/{}?", asset.asset_id));
        let mut answer = scene.http.get(&url).send().await.unwrap();
        if let Some(there) = answer.headers().get("location") {
            answer = scene.http.get(there.to_str().unwrap()).send().await.unwrap();
        }
        assert!(answer.bytes().await.unwrap() == bytes[..], "{:?} by HTTP", asset.asset_type);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_published_over_both_places_is_there_at_once_and_whole() {
    let Some(scene) = Scene::new("mixed").await else { return };
    let mut all = Vec::new();
    for round in 0..ROUNDS {
        let uploads = (0..UPLOADS).map(async |lane| {
            let (published, files) = upload(&scene, round * UPLOADS + lane).await;
            see(&scene, &published, &files).await;
            (published, files)
        });
        all.extend(join_all(uploads).await);
    }
    let stats: SessionStats = scene.query("sessions_stats", ()).await.unwrap();
    assert_eq!((stats.pending, stats.bytes_in_flight), (0, 0), "nothing is left open");
    let scene = scene.restart().await;
    for (published, files) in &all {
        see(&scene, published, files).await;
    }
    let Scene { node, settings, dir, .. } = scene;
    node.stop().await;
    let data = dir.path().join("data");
    assert_eq!(fsck::check(&data, true, |_| ()).unwrap().violations, Vec::<String>::new());
    let bucket = Bucket::open(&settings.options, settings.credentials).unwrap();
    let compared = fsck::bucket::compare(&data, &bucket, false, |finding| panic!("{finding}")).await.unwrap();
    let (published, given_up) = (UPLOADS * ROUNDS, UPLOADS * ROUNDS / 2);
    assert_eq!((compared.needed, compared.objects), (published, published + given_up));
}
