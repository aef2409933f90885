//! What goes along in the publish and what has a session: a small photo is one message.

use crate::host::{Way, capsule, client, jpeg, photo};
use keepsake_client::api::AssetType;
use keepsake_client::{Client, Source, Transport, UploadEvent, UploadOptions, Uploaded, upload_events};
use keepsake_conformance::Who;
use keepsake_conformance::in_process::InProcess;
use std::collections::BTreeMap;

const ALL: [AssetType; 4] =
    [AssetType::Original, AssetType::Display, AssetType::Thumbnail, AssetType::Placeholder];

async fn check<T: Transport>(client: &Client<T>, uploaded: &Uploaded) {
    assert_eq!(uploaded.assets.iter().map(|asset| asset.asset_type).collect::<Vec<_>>(), ALL);
    for asset in &uploaded.assets {
        if let Some(blob) = &asset.blob_id {
            let meta = client.blob_get_meta(blob).await.unwrap();
            assert_eq!((meta.size, &meta.sha256), (asset.size, &asset.sha256));
        }
    }
    assert_eq!(
        (uploaded.assets[0].size, &uploaded.assets[0].sha256[..]),
        (uploaded.total_len, &uploaded.sha256[..])
    );
    assert_eq!(client.sessions_stats().await.unwrap().pending, 0);
}

async fn upload(len: usize, way: &Way, options: UploadOptions) -> (Uploaded, BTreeMap<&'static str, u32>) {
    let host = InProcess::start();
    let client = client(&host, Who::Owner, way).await;
    let options = UploadOptions { capsule_id: Some(capsule(&client).await), ..options };
    way.counts();
    let uploaded = client.upload(photo(len, 3), options).await.unwrap();
    let counts = way.counts();
    check(&client, &uploaded).await;
    (uploaded, counts)
}

#[tokio::test]
async fn a_small_photo_is_one_update_and_one_query() {
    let (uploaded, counts) = upload(30_000, &Way::default(), UploadOptions::default()).await;
    assert_eq!(counts, BTreeMap::from([("upload_config", 1), ("uploads_publish", 1)]));
    assert_eq!((uploaded.original_chunks.sent, uploaded.derived_chunks.sent), (1, 2));
}

#[tokio::test]
async fn a_display_that_would_be_longer_than_its_plain_original_is_the_original() {
    let host = InProcess::start();
    let client = client(&host, Who::Owner, &Way::default()).await;
    for (note, quality, behind, is_original) in [
        ("the display would be longer", 20, &b""[..], true),
        ("it is shorter", 95, b"", false),
        ("the original says more", 20, b"a video", false),
    ] {
        let bytes = [&jpeg(3, quality), behind].concat();
        let uploaded = client.upload(Source::bytes("a.jpg", bytes), UploadOptions::default()).await.unwrap();
        check(&client, &uploaded).await;
        let [original, display, ..] = &uploaded.assets[..] else { panic!("{note}") };
        assert_eq!(display.sha256 == original.sha256, is_original, "{note}");
        let memory = client.memories_read(&uploaded.memory_id).await.unwrap();
        assert_eq!(memory.blob_internal_assets.len() + memory.inline_assets.len(), 4, "{note}");
    }
}

#[tokio::test]
async fn a_large_photo_has_one_session_and_its_derivatives_go_along() {
    let (_, counts) = upload(4_000_000, &Way::default(), UploadOptions::default()).await;
    assert_eq!((counts["uploads_begin"], counts["uploads_put_chunk"], counts["uploads_publish"]), (1, 3, 1));
}

#[tokio::test]
async fn the_largest_has_a_session_where_not_all_fit() {
    let (_, counts) = upload(1_799_999, &Way::default(), UploadOptions::default()).await;
    assert_eq!((counts["uploads_begin"], counts["uploads_put_chunk"], counts["uploads_publish"]), (1, 1, 1));
}

