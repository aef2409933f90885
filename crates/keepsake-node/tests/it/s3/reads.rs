//! Who reads what of an original in the bucket, and by which way.

use super::{Scene, file};
use reqwest::StatusCode;
use reqwest::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, RANGE};

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
        (head.status(), head.headers()["content-length"].as_bytes()),
        (StatusCode::OK, &b"2000000"[..])
    );
    let etag = head.headers()["etag"].clone();
    let known = scene.http.get(&url).header("if-none-match", etag).send().await.unwrap();
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
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
