//! What strangers can do with what was signed, and what they cannot.

use crate::world::{World, bytes, content, key, now_s, put, response, send, world};
use data_encoding::BASE64;
use keepsake_s3::{Error, ReadMethod, Shown, SignedRequest, Signer};

async fn is_absent(world: &World, name: &str) -> bool {
    matches!(world.bucket.head(&key(name)).await, Err(Error::NoObject { .. }))
}

fn signed_put(world: &World, name: &str, body: &[u8]) -> SignedRequest {
    world.bucket.signer().sign_put(&key(name), &content(body), "image/jpeg", now_s(), 600)
}

fn set(request: &mut SignedRequest, name: &str, value: &str) {
    let header = request.headers.iter_mut().find(|(key, _)| *key == name).unwrap();
    value.clone_into(&mut header.1);
}

#[tokio::test]
async fn what_was_signed_is_written_and_told() {
    let Some(world) = world() else { return };
    let body = bytes(5000);
    assert_eq!(send(&signed_put(&world, "a/b", &body), body.clone()).await.0, 200);
    let head = world.bucket.head(&key("a/b")).await.unwrap();
    assert_eq!(head.len, 5000);
    assert_eq!(head.sha256, Some(content(&body).sha256));
    assert_eq!(head.content_type.as_deref(), Some("image/jpeg"));
}

#[tokio::test]
async fn other_bytes_of_the_same_length_are_refused_and_absent() {
    let Some(world) = world() else { return };
    let body = bytes(5000);
    let mut other = body.to_vec();
    other[2500] ^= 1;
    let (status, text) = send(&signed_put(&world, "a", &body), other).await;
    assert_eq!(status, 400, "{text:?}");
    assert!(is_absent(&world, "a").await);
}

#[tokio::test]
async fn a_shorter_or_longer_body_is_refused_and_absent() {
    let Some(world) = world() else { return };
    let body = bytes(5000);
    for other in [bytes(4999), bytes(5001), bytes(0)] {
        let (status, text) = send(&signed_put(&world, "a", &body), other).await;
        assert!((400..500).contains(&status), "{status} {text:?}");
        assert!(is_absent(&world, "a").await);
    }
}

#[tokio::test]
async fn an_object_is_written_once() {
    let Some(world) = world() else { return };
    let body = bytes(500);
    let request = signed_put(&world, "a", &body);
    assert_eq!(send(&request, body.clone()).await.0, 200);
    assert_eq!(send(&request, body.clone()).await.0, 412, "the same request writes no second time");
    let other = bytes(400);
    assert_eq!(send(&signed_put(&world, "a", &other), other).await.0, 412);
    assert_eq!(world.bucket.head(&key("a")).await.unwrap().len, 500);
}

#[tokio::test]
async fn no_signed_header_can_be_changed_or_left_out() {
    let Some(world) = world() else { return };
    let (body, other) = (bytes(500), bytes(499));
    for name in ["content-type", "if-none-match", "x-amz-checksum-sha256"] {
        let mut request = signed_put(&world, "a", &body);
        request.headers.retain(|(key, _)| *key != name);
        assert_eq!(send(&request, body.clone()).await.0, 403, "{name} was left out");
    }
    let sum = BASE64.encode(&content(&other).sha256);
    for (name, value) in
        [("content-type", "text/html"), ("if-none-match", "x"), ("x-amz-checksum-sha256", &sum)]
    {
        let mut request = signed_put(&world, "a", &body);
        set(&mut request, name, value);
        assert_eq!(send(&request, body.clone()).await.0, 403, "{name} was changed");
    }
    assert!(is_absent(&world, "a").await);
}

#[tokio::test]
async fn a_request_for_one_key_opens_no_other() {
    let Some(world) = world() else { return };
    let body = bytes(500);
    let mut request = signed_put(&world, "a", &body);
    let path = request.url.path().replace("/a", "/b");
    request.url.set_path(&path);
    assert_eq!(send(&request, body).await.0, 403);
    assert!(is_absent(&world, "b").await);
}

#[tokio::test]
async fn what_has_expired_opens_nothing() {
    let Some(world) = world() else { return };
    let body = bytes(500);
    let request =
        world.bucket.signer().sign_put(&key("a"), &content(&body), "image/jpeg", now_s() - 601, 600);
    assert_eq!(send(&request, body).await.0, 403);
    assert!(is_absent(&world, "a").await);
    put(&world.bucket, "a", &bytes(500)).await;
    let read = world.bucket.signer().sign_get(&key("a"), ReadMethod::Get, &Shown::default(), now_s() - 600);
    assert_eq!(send(&read, "").await.0, 403);
}

#[tokio::test]
async fn a_request_signed_with_other_keys_opens_nothing() {
    let Some(world) = world() else { return };
    let body = bytes(500);
    let forged = keepsake_s3::Credentials::new(&world.server.access_key, "guessed");
    let signer = Signer::new(&world.options, forged).unwrap();
    let request = signer.sign_put(&key("a"), &content(&body), "image/jpeg", now_s(), 600);
    assert_eq!(send(&request, body).await.0, 403);
    assert!(is_absent(&world, "a").await);
}

#[tokio::test]
async fn a_read_says_of_itself_what_was_signed_and_takes_ranges() {
    let Some(world) = world() else { return };
    let body = bytes(5000);
    put(&world.bucket, "a", &body).await;
    let shown = Shown {
        content_type: Some("image/png".into()),
        content_disposition: Some("attachment; filename=\"a b.png\"".into()),
        cache_control: Some("private, max-age=60".into()),
        version: None,
    };
    let request = world.bucket.signer().sign_get(&key("a"), ReadMethod::Get, &shown, now_s());
    let answer = response(&request, "").await;
    assert_eq!(answer.status(), 200);
    let header = |name| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "image/png");
    assert_eq!(header("content-disposition"), "attachment; filename=\"a b.png\"");
    assert_eq!(header("cache-control"), "private, max-age=60");
    assert_eq!(answer.bytes().await.unwrap(), body);
    let mut ranged = request;
    ranged.headers.push(("range", "bytes=10-19".into()));
    let answer = response(&ranged, "").await;
    assert_eq!(answer.status(), 206);
    assert_eq!(answer.bytes().await.unwrap(), body.slice(10..20));
}

#[tokio::test]
async fn a_signature_for_get_is_refused_for_head_and_the_other_way_round() {
    let Some(world) = world() else { return };
    put(&world.bucket, "a", &bytes(500)).await;
    let sign = |method| world.bucket.signer().sign_get(&key("a"), method, &Shown::default(), now_s());
    let (mut get, mut head) = (sign(ReadMethod::Get), sign(ReadMethod::Head));
    assert_eq!((send(&get, "").await.0, send(&head, "").await.0), (200, 200));
    (get.method, head.method) = ("HEAD", "GET");
    assert_eq!((send(&get, "").await.0, send(&head, "").await.0), (403, 403));
}

#[tokio::test]
async fn a_read_cannot_be_made_to_say_something_else() {
    let Some(world) = world() else { return };
    put(&world.bucket, "a", &bytes(500)).await;
    let shown = Shown { content_type: Some("image/png".into()), ..Shown::default() };
    let mut request = world.bucket.signer().sign_get(&key("a"), ReadMethod::Get, &shown, now_s());
    let query = request.url.query().unwrap().replace("image%2Fpng", "text%2Fhtml");
    request.url.set_query(Some(&query));
    assert_eq!(send(&request, "").await.0, 403);
}
