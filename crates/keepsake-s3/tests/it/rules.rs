//! The rules of a bucket, and what they do to pages.

use crate::world::{bytes, content, key, now_s, own_bucket, put};
use keepsake_s3::{CorsRules, Error, ReadMethod, Rules, Shown};

fn cors(origin: &str) -> CorsRules {
    CorsRules { origins: vec![origin.to_owned()] }
}

fn header(answer: &reqwest::Response, name: &str) -> String {
    answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

#[tokio::test]
async fn cors_rules_are_set_once_and_never_over_others() {
    let Some(world) = own_bucket() else { return };
    let ours = cors("https://a.example");
    assert_eq!(world.bucket.cors(&ours).await.unwrap(), Rules::None);
    world.bucket.set_cors(&ours).await.unwrap();
    assert_eq!(world.bucket.cors(&ours).await.unwrap(), Rules::Right);
    world.bucket.set_cors(&ours).await.unwrap();
    let refused = world.bucket.set_cors(&cors("https://b.example")).await.unwrap_err();
    assert!(matches!(refused, Error::OtherRules { .. }), "{refused}");
    assert_eq!(world.bucket.cors(&ours).await.unwrap(), Rules::Right);
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_may_write_and_another_may_not() {
    let Some(world) = own_bucket() else { return };
    world.bucket.set_cors(&cors("https://a.example")).await.unwrap();
    let body = bytes(10);
    let request = world.bucket.signer().sign_put(&key("a"), &content(&body), "image/jpeg", now_s(), 600);
    let preflight = async |origin: &str| {
        let asked = crate::world::client()
            .request(reqwest::Method::OPTIONS, request.url.clone())
            .header("origin", origin)
            .header("access-control-request-method", "PUT")
            .header("access-control-request-headers", "content-type,if-none-match,x-amz-checksum-sha256");
        asked.send().await.unwrap()
    };
    let allowed = preflight("https://a.example").await;
    assert_eq!(header(&allowed, "access-control-allow-origin"), "https://a.example");
    assert!(header(&allowed, "access-control-allow-methods").contains("PUT"), "{allowed:?}");
    let headers = header(&allowed, "access-control-allow-headers").to_ascii_lowercase();
    for name in ["content-type", "if-none-match", "x-amz-checksum-sha256"] {
        assert!(headers.contains(name), "{headers}");
    }
    assert_eq!(header(&preflight("https://b.example").await, "access-control-allow-origin"), "");
    put(&world.bucket, "a", &body).await;
    let read = world.bucket.signer().sign_get(&key("a"), ReadMethod::Get, &Shown::default(), now_s());
    let answer =
        crate::world::client().get(read.url).header("origin", "https://a.example").send().await.unwrap();
    assert_eq!(header(&answer, "access-control-allow-origin"), "https://a.example");
    assert!(header(&answer, "access-control-expose-headers").contains("Content-Range"), "{answer:?}");
}

#[tokio::test]
async fn the_rule_for_unfinished_uploads_is_set_once() {
    let Some(world) = own_bucket() else { return };
    assert_eq!(world.bucket.lifecycle().await.unwrap(), Rules::None);
    world.bucket.set_lifecycle().await.unwrap();
    assert_eq!(world.bucket.lifecycle().await.unwrap(), Rules::Right);
    world.bucket.set_lifecycle().await.unwrap();
}
