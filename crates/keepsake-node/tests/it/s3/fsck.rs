//! What `fsck --s3` finds when it compares a bucket with the records of a node that is stopped.

use super::{Scene, file, wanted};
use bytes::Bytes;
use keepsake_node::fsck::bucket::{BucketReport, Finding, compare};
use keepsake_s3::{Bucket, Content, Key};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

async fn put(bucket: &Bucket, key: &str, bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    let content = Content { len: bytes.len() as u64, sha256: Sha256::digest(&bytes).into(), md5: None };
    let open = |_| futures_util::stream::iter([Ok(bytes.clone())]);
    bucket.put(&Key::new(key).unwrap(), &content, "image/jpeg", open).await.unwrap();
}

async fn keys(bucket: &Bucket) -> Vec<String> {
    bucket.list("", None).await.unwrap().objects.into_iter().map(|object| object.key).collect()
}

struct Stopped {
    dir: TempDir,
    bucket: Bucket,
}

impl Stopped {
    async fn of(scene: Scene) -> Self {
        let Scene { node, settings, dir, .. } = scene;
        node.stop().await;
        Self { dir, bucket: Bucket::open(&settings.options, settings.credentials).unwrap() }
    }

    async fn compare(&self, remove: bool) -> (BucketReport, Vec<Finding>) {
        let mut findings = Vec::new();
        let data = self.dir.path().join("data");
        let tell = |finding: &Finding| findings.push(finding.clone());
        let report = compare(&data, &self.bucket, remove, tell).await.unwrap();
        (report, findings)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_has_what_the_records_need_is_sound() {
    let Some(scene) = Scene::new("fsck-sound").await else { return };
    let bytes = file(2_000_000, 1);
    let published = scene.sent(&bytes, "image/jpeg", "published").await;
    scene.publish(published, &bytes, "image/jpeg").await.unwrap();
    scene.sent(&file(1_500_000, 2), "image/jpeg", "found").await;
    // One under way, of which the bucket has a part.
    let large = file((100 << 20) + 1, 3);
    let open = scene.begin(&large, "video/mp4", "open").await.unwrap();
    scene.send_parts(&scene.ticket(open).await, open, &large, &[2]).await;
    // One that was given up: its object stays for a while.
    let given_up = scene.begin(&bytes, "image/jpeg", "given up").await.unwrap();
    scene.send_parts(&scene.ticket(given_up).await, given_up, &bytes, &[1]).await;
    scene.update::<()>("uploads_abort", (given_up,)).await.unwrap();
    let stopped = Stopped::of(scene).await;
    let (report, findings) = stopped.compare(true).await;
    assert_eq!(findings, []);
    let counts = (report.objects, report.needed, report.unfinished, report.is_sound());
    assert_eq!(counts, (3, 2, 1, true), "{report:?}");
    assert_eq!(report.bytes, 2_000_000 + 1_500_000 + 2_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_wrong_or_left_over_is_told_and_only_orphans_are_removed() {
    let Some(scene) = Scene::new("fsck-broken").await else { return };
    for (seed, more) in [(1, 1), (2, 2), (3, 3)] {
        let bytes = file(1_200_000 + more, seed);
        let session = scene.sent(&bytes, "image/jpeg", &more.to_string()).await;
        scene.publish(session, &bytes, "image/jpeg").await.unwrap();
    }
    // Its parts belong to an object that is put together by then.
    let large = file((100 << 20) + 1, 4);
    let session = scene.begin(&large, "video/mp4", "film").await.unwrap();
    let pieces: Vec<_> = large.chunks(16 << 20).collect();
    let ticket = scene.ticket(session).await;
    assert_eq!(scene.post(&ticket, session, "grant", &wanted(&pieces, &[1])).await.0, 200);
    let stopped = Stopped::of(scene).await;
    let bucket = &stopped.bucket;
    let [lost, short, whole] = &keys(bucket).await[..] else { panic!("three objects") };
    bucket.delete(&Key::new(lost).unwrap(), None).await.unwrap();
    bucket.delete(&Key::new(short).unwrap(), None).await.unwrap();
    put(bucket, short, b"shorter").await;
    let name = "0".repeat(32);
    let (orphan, newer) = (format!("1/1-{name}"), format!("1/999-{name}"));
    for key in [orphan.as_str(), &newer, "holiday.jpg", "keepsake-canary/00-right"] {
        put(bucket, key, b"other").await;
    }
    bucket.create_multipart(&Key::new(whole).unwrap(), "image/jpeg").await.unwrap();

    let blob = |number| format!("blob_{number}");
    let expected = |removed| {
        let mut expected = vec![
            Finding::Orphan { key: orphan.clone(), len: 5, removed },
            Finding::Newer { key: newer.clone() },
            Finding::Foreign { key: "holiday.jpg".into() },
            Finding::OrphanParts { key: whole.clone(), removed },
            Finding::Missing { key: lost.clone(), of: blob(1) },
            Finding::Length { key: short.clone(), of: blob(2), found: 7, expected: 1_200_002 },
        ];
        expected.sort_by_key(ToString::to_string);
        expected
    };
    let sorted = |mut findings: Vec<Finding>| {
        findings.sort_by_key(ToString::to_string);
        findings
    };
    let (report, findings) = stopped.compare(false).await;
    assert_eq!(sorted(findings), expected(false));
    assert_eq!((report.losses, report.leftovers, report.foreign, report.canaries), (3, 2, 1, 1));
    assert_eq!(keys(bucket).await.len(), 6, "nothing is removed unasked");

    let (report, findings) = stopped.compare(true).await;
    assert_eq!(sorted(findings), expected(true));
    assert_eq!((report.losses, report.leftovers, report.removed), (3, 0, 2));
    let left = keys(bucket).await;
    assert!(left.contains(whole) && left.contains(&newer) && !left.contains(&orphan), "{left:?}");
    let (report, findings) = stopped.compare(false).await;
    assert_eq!((findings.len(), report.leftovers, report.losses), (4, 0, 3));
}