#[tokio::test]
async fn a_message_that_carries_is_no_longer_than_a_chunk_may_be() {
    let options = UploadOptions { chunk_bytes_max: Some(20_000), ..UploadOptions::default() };
    let (_, counts) = upload(30_000, &Way::default(), options).await;
    assert_eq!((counts["uploads_begin"], counts["uploads_put_chunk"]), (1, 2), "the original alone has one");
}

#[tokio::test]
async fn a_service_that_carries_nothing_gets_sessions() {
    let (_, counts) = upload(30_000, &Way::old(), UploadOptions::default()).await;
    assert_eq!((counts["uploads_begin"], counts["uploads_put_chunk"], counts["uploads_publish"]), (3, 3, 1));
}

#[tokio::test]
async fn a_lost_reply_is_asked_for_again_and_makes_no_twin() {
    let (host, way) = (InProcess::start(), Way::losing_a_reply());
    let client = client(&host, Who::Owner, &way).await;
    let capsule_id = capsule(&client).await;
    let options = UploadOptions { capsule_id: Some(capsule_id.clone()), ..UploadOptions::default() };
    let uploaded = client.upload(photo(30_000, 3), options.clone()).await.unwrap();
    assert_eq!((way.counts()["uploads_publish"], uploaded.already), (2, false));
    assert_eq!(client.capsules_read_full(Some(&capsule_id)).await.unwrap().memory_count, 1);
    let another = client.upload(photo(30_000, 3), options).await.unwrap();
    assert_ne!(another.memory_id, uploaded.memory_id, "that is another upload");
}

#[tokio::test]
async fn events_tell_what_went_along_and_name_no_session_for_it() {
    let host = InProcess::start();
    let client = client(&host, Who::Owner, &Way::default()).await;
    let (events, mut stream) = upload_events();
    client
        .upload(photo(30_000, 3), UploadOptions { events: Some(events), ..UploadOptions::default() })
        .await
        .unwrap();
    let (mut carried, mut is_published) = (Vec::new(), false);
    while let Some(event) = stream.next().await {
        match event {
            UploadEvent::Carried { asset, bytes } => carried.push((asset, bytes)),
            UploadEvent::Published { already, .. } => is_published = !already,
            UploadEvent::SessionOpened { .. } | UploadEvent::ChunkSent { .. } => panic!("{event:?}"),
            _ => {}
        }
    }
    assert_eq!(carried.iter().map(|(asset, _)| *asset).collect::<Vec<_>>(), ALL[..3]);
    assert!(carried[0] == (AssetType::Original, 30_000) && is_published, "{carried:?}");
}

#[tokio::test]
async fn sessions_that_somebody_ended_before_the_publish_are_begun_anew() {
    let (uploaded, counts) = upload(4_000_000, &Way::ending_sessions(), UploadOptions::default()).await;
    assert_eq!((counts["uploads_begin"], counts["uploads_put_chunk"], counts["uploads_publish"]), (2, 6, 2));
    assert!(!uploaded.already);
}

#[tokio::test]
async fn a_chunk_that_was_taken_and_not_handed_on_is_sent_again() {
    let (_, counts) = upload(4_000_000, &Way::keeping_a_chunk(), UploadOptions::default()).await;
    assert_eq!((counts["uploads_begin"], counts["uploads_put_chunk"], counts["uploads_publish"]), (2, 4, 2));
}

/// Equal in name, size, time and samples, as images of disks are.
#[tokio::test]
async fn files_that_look_the_same_and_are_not_arrive_both_when_they_set_out_together() {
    let host = InProcess::start();
    let client = client(&host, Who::Owner, &Way::default()).await;
    let source = |differs: u8| {
        let mut bytes = vec![1; 20_000_000];
        bytes[100_000] = differs;
        Source::bytes("volume.img", bytes)
    };
    let uploads = [2, 3].map(|differs| client.upload(source(differs), UploadOptions::default()));
    let [first, second] = uploads;
    let (first, second) = tokio::join!(first, second);
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_ne!((&first.memory_id, first.sha256), (&second.memory_id, second.sha256));
    assert_eq!(client.sessions_stats().await.unwrap().pending, 0);
}
