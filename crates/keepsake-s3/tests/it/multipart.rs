//! Objects in parts, which strangers send and the host puts together.

use crate::world::{World, bytes, content, key, now_s, send, world};
use bytes::Bytes;
use keepsake_s3::{Error, Part};

/// S3's least size of a part that is not the last.
const PART: usize = 5 << 20;

async fn begin(world: &World, name: &str) -> String {
    world.bucket.create_multipart(&key(name), "video/mp4").await.unwrap()
}

async fn send_part(world: &World, name: &str, upload: &str, number: u16, body: &Bytes) -> u16 {
    let signer = world.bucket.signer();
    let request = signer.sign_part(&key(name), upload, number, &content(body), now_s(), 600);
    send(&request, body.clone()).await.0
}

/// As the server lists them, with the hashes that were signed.
async fn listed(world: &World, name: &str, upload: &str, bodies: &[Bytes]) -> Vec<Part> {
    let parts = world.bucket.list_parts(&key(name), upload).await.unwrap();
    assert_eq!(parts.len(), bodies.len());
    let with = |(part, body): (Part, &Bytes)| Part { sha256: Some(content(body).sha256), ..part };
    parts.into_iter().zip(bodies).map(with).collect()
}

fn bodies() -> [Bytes; 3] {
    let all = bytes(2 * PART + 1000);
    [all.slice(..PART), all.slice(PART..2 * PART), all.slice(2 * PART..)]
}

async fn sent(world: &World, name: &str) -> (String, Vec<Part>, [Bytes; 3]) {
    let (upload, bodies) = (begin(world, name).await, bodies());
    // In any order.
    for number in [3, 1, 2] {
        assert_eq!(send_part(world, name, &upload, number, &bodies[usize::from(number) - 1]).await, 200);
    }
    let parts = listed(world, name, &upload, &bodies).await;
    (upload, parts, bodies)
}

#[tokio::test]
async fn parts_are_listed_and_put_together_without_the_clients_word() {
    let Some(world) = world() else { return };
    let (upload, parts, bodies) = sent(&world, "a").await;
    for (part, body) in parts.iter().zip(&bodies) {
        assert_eq!(part.len, body.len() as u64);
    }
    let done = world.bucket.complete(&key("a"), &upload, &parts).await.unwrap();
    assert!(!done.was_done);
    assert_eq!((done.head.len, done.head.sha256), ((2 * PART + 1000) as u64, None));
    assert_eq!(done.head.content_type.as_deref(), Some("video/mp4"));
    let hashed = world.bucket.hash(&key("a"), |_| ()).await.unwrap();
    assert_eq!(hashed.sha256, content(&bodies.concat()).sha256);
    let again = world.bucket.complete(&key("a"), &upload, &parts).await.unwrap();
    assert!(again.was_done, "a lost reply is no harm");
}

#[tokio::test]
async fn a_part_with_other_bytes_is_refused_and_not_listed() {
    let Some(world) = world() else { return };
    let upload = begin(&world, "a").await;
    let body = bytes(1000);
    let mut other = body.to_vec();
    other[0] ^= 1;
    let request = world.bucket.signer().sign_part(&key("a"), &upload, 1, &content(&body), now_s(), 600);
    assert_eq!(send(&request, other).await.0, 400);
    assert_eq!(send(&request, bytes(999)).await.0, 403);
    assert_eq!(world.bucket.list_parts(&key("a"), &upload).await.unwrap(), []);
    world.bucket.abort(&key("a"), &upload).await.unwrap();
}

#[tokio::test]
async fn a_request_for_one_part_is_none_for_another_or_another_upload() {
    let Some(world) = world() else { return };
    let (one, two) = (begin(&world, "a").await, begin(&world, "a").await);
    let body = bytes(1000);
    let request = world.bucket.signer().sign_part(&key("a"), &one, 1, &content(&body), now_s(), 600);
    for (from, to) in [("partNumber=1", "partNumber=2".to_owned()), (one.as_str(), two.clone())] {
        let mut changed = request.clone();
        let query = request.url.query().unwrap().replace(from, &to);
        assert_ne!(Some(query.as_str()), request.url.query());
        changed.url.set_query(Some(&query));
        assert_eq!(send(&changed, body.clone()).await.0, 403);
    }
    for upload in [one, two] {
        assert_eq!(world.bucket.list_parts(&key("a"), &upload).await.unwrap(), []);
        world.bucket.abort(&key("a"), &upload).await.unwrap();
    }
}

#[tokio::test]
async fn wrong_or_missing_hashes_of_parts_put_nothing_together() {
    let Some(world) = world() else { return };
    let (upload, parts, _) = sent(&world, "a").await;
    let mut wrong = parts.clone();
    wrong[1].sha256 = Some([1; 32]);
    let refused = world.bucket.complete(&key("a"), &upload, &wrong).await.unwrap_err();
    assert!(matches!(refused, Error::Corrupt { .. }), "{refused}");
    let mut etag = parts.clone();
    etag[0].etag = "\"00\"".into();
    let refused = world.bucket.complete(&key("a"), &upload, &etag).await.unwrap_err();
    assert!(matches!(refused, Error::Corrupt { .. }), "{refused}");
    assert!(matches!(world.bucket.head(&key("a")).await, Err(Error::NoObject { .. })));
    world.bucket.complete(&key("a"), &upload, &parts).await.unwrap();
}

#[tokio::test]
async fn what_is_aborted_is_gone_and_may_be_aborted_again() {
    let Some(world) = world() else { return };
    let (upload, parts, _) = sent(&world, "a").await;
    world.bucket.abort(&key("a"), &upload).await.unwrap();
    world.bucket.abort(&key("a"), &upload).await.unwrap();
    let gone = world.bucket.list_parts(&key("a"), &upload).await.unwrap_err();
    assert!(matches!(gone, Error::NoUpload), "{gone}");
    let gone = world.bucket.complete(&key("a"), &upload, &parts).await.unwrap_err();
    assert!(matches!(gone, Error::NoUpload), "{gone}");
}

#[tokio::test]
async fn an_object_that_is_there_is_not_written_over_by_parts() {
    let Some(world) = world() else { return };
    let (upload, parts, _) = sent(&world, "a").await;
    crate::world::put(&world.bucket, "a", &bytes(500)).await;
    let refused = world.bucket.complete(&key("a"), &upload, &parts).await.unwrap_err();
    assert!(matches!(refused, Error::Exists { .. }), "{refused}");
    assert_eq!(world.bucket.head(&key("a")).await.unwrap().len, 500);
    world.bucket.abort(&key("a"), &upload).await.unwrap();
}

#[tokio::test]
async fn unfinished_uploads_are_found_page_by_page() {
    let Some(world) = world() else { return };
    let mut begun = Vec::new();
    for name in ["a", "a", "b/c"] {
        begun.push((name.to_owned(), begin(&world, name).await));
    }
    let page = world.bucket.list_multipart("", None).await.unwrap();
    let mut found: Vec<_> = page.uploads.into_iter().map(|upload| (upload.key, upload.upload_id)).collect();
    found.sort();
    begun.sort();
    assert_eq!(found, begun);
    assert_eq!(page.next, None);
    for (name, upload) in begun {
        world.bucket.abort(&key(&name), &upload).await.unwrap();
    }
    assert_eq!(world.bucket.list_multipart("", None).await.unwrap().uploads, []);
}
