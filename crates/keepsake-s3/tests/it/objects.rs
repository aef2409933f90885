//! What the host does with whole objects.

use crate::world::{
    bytes, content, each, key, own_bucket, put, quick, source, versions, with_versions, world,
};
use bytes::Bytes;
use keepsake_s3::{Bucket, Credentials, Error, Listed, Options, SINGLE_BYTES_MAX};
use std::time::{Duration, Instant};

#[tokio::test]
async fn what_was_put_is_read_in_whole_and_in_part() {
    let Some(world) = world() else { return };
    let body = bytes(300_000);
    let head = put(&world.bucket, "a", &body).await;
    assert_eq!((head.len, head.sha256), (300_000, Some(content(&body).sha256)));
    let mut reading = world.bucket.get(&key("a"), None).await.unwrap();
    let mut read = Vec::new();
    while let Some(chunk) = reading.chunk().await.unwrap() {
        read.extend_from_slice(&chunk);
    }
    assert_eq!(read, body);
    let mut part = world.bucket.get(&key("a"), Some(100_000..100_010)).await.unwrap();
    assert_eq!((part.range.clone(), part.total), (100_000..100_010, 300_000));
    assert_eq!(part.chunk().await.unwrap().unwrap(), body.slice(100_000..100_010));
    assert!(part.chunk().await.unwrap().is_none());
    let beyond = world.bucket.get(&key("a"), Some(300_000..300_001)).await.unwrap_err();
    assert!(matches!(beyond, Error::Range), "{beyond}");
    let absent = world.bucket.get(&key("b"), None).await.unwrap_err();
    assert!(matches!(absent, Error::NoObject { .. }), "{absent}");
}

#[tokio::test]
async fn an_empty_object_is_one() {
    let Some(world) = world() else { return };
    let head = put(&world.bucket, "a", &bytes(0)).await;
    assert_eq!(head.len, 0);
    let hashed = world.bucket.hash(&key("a"), |_| ()).await.unwrap();
    assert_eq!((hashed.len, hashed.sha256), (0, content(b"").sha256));
}

#[tokio::test]
async fn an_object_is_hashed_and_tells_how_far_it_is() {
    let Some(world) = world() else { return };
    let body = bytes(3 << 20);
    put(&world.bucket, "a", &body).await;
    let mut told = vec![0];
    let hashed = world.bucket.hash(&key("a"), |done| told.push(done)).await.unwrap();
    assert_eq!((hashed.len, hashed.sha256), (3 << 20, content(&body).sha256));
    assert!(told.is_sorted() && told.last() == Some(&(3 << 20)), "{told:?}");
}

#[tokio::test]
async fn putting_the_same_again_is_fine_and_another_is_not() {
    let Some(world) = world() else { return };
    let (body, other) = (bytes(500), bytes(400));
    put(&world.bucket, "a", &body).await;
    put(&world.bucket, "a", &body).await;
    let refused =
        world.bucket.put(&key("a"), &content(&other), "image/jpeg", source(&other)).await.unwrap_err();
    assert!(matches!(refused, Error::Exists { .. }), "{refused}");
    let mut flipped = body.to_vec();
    flipped[0] ^= 1;
    let flipped = Bytes::from(flipped);
    let refused =
        world.bucket.put(&key("a"), &content(&flipped), "image/jpeg", source(&flipped)).await.unwrap_err();
    assert!(matches!(refused, Error::Exists { .. }), "{refused}");
}

#[tokio::test]
async fn bytes_that_are_not_what_was_said_do_not_become_an_object() {
    let Some(world) = world() else { return };
    let body = bytes(500);
    let mut wrong = content(&body);
    wrong.sha256[0] ^= 1;
    let refused = world.bucket.put(&key("a"), &wrong, "image/jpeg", source(&body)).await.unwrap_err();
    assert!(matches!(refused, Error::Corrupt { .. }), "{refused}");
    let mut longer = content(&body);
    longer.len += 1;
    let short = |_| futures_util::stream::iter([Ok(bytes(500))]);
    let refused = world.bucket.put(&key("a"), &longer, "image/jpeg", short).await.unwrap_err();
    assert!(matches!(refused, Error::Source(_)), "{refused}");
    assert!(matches!(world.bucket.head(&key("a")).await, Err(Error::NoObject { .. })));
}

#[tokio::test]
async fn beyond_one_put_an_object_goes_in_parts() {
    let Some(world) = world() else { return };
    let body = bytes(usize::try_from(SINGLE_BYTES_MAX).unwrap() + 1);
    let content = content(&body);
    let head = world.bucket.put(&key("large"), &content, "video/mp4", source(&body)).await.unwrap();
    assert_eq!((head.len, head.sha256), (content.len, None), "its hash is made of those of its parts");
    assert_eq!(world.bucket.hash(&key("large"), |_| ()).await.unwrap().sha256, content.sha256);
    // Again, as after a lost reply; then other bytes.
    world.bucket.put(&key("large"), &content, "video/mp4", source(&body)).await.unwrap();
    let wrong = keepsake_s3::Content { sha256: [1; 32], ..content };
    let refused = world.bucket.put(&key("new"), &wrong, "video/mp4", source(&body)).await.unwrap_err();
    assert!(matches!(refused, Error::Corrupt { .. }), "{refused}");
    assert_eq!(world.bucket.list_multipart("", None).await.unwrap().uploads, []);
    world.bucket.delete(&key("large"), None).await.unwrap();
}

#[tokio::test]
async fn what_is_deleted_is_gone_and_may_be_deleted_again() {
    let Some(world) = world() else { return };
    put(&world.bucket, "a/b", &bytes(500)).await;
    world.bucket.delete(&key("a/b"), None).await.unwrap();
    world.bucket.delete(&key("a/b"), None).await.unwrap();
    assert!(matches!(world.bucket.head(&key("a/b")).await, Err(Error::NoObject { .. })));
}

