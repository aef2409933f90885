//! Bad lines: lost replies, lost requests, cut bodies, servers that are busy.

use crate::world::{World, bytes, content, key, put, quick, source, world};
use keepsake_fault_proxy::{Answer, Plan, Proxy};
use keepsake_s3::{Bucket, Error, Options, Retry};

/// The world over a line of its own.
fn over(world: &World) -> (Proxy, Bucket) {
    let proxy = Proxy::start("127.0.0.1:0".parse().unwrap(), world.server.address).unwrap();
    let options = Options { endpoint: proxy.url().parse().unwrap(), ..world.options.clone() };
    let retry = Retry { tries: 12, ..quick() };
    let bucket = Bucket::open(&options, world.server.credentials()).unwrap().with_retry(retry);
    (proxy, bucket)
}

#[tokio::test]
async fn lost_replies_do_no_harm() {
    let Some(world) = world() else { return };
    let (proxy, bucket) = over(&world);
    proxy.line.set(Plan { lose_replies: 0.4, seed: 7, ..Plan::default() });
    let body = bytes(200_000);
    for number in 0..5 {
        let name = format!("a/{number}");
        put(&bucket, &name, &body).await;
        assert_eq!(bucket.hash(&key(&name), |_| ()).await.unwrap().sha256, content(&body).sha256);
        bucket.delete(&key(&name), None).await.unwrap();
    }
    assert!(proxy.line.counts().lost > 0);
}

#[tokio::test]
async fn a_completion_whose_reply_was_lost_is_one() {
    let Some(world) = world() else { return };
    let (proxy, bucket) = over(&world);
    let upload = bucket.create_multipart(&key("a"), "video/mp4").await.unwrap();
    let body = bytes(1000);
    let request =
        bucket.signer().sign_part(&key("a"), &upload, 1, &content(&body), crate::world::now_s(), 600);
    assert_eq!(crate::world::send(&request, body.clone()).await.0, 200);
    let mut parts = bucket.list_parts(&key("a"), &upload).await.unwrap();
    parts[0].sha256 = Some(content(&body).sha256);
    // All replies are lost: the server has done it, and nobody knows.
    proxy.line.set(Plan { lose_replies: 1.0, ..Plan::default() });
    let away = bucket.complete(&key("a"), &upload, &parts).await.unwrap_err();
    assert!(matches!(away, Error::Away { .. }), "{away}");
    proxy.line.set(Plan::default());
    let done = bucket.complete(&key("a"), &upload, &parts).await.unwrap();
    assert!(done.was_done);
    assert_eq!(done.head.len, 1000);
}

#[tokio::test]
async fn a_busy_server_is_asked_again_and_then_named() {
    let Some(world) = world() else { return };
    let (proxy, bucket) = over(&world);
    let body = bytes(500);
    for status in [500, 502, 503, 429] {
        proxy.line.set(Plan {
            answer: Some(Answer { status, times: Some(3), ..Answer::default() }),
            ..Plan::default()
        });
        put(&bucket, &format!("a{status}"), &body).await;
    }
    assert_eq!(proxy.line.counts().answered, 12);
    proxy.line.set(Plan { answer: Some(Answer { status: 503, ..Answer::default() }), ..Plan::default() });
    let away = bucket.head(&key("a500")).await.unwrap_err();
    assert!(matches!(&away, Error::Away { why } if why.contains("503")), "{away}");
    assert_eq!(proxy.line.counts().answered, 24, "12 tries, no more");
}

#[tokio::test]
async fn a_refusal_is_not_asked_again() {
    let Some(world) = world() else { return };
    let (proxy, bucket) = over(&world);
    let before = proxy.line.counts().requests;
    assert!(matches!(bucket.get(&key("absent"), None).await, Err(Error::NoObject { .. })));
    assert_eq!(proxy.line.counts().requests - before, 1);
}

#[tokio::test]
async fn a_hash_goes_on_where_the_line_was_cut() {
    let Some(world) = world() else { return };
    let (proxy, bucket) = over(&world);
    let body = bytes(2 << 20);
    put(&world.bucket, "a", &body).await;
    for seed in [0x5eed, 0xfee1_dead_beef, u64::MAX / 3] {
        proxy.line.set(Plan { cut_replies: 0.6, seed, ..Plan::default() });
        let mut told = vec![0];
        let hashed = bucket.hash(&key("a"), |done| told.push(done)).await.unwrap();
        assert_eq!((hashed.len, hashed.sha256), (2 << 20, content(&body).sha256));
        assert!(told.is_sorted(), "it does not begin anew");
    }
    assert!(proxy.line.counts().cut > 0);
}

#[tokio::test]
async fn a_line_that_stands_still_is_given_up() {
    let Some(world) = world() else { return };
    let (proxy, bucket) = over(&world);
    let retry = Retry { tries: 2, stall: std::time::Duration::from_millis(300), ..quick() };
    let bucket = bucket.with_retry(retry);
    proxy.line.set(Plan {
        dead: Some(keepsake_fault_proxy::Dead { connections: 9, after_bytes: 10 }),
        ..Plan::default()
    });
    let body = bytes(500);
    let away = bucket.put(&key("a"), &content(&body), "image/jpeg", source(&body)).await.unwrap_err();
    assert!(matches!(&away, Error::Away { why } if why.contains("nothing came")), "{away}");
}
