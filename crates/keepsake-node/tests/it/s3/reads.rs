//! Who reads what of an original in the bucket, and by which way.

use super::{Scene, file};
use bytes::Bytes;
use keepsake_s3::{Abilities, Bucket, Content, Key};
use reqwest::StatusCode;
use reqwest::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, LOCATION, RANGE};
use serde_bytes::ByteBuf;
use sha2::{Digest, Sha256};

#[tokio::test(flavor = "multi_thread")]
async fn a_private_original_is_read_by_a_token_and_for_minutes() {
    let Some(scene) = Scene::new("reads").await else { return };
    let bytes = file(2_000_000, 1);
    let session = scene.sent(&bytes, "image/png", "one").await;
    let memory = scene.publish(session, &bytes, "image/png").await.unwrap().memory_id;
    let without = scene.http.get(scene.url(&format!("/asset/{memory}/original"))).send().await.unwrap();
    assert_eq!((without.status(), without.headers().get(LOCATION)), (StatusCode::UNAUTHORIZED, None));

    let url = scene.original(&memory).await;
    let way = scene.http.get(&url).send().await.unwrap();
    assert_eq!(way.headers()[CACHE_CONTROL], "private, no-store");
    assert_eq!(way.headers()["referrer-policy"], "no-referrer");
    let there = way.headers()[LOCATION].to_str().unwrap().to_owned();
    assert!(there.contains("X-Amz-Expires=300"), "{there}");
    assert!(!there.contains("token"), "the token stays here: {there}");
    let again = scene.http.get(&url).send().await.unwrap();
    assert_eq!(again.headers()[LOCATION].to_str().unwrap(), there, "so browsers keep what it names");
    let head = scene.http.head(&url).send().await.unwrap();
    assert_eq!(
        (head.status(), head.headers()["content-length"].as_bytes(), head.headers()[CONTENT_TYPE].as_bytes()),
        (StatusCode::OK, &b"2000000"[..], &b"image/png"[..])
    );
    let etag = head.headers()["etag"].clone();
    let known = scene.http.get(&url).header("if-none-match", etag).send().await.unwrap();
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
    let saved = scene.http.get(format!("{url}&download=1")).send().await.unwrap();
    assert_eq!(saved.status(), StatusCode::TEMPORARY_REDIRECT);
    let saved = scene.http.get(saved.headers()[LOCATION].to_str().unwrap()).send().await.unwrap();
    assert_eq!(saved.headers()[CONTENT_DISPOSITION], "attachment; filename*=UTF-8''photo");
    assert!(saved.bytes().await.unwrap() == bytes, "it is saved as it is");
    let bare = there.split('?').next().unwrap();
    assert_eq!(scene.http.get(bare).send().await.unwrap().status(), StatusCode::FORBIDDEN, "unsigned");

    scene.update::<()>("memories_delete", (&memory, true)).await.unwrap();
    let gone = scene.http.get(&url).send().await.unwrap();
    assert!(gone.status().is_client_error() && gone.headers().get(LOCATION).is_none(), "{}", gone.status());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_might_act_comes_through_the_host() {
    let Some(scene) = Scene::new("through").await else { return };
    for (at, mime_type, told) in [
        (1, "text/html", "application/octet-stream"),
        (2, "image/svg+xml", "image/svg+xml"),
        (3, "text/javascript", "application/octet-stream"),
        (4, "text/plain", "text/plain"),
    ] {
        let bytes = file(2_000_000 + at, at as u64);
        let session = scene.sent(&bytes, mime_type, mime_type).await;
        let memory = scene.publish(session, &bytes, mime_type).await.unwrap().memory_id;
        let url = scene.original(&memory).await;
        let got = scene.http.get(&url).send().await.unwrap();
        assert_eq!((got.status(), got.headers().get(LOCATION)), (StatusCode::OK, None), "{mime_type}");
        assert_eq!(got.headers()[CONTENT_TYPE], told);
        assert!(got.headers()["content-security-policy"].to_str().unwrap().contains("sandbox"));
        assert!(got.bytes().await.unwrap() == bytes, "{mime_type}");
        let part = scene.http.get(&url).header(RANGE, "bytes=1000000-1000004").send().await.unwrap();
        assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(part.bytes().await.unwrap(), bytes[1_000_000..1_000_005]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_may_load_from_the_bucket_and_send_there() {
    let Some(scene) = Scene::with_page("page").await else { return };
    let page = scene.http.get(scene.url("/")).send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    let origin = scene.settings.options.endpoint.as_str().trim_end_matches('/');
    for source in ["img-src", "media-src", "connect-src"] {
        let said = policy.split("; ").find(|said| said.starts_with(source)).unwrap();
        assert!(said.split(' ').any(|one| one == origin), "{said}");
    }
    let script = policy.split("; ").find(|said| said.starts_with("script-src")).unwrap();
    assert!(!script.contains(origin), "{script}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_writing_is_never_shown_where_the_bucket_keeps_versions() {
    let Some(scene) = Scene::new("versions").await else { return };
    let bucket = Bucket::open(&scene.settings.options, scene.settings.credentials.clone()).unwrap();
    bucket.keep_versions().await.unwrap();
    let bytes = file(2_000_000, 1);
    let mut memories = Vec::new();
    for mime_type in ["image/png", "text/plain"] {
        let session = scene.sent(&bytes, mime_type, mime_type).await;
        memories.push(scene.publish(session, &bytes, mime_type).await.unwrap());
    }
    let other = Bytes::from(file(2_000_000, 2));
    for object in bucket.list("", None).await.unwrap().objects {
        let content = Content { len: 2_000_000, sha256: Sha256::digest(&other).into(), md5: None };
        let open = |_| futures_util::stream::iter([Ok(other.clone())]);
        let careless = bucket.clone().with_abilities(Abilities { if_none_match: false, ..Abilities::ALL });
        careless.put(&Key::new(object.key).unwrap(), &content, "text/html", open).await.unwrap();
    }
    let [shown, through] = &memories[..] else { unreachable!() };
    let way = scene.http.get(scene.original(&shown.memory_id).await).send().await.unwrap();
    let there = way.headers()[LOCATION].to_str().unwrap().to_owned();
    assert!(scene.http.get(there).send().await.unwrap().bytes().await.unwrap() == bytes, "by the redirect");
    let got = scene.http.get(scene.original(&through.memory_id).await).send().await.unwrap();
    assert!(got.bytes().await.unwrap() == bytes, "through the host");
    let blob = shown.assets[0].blob_id.clone().unwrap();
    let chunk: ByteBuf = scene.query("blob_read_chunk", (&blob, 1_u32)).await.unwrap();
    assert!(chunk[..] == bytes[1_800_000..], "by query");
}