#[tokio::test]
async fn a_version_that_is_named_gives_its_room_back() {
    let Some(world) = with_versions().await else { return };
    let head = put(&world.bucket, "a", &bytes(500)).await;
    assert!(head.version_id.is_some());
    assert_eq!(versions(&world).await, 1);
    world.bucket.delete(&key("a"), head.version_id.as_deref()).await.unwrap();
    world.bucket.delete(&key("a"), head.version_id.as_deref()).await.unwrap();
    assert_eq!(versions(&world).await, 0);
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    let Some(world) = world() else { return };
    let body = bytes(500);
    put(&world.bucket, "a", &body).await;
    let reader = Bucket::open(&world.options, world.server.reader()).unwrap().with_retry(quick());
    assert_eq!(reader.head(&key("a")).await.unwrap().len, 500);
    let put = reader.put(&key("b"), &content(&body), "image/jpeg", source(&body)).await.map(drop);
    let refused = [
        ("s3:PutObject", put),
        ("s3:PutObject", reader.create_multipart(&key("b"), "image/jpeg").await.map(drop)),
        ("s3:DeleteObject", reader.delete(&key("a"), None).await),
    ];
    for (action, refused) in refused {
        let error = refused.unwrap_err().to_string();
        assert!(error.contains(&format!("the permission {action} on bucket shared")), "{error}");
    }
    world.bucket.head(&key("a")).await.unwrap();
}

#[tokio::test]
async fn a_list_has_all_pages_and_stays_below_the_prefix() {
    let Some(world) = own_bucket() else { return };
    let inner = Options { prefix: "in".into(), ..world.options.clone() };
    let inner = Bucket::open(&inner, world.server.credentials()).unwrap();
    put(&world.bucket, "in-other", &bytes(1)).await;
    let inner_ref = &inner;
    each(0..1005, |number| async move {
        put(inner_ref, &format!("a/{number:04}"), &bytes(2)).await;
    })
    .await;
    put(&inner, "b", &bytes(3)).await;
    let (mut all, mut next, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = inner.list("", next.as_deref()).await.unwrap();
        all.extend(page.objects);
        pages += 1;
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    let mut expected: Vec<_> =
        (0..1005).map(|number| Listed { key: format!("a/{number:04}"), len: 2 }).collect();
    expected.push(Listed { key: "b".into(), len: 3 });
    assert_eq!((all, pages), (expected, 2));
    assert_eq!(inner.list("b", None).await.unwrap().objects.len(), 1);
}

#[tokio::test]
async fn the_clock_of_the_server_is_ours_here_and_a_wrong_one_is_named() {
    let Some(world) = world() else { return };
    assert!(world.bucket.clock().await.unwrap().apart_s.abs() <= 5);
    let slow = world.bucket.clone().with_clock(|| crate::world::now_s() - 7200);
    let apart = slow.clock().await.unwrap().apart_s;
    assert!((7195..=7205).contains(&apart), "{apart}");
    let refused = slow.head(&key("a")).await.unwrap_err();
    assert!(matches!(refused, Error::Clock { apart_s } if (7195..=7205).contains(&apart_s)), "{refused}");
}

#[tokio::test]
async fn each_mistake_is_named() {
    let Some(world) = world() else { return };
    let open =
        |options: &Options, credentials| Bucket::open(options, credentials).unwrap().with_retry(quick());
    let secret = Credentials::new(&world.server.access_key, "guessed-secret");
    let wrong = open(&world.options, secret).head(&key("a")).await.unwrap_err();
    assert!(matches!(wrong, Error::Credentials { .. }), "{wrong}");
    // Of a body that the server does not read to its end.
    let secret = Credentials::new(&world.server.access_key, "guessed-secret");
    let large = bytes(20 << 20);
    let put =
        open(&world.options, secret).put(&key("a"), &content(&large), "video/mp4", source(&large)).await;
    assert!(matches!(put, Err(Error::Credentials { .. })), "{put:?}");
    let stranger = Credentials::new("nobody", "guessed-secret");
    let wrong = open(&world.options, stranger).list("", None).await.unwrap_err();
    assert!(matches!(wrong, Error::Credentials { .. }), "{wrong}");
    let elsewhere = Options { bucket: "no-such-bucket".into(), ..world.options.clone() };
    let elsewhere = open(&elsewhere, world.server.credentials());
    for wrong in [
        elsewhere.head(&key("a")).await.unwrap_err(),
        elsewhere.delete(&key("a"), None).await.unwrap_err(),
        elsewhere.list("", None).await.unwrap_err(),
        elsewhere.create_multipart(&key("a"), "image/jpeg").await.unwrap_err(),
    ] {
        assert!(matches!(wrong, Error::NoBucket { .. }), "{wrong}");
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_tried_and_named() {
    let options = Options {
        endpoint: "http://127.0.0.1:9".parse().unwrap(),
        public: None,
        bucket: "photos".into(),
        region: "us-east-1".into(),
        prefix: String::new(),
        path_style: true,
    };
    let retry = keepsake_s3::Retry { first: Duration::from_millis(40), ..quick() };
    let bucket = Bucket::open(&options, Credentials::new("a", "very-secret")).unwrap().with_retry(retry);
    let begun = Instant::now();
    let away = bucket.head(&key("a")).await.unwrap_err();
    assert!(begun.elapsed() >= Duration::from_millis(80), "it waits between tries");
    assert!(away.is_passing());
    let text = format!("{away} {away:?}");
    assert!(
        text.contains("refused") && !text.contains("Signature") && !text.contains("very-secret"),
        "{text}"
    );
}
