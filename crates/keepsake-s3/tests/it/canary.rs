//! The canary: a strict server passes, a liar is caught, and nothing of it stays.

use crate::world::{configure, own_bucket, quick, with_versions};
use keepsake_fault_proxy::{Answer, Plan, Proxy};
use keepsake_s3::{Bucket, Credentials, Error, Findings, Found, Options, Verify};
use keepsake_s3_servers::rclone;

fn found(findings: &Findings) -> Vec<(Found, &str)> {
    findings.all().into_iter().map(|finding| (finding.found, finding.text.as_str())).collect()
}

async fn is_empty(bucket: &Bucket) -> bool {
    let objects = bucket.list("", None).await.unwrap().objects;
    let uploads = bucket.list_multipart("", None).await.unwrap().uploads;
    objects.is_empty() && uploads.is_empty()
}

#[tokio::test]
async fn a_strict_server_passes_in_all() {
    let Some(world) = own_bucket() else { return };
    let findings = world.bucket.canary().await.unwrap();
    assert!(findings.all().into_iter().all(|finding| finding.is_right()), "{:#?}", found(&findings));
    assert_eq!(findings.verify(), Verify::Checksum);
    assert_eq!(findings.refusals().count(), 0);
    assert!(is_empty(&world.bucket).await, "nothing of it stays");
}

#[tokio::test]
async fn a_server_that_keeps_a_claimed_checksum_unseen_is_caught() {
    let Some(server) = rclone() else { return };
    let options = server.bucket("canary").unwrap();
    let bucket = Bucket::open(&options, server.credentials()).unwrap().with_retry(quick());
    let findings = bucket.canary().await.unwrap();
    let shown = found(&findings);
    assert_eq!(findings.whole_checksums.found, Found::Missing, "{shown:#?}");
    assert_eq!(findings.part_checksums.found, Found::Missing, "{shown:#?}");
    assert_eq!(findings.once.found, Found::Missing, "{shown:#?}");
    assert_eq!(findings.verify(), Verify::Reading);
    assert_eq!(findings.removal.found, Found::Right, "{shown:#?}");
    assert_eq!(findings.refusals().count(), 0, "it is weak, not open: {shown:#?}");
    assert!(bucket.list("", None).await.unwrap().objects.is_empty());
    let bucket = bucket.with_abilities(findings.abilities());
    let body = crate::world::bytes(70_000);
    crate::world::put(&bucket, "a", &body).await;
    let hashed = bucket.hash(&crate::world::key("a"), |_| ()).await.unwrap();
    assert_eq!(hashed.sha256, crate::world::content(&body).sha256, "verified by reading");
}

#[tokio::test]
async fn a_bucket_that_anybody_reads_is_caught() {
    let Some(world) = own_bucket() else { return };
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":["s3:GetObject"],
        "Resource":["arn:aws:s3:::BUCKET/*"]}]}"#;
    let policy = policy.replace("BUCKET", &world.options.bucket);
    configure(&world, "policy", policy).await;
    let findings = world.bucket.canary().await.unwrap();
    let refused: Vec<_> = findings.refusals().map(|finding| finding.text.as_str()).collect();
    assert_eq!(refused.len(), 1, "{:#?}", found(&findings));
    assert!(refused[0].contains("anybody reads objects"), "{refused:?}");
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_caught() {
    let Some(world) = own_bucket() else { return };
    // So far that nobody starts, and near enough that signatures hold.
    let late = world.bucket.clone().with_clock(|| crate::world::now_s() - 600);
    let findings = late.canary().await.unwrap();
    let refused: Vec<_> = findings.refusals().map(|finding| finding.text.as_str()).collect();
    assert!(refused.len() == 1 && refused[0].contains("NTP"), "{refused:?}");
}

#[tokio::test]
async fn a_public_address_is_tried_as_clients_will() {
    let Some(world) = own_bucket() else { return };
    let proxy = Proxy::start("127.0.0.1:0".parse().unwrap(), world.server.address).unwrap();
    let at = |public: &str| {
        let options = Options { public: Some(public.parse().unwrap()), ..world.options.clone() };
        Bucket::open(&options, world.server.credentials()).unwrap().with_retry(quick())
    };
    let findings = at(&proxy.url()).canary().await.unwrap();
    assert!(findings.public_address.is_right(), "{:#?}", found(&findings));
    // Another name than the one that the server sees.
    proxy.line.set(Plan { answer: Some(Answer { status: 403, ..Answer::default() }), ..Plan::default() });
    let findings = at(&proxy.url()).canary().await.unwrap();
    assert_eq!(findings.public_address.found, Found::Missing, "{:#?}", found(&findings));
    let findings = at("http://127.0.0.1:9").canary().await.unwrap();
    assert_eq!(findings.public_address.found, Found::Unknown, "{:#?}", found(&findings));
    assert_eq!(findings.objects_private.found, Found::Unknown, "{:#?}", found(&findings));
    assert_eq!(findings.refusals().count(), 0);
}

#[tokio::test]
async fn wrong_keys_end_it_at_once() {
    let Some(world) = own_bucket() else { return };
    let wrong = Credentials::new(&world.server.access_key, "guessed");
    let bucket = Bucket::open(&world.options, wrong).unwrap().with_retry(quick());
    let error = bucket.canary().await.unwrap_err();
    assert!(matches!(error, Error::Credentials { .. }), "{error}");
}

#[tokio::test]
async fn a_bucket_that_keeps_versions_is_told_and_left_without_any() {
    let Some(world) = with_versions().await else { return };
    let findings = world.bucket.canary().await.unwrap();
    assert_eq!(findings.unversioned.found, Found::Missing, "{:#?}", found(&findings));
    assert!(findings.removal.is_right(), "{:#?}", found(&findings));
    assert_eq!((findings.refusals().count(), findings.verify()), (0, Verify::Checksum));
    assert_eq!(crate::world::versions(&world).await, 0, "no version of it stays");
}

#[tokio::test]
async fn keys_that_may_not_write_end_it_at_once() {
    let Some(world) = own_bucket() else { return };
    let bucket = Bucket::open(&world.options, world.server.reader()).unwrap().with_retry(quick());
    let error = bucket.canary().await.unwrap_err();
    assert!(error.to_string().contains("the permission s3:PutObject"), "{error}");
}
