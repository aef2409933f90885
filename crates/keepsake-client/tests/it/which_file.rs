//! What a file finds that is there already, and that nothing is hashed or asked twice.

use crate::host::{Way, capsule, client, photo};
use keepsake_client::api::IfPresent;
use keepsake_client::{CancellationToken, RetryPolicy, Source, UploadError, UploadOptions};
use keepsake_conformance::Who;
use keepsake_conformance::in_process::InProcess;

fn sha256(source: &Source) -> [u8; 32] {
    *source.sha256().unwrap()
}

#[tokio::test]
async fn a_file_that_is_there_is_returned_by_whichever_road_it_came() {
    for len in [30_000, 2_000_000] {
        let (host, way) = (InProcess::start(), Way::default());
        let client = client(&host, Who::Owner, &way).await;
        let capsule_id = Some(capsule(&client).await);
        let options = UploadOptions { capsule_id, if_present: IfPresent::Return, ..UploadOptions::default() };
        let first = client.upload(photo(len, 3), options.clone()).await.unwrap();
        let second = client.upload(photo(len, 3), options.clone()).await.unwrap();
        assert_eq!((first.already, second.already), (false, true), "{len}");
        assert_eq!((&second.memory_id, &second.assets), (&first.memory_id, &first.assets), "{len}");
        let pending = client.sessions_stats().await.unwrap().pending;
        assert_eq!(pending, 0, "{len}: what was sent for nothing is given up");
        client.memories_delete(&first.memory_id, true).await.unwrap();
        assert!(!client.upload(photo(len, 3), options).await.unwrap().already, "{len}: it was deleted");
    }
}

#[tokio::test]
async fn many_files_are_asked_for_in_few_messages_and_an_older_service_is_not_asked() {
    let (host, way) = (InProcess::start(), Way::default());
    let new = client(&host, Who::Owner, &way).await;
    let capsule_id = capsule(&new).await;
    let there = photo(30_000, 3).hashed(&CancellationToken::new()).await.unwrap();
    let options = UploadOptions { capsule_id: Some(capsule_id.clone()), ..UploadOptions::default() };
    let uploaded = new.upload(there.clone(), options).await.unwrap();
    let mut hashes = vec![[7; 32]; 2_500];
    hashes[1_234] = sha256(&there);
    way.counts();
    let found = new.find_originals(&capsule_id, &hashes).await.unwrap();
    assert_eq!((found.len(), way.counts()["memories_find"]), (2_500, 3));
    assert_eq!(found.iter().position(Option::is_some), Some(1_234));
    assert_eq!(found[1_234].as_ref(), Some(&uploaded.memory_id));

    let old = client(&host, Who::Owner, &Way::old()).await;
    assert_eq!(old.find_originals(&capsule_id, &hashes).await.unwrap(), vec![None; 2_500]);
}

#[tokio::test]
async fn a_file_that_changed_since_it_was_hashed_is_hashed_anew() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("note.txt");
    let host = InProcess::start();
    let client = client(&host, Who::Owner, &Way::default()).await;
    for len in [30_000, 4_000_000] {
        std::fs::write(&path, vec![b'a'; len]).unwrap();
        let before = Source::file(&path).hashed(&CancellationToken::new()).await.unwrap();
        std::fs::write(&path, vec![b'b'; len + 1]).unwrap();
        let uploaded = client.upload(before.clone(), UploadOptions::default()).await.unwrap();
        let after = Source::file(&path).hashed(&CancellationToken::new()).await.unwrap();
        assert_eq!(uploaded.sha256, sha256(&after));
        assert_ne!(uploaded.sha256, sha256(&before));
    }
    let stopped = CancellationToken::new();
    stopped.cancel();
    assert!(matches!(Source::file(&path).hashed(&stopped).await, Err(UploadError::Cancelled)));
}

#[tokio::test]
async fn a_service_that_goes_through_older_memories_is_waited_for_and_not_for_ever() {
    let (host, way) = (InProcess::start(), Way::indexing_for(1));
    let patient = client(&host, Who::Owner, &way).await;
    let capsule_id = capsule(&patient).await;
    assert_eq!(patient.find_originals(&capsule_id, &[[7; 32]]).await.unwrap(), [None]);
    assert_eq!(way.counts()["memories_find"], 2);

    let way = Way::indexing_for(u32::MAX);
    let hasty = client(&host, Who::Owner, &way).await.with_retry(RetryPolicy::never());
    let error = hasty.find_originals(&capsule_id, &[[7; 32]]).await.unwrap_err();
    assert_eq!((error.code(), way.counts()["memories_find"]), (Some("contents_pending"), 1));
}
