//! Originals in a bucket: a node with a real S3 server behind the fault proxy. Here is the setting, and what goes there; what goes
//! wrong on the way is in `s3/faults.rs`, files in parts and kills in `s3/parts.rs`, `keepsake s3 check` in `s3/check.rs`.

mod check;
mod faults;
mod parts;

use crate::behind::Faults;
use crate::support::{Node, User, fresh_dir, jpeg, path, private, random_bytes_after, sha256_of};
use keepsake_fault_proxy::Plan;
use keepsake_s3::{Bucket, Options};
use keepsake_s3_servers::{Server, seaweedfs};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A node that keeps originals of 1 MiB and more in a bucket, both behind proxies, and a user.
struct Scene {
    node: Node,
    user: User,
    /// Before the node, and before the bucket.
    to_node: Faults,
    to_bucket: Faults,
    bucket: Bucket,
    runtime: Runtime,
    // Dropped last: the node writes into it.
    dir: TempDir,
}

/// Options of a node for a bucket that clients reach at `public`.
fn options_of(server: &Server, options: &Options, public: &str, keys: &str) -> Vec<String> {
    let endpoint = server.endpoint();
    let named = [
        ("--s3", endpoint.as_str()),
        ("--s3-public", public),
        ("--s3-bucket", &options.bucket),
        ("--s3-region", &options.region),
        ("--s3-prefix", "keepsake"),
        ("--s3-from", "1MiB"),
        ("--s3-keys", keys),
    ];
    named.iter().flat_map(|(name, value)| [(*name).to_owned(), (*value).to_owned()]).collect()
}

/// The keys of a server, in a file as `--s3-keys` takes it.
fn keys_of(server: &Server, dir: &TempDir) -> PathBuf {
    let file = dir.path().join("keys");
    let (access, secret) = (&server.access_key, &server.secret_key);
    private(&file, &format!("AWS_ACCESS_KEY_ID={access}\nAWS_SECRET_ACCESS_KEY={secret}\n"));
    file
}

impl Scene {
    /// None where no S3 server can be had.
    fn new(bucket: &str) -> Option<Self> {
        Self::with(bucket, None, &[])
    }

    /// As [`Self::new`]; clients are told of the bucket at `public`, and the node has more options.
    fn with(bucket: &str, public: Option<&str>, more: &[&str]) -> Option<Self> {
        let server = seaweedfs()?;
        let options = server.bucket(bucket).unwrap();
        let (dir, to_bucket) = (fresh_dir(), Faults::at(server.address, Plan::default()));
        let public = public.map_or_else(|| to_bucket.url(), str::to_owned);
        let keys = keys_of(server, &dir);
        let given = options_of(server, &options, &public, path(&keys));
        let given: Vec<_> = given.iter().map(String::as_str).chain(more.iter().copied()).collect();
        let node = Node::start_with(&dir.path().join("data"), &given);
        let mut user = User::new(dir.path(), "ann", &node);
        user.json(&["capsule", "create"]);
        let to_node = Faults::before(&node, Plan::default());
        user.url = to_node.url();
        let options = Options { prefix: "keepsake".to_owned(), ..options };
        let bucket = Bucket::open(&options, server.credentials()).unwrap();
        let runtime = Runtime::new().unwrap();
        Some(Self { node, user, to_node, to_bucket, bucket, runtime, dir })
    }

    /// A file of so many bytes that do not repeat, and its SHA-256.
    fn file(&self, name: &str, len: u64) -> (PathBuf, String) {
        let file = self.dir.path().join(name);
        fs::write(&file, []).unwrap();
        let sha256 = random_bytes_after(&file, len);
        (file, sha256)
    }

    /// A photo that decodes, with bytes behind it that no decoder looks at.
    fn photo(&self, name: &str, len: u64) -> (PathBuf, String) {
        let file = self.dir.path().join(name);
        fs::write(&file, jpeg(640, 480, len)).unwrap();
        let sha256 = random_bytes_after(&file, len);
        (file, sha256)
    }

    fn upload(&self, file: &std::path::Path, more: &[&str]) -> Value {
        self.user.json(&[&["upload", path(file)], more].concat())
    }

    fn comes_back(&self, uploaded: &Value, sha256: &str) {
        assert_eq!(uploaded["sha256"], sha256);
        let back = self.dir.path().join("back");
        self.user.json(&["get", uploaded["memory_id"].as_str().unwrap(), "-o", path(&back), "--force"]);
        assert_eq!(sha256_of(&back), sha256);
    }

    /// Lengths of the objects below the prefix.
    fn objects(&self) -> Vec<u64> {
        let page = self.runtime.block_on(self.bucket.list("", None)).unwrap();
        page.objects.iter().map(|object| object.len).collect()
    }

    /// Numbers of the parts that wait to be put together.
    #[cfg(target_os = "linux")]
    fn parts_there(&self) -> Vec<u16> {
        self.runtime.block_on(async {
            let page = self.bucket.list_multipart("", None).await.unwrap();
            let mut numbers = Vec::new();
            for unfinished in page.uploads {
                let key = keepsake_s3::Key::new(unfinished.key).unwrap();
                let parts = self.bucket.list_parts(&key, &unfinished.upload_id).await.unwrap_or_default();
                numbers.extend(parts.iter().map(|part| part.number));
            }
            numbers
        })
    }
}

#[test]
fn an_original_goes_to_the_bucket_and_what_is_made_of_it_to_the_node() {
    let Some(scene) = Scene::new("cli-road") else { return };
    let (photo, sha256) = scene.photo("a.jpg", 3_000_000);
    let (before, updates) = (scene.to_node.counts().bytes, scene.to_node.counts().updates);
    let uploaded = scene.upload(&photo, &[]);
    let sent = scene.to_node.counts().bytes - before;
    assert!(sent < 300_000, "the node was sent {sent} bytes");
    assert_eq!(scene.to_node.counts().updates - updates, 2, "begin and publish");
    assert_eq!((&uploaded["in_bucket"], &uploaded["chunks_sent"]), (&true.into(), &1.into()));
    assert_eq!(uploaded["assets"].as_array().unwrap().len(), 4, "{uploaded}");
    assert_eq!(scene.objects(), [3_000_000]);
    scene.comes_back(&uploaded, &sha256);
    let again = scene.upload(&photo, &[]);
    assert_eq!((&again["already_there"], scene.objects().len()), (&true.into(), 1));

    // Of its length it would stay with the node.
    let (small, sha256) = scene.photo("small.jpg", 500_000);
    let uploaded = scene.upload(&small, &[]);
    assert_eq!((&uploaded["in_bucket"], scene.objects().len()), (&false.into(), 1));
    let uploaded = scene.upload(&small, &["--again", "--hosting", "s3"]);
    assert_eq!((&uploaded["in_bucket"], scene.objects().len()), (&true.into(), 2));
    scene.comes_back(&uploaded, &sha256);
    let uploaded = scene.upload(&photo, &["--again", "--hosting", "host"]);
    assert_eq!((&uploaded["in_bucket"], scene.objects().len()), (&false.into(), 2));
}

#[test]
fn a_node_without_a_bucket_says_so_to_whoever_wants_one() {
    let scene = crate::support::Scene::new(2_000_000);
    let (code, told) = scene.user.fails(&["upload", path(&scene.file), "--hosting", "s3"]);
    assert!(code == 1 && told.contains("this host has no bucket"), "{code}: {told}");
    let uploaded = scene.user.json(&["upload", path(&scene.file), "--hosting", "auto"]);
    assert_eq!(uploaded["in_bucket"], false);
}
