//! What the road and the bucket refuse: other bytes than were announced, another's ticket, a second writing, what is no request.

use super::{Scene, file, hash, wanted};
use data_encoding::BASE64;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn only_the_announced_bytes_are_written_and_once() {
    let Some(scene) = Scene::new("refused").await else { return };
    let bytes = file(2_000_000, 1);
    let session = scene.begin(&bytes, "image/jpeg", "one").await.unwrap();
    let ticket = scene.ticket(session).await;
    let (_, granted) = scene.post(&ticket, session, "grant", &wanted(&[&bytes], &[1])).await;
    let request = &granted["requests"][0];
    let wrong = file(2_000_000, 2);
    assert!((400..500).contains(&scene.send(request, &wrong).await), "other bytes of that length");
    assert!((400..500).contains(&scene.send(request, &bytes[..1_000_000]).await), "a shorter body");
    let mut another = request.clone();
    another["headers"]["x-amz-checksum-sha256"] = BASE64.encode(&hash(&wrong)).into();
    assert_eq!(scene.send(&another, &wrong).await, 403, "with a hash of their own");
    let mut bare = request.clone();
    bare["headers"].as_object_mut().unwrap().remove("x-amz-checksum-sha256");
    assert_eq!(scene.send(&bare, &wrong).await, 403, "without the hash");
    let moved = request["url"].as_str().unwrap().replacen(&format!("/{session}-"), "/999-", 1);
    let mut elsewhere = request.clone();
    elsewhere["url"] = moved.replace("keepsake", "other").into();
    if elsewhere["url"] != request["url"] {
        assert_eq!(scene.send(&elsewhere, &bytes).await, 403, "under a key of their own choosing");
    }
    assert_eq!(scene.parts(&ticket, session).await.1["parts"], json!([]), "nothing of it is there");

    assert_eq!(scene.send(request, &bytes).await, 200);
    assert_eq!(scene.send(request, &bytes).await, 412, "a second time");
    scene.finish(&ticket, session, &bytes).await;
    assert_eq!(scene.send(request, &bytes).await, 412, "after the host looked, too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_opens_its_own_session_and_no_other() {
    let Some(scene) = Scene::new("tickets").await else { return };
    let bytes = file(2_000_000, 1);
    let one = scene.begin(&bytes, "image/jpeg", "one").await.unwrap();
    let other = scene.begin(&bytes, "image/jpeg", "other").await.unwrap();
    let ticket = scene.ticket(one).await;
    let asks = |status: u16, code: &'static str| {
        move |(got, text): (u16, Value)| {
            assert!(
                got == status && text.as_str().is_some_and(|text| text.starts_with(code)),
                "{got}: {text}"
            );
        }
    };
    for deed in ["grant", "finish"] {
        let body = wanted(&[&bytes], &[1]);
        asks(403, "ticket_for_another_session")(scene.post(&ticket, other, deed, &body).await);
        asks(401, "ticket_wrong")(scene.post("made-up", one, deed, &body).await);
        let bare = scene.http.post(scene.url(&format!("/s3/{one}/{deed}"))).body("{}").send().await.unwrap();
        asks(401, "ticket_missing")(super::read(bare).await);
    }
    asks(403, "ticket_for_another_session")(scene.parts(&ticket, other).await);
    asks(404, "not_found")(scene.post(&ticket, one, "else", &Value::Null).await);
    scene.update::<()>("uploads_abort", (one,)).await.unwrap();
    asks(404, "not_found")(scene.post(&ticket, one, "grant", &wanted(&[&bytes], &[1])).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_is_told_what_it_lacks() {
    let Some(scene) = Scene::new("bodies").await else { return };
    let bytes = file(2_000_000, 1);
    let session = scene.begin(&bytes, "image/jpeg", "one").await.unwrap();
    let ticket = scene.ticket(session).await;
    let sha256 = BASE64.encode(&hash(&bytes));
    for body in [
        json!([]),
        json!("parts"),
        json!({ "parts": 1 }),
        json!({ "more": [] }),
        json!({ "parts": [{ "number": 1 }] }),
        json!({ "parts": [{ "number": 1, "sha256": "AAAA" }] }),
        json!({ "parts": [{ "number": -1, "sha256": sha256 }] }),
        json!({ "parts": [{ "number": 0, "sha256": sha256 }] }),
        json!({ "parts": [{ "number": 2, "sha256": sha256 }] }),
        json!({ "parts": [{ "number": 1, "sha256": sha256 }, { "number": 1, "sha256": sha256 }] }),
        json!({ "parts": vec![json!({ "number": 1, "sha256": sha256 }); 400] }),
        json!({ "parts": [{ "number": 1, "sha256": BASE64.encode(&hash(b"another")) }] }),
    ] {
        let (status, text) = scene.post(&ticket, session, "grant", &body).await;
        assert_eq!(status, 400, "{body}: {text}");
        assert!(text.as_str().unwrap().starts_with("parts_malformed:"), "{text}");
    }
    let chunk =
        scene.update::<()>("uploads_put_chunk", (session, 0_u32, serde_bytes::Bytes::new(b"x"))).await;
    assert_eq!(chunk.unwrap_err().code(), "session_elsewhere");
    let here: u64 = scene
        .update("uploads_begin", (&scene.capsule, 1_u32, "here", None::<keepsake_api::BeginOptions>))
        .await
        .unwrap();
    let (status, text) = scene.post(&scene.ticket(here).await, here, "grant", &json!({ "parts": [] })).await;
    assert_eq!((status, text.as_str().unwrap().split(':').next()), (409, Some("session_not_elsewhere")));
}
