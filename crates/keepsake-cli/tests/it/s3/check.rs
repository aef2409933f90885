//! `keepsake s3 check`: what it finds of a strict server and of a lying one, what it sets, and whom it blames.

use super::{keys_of, options_of};
use crate::support::{fresh_dir, path, private, program, text};
use keepsake_s3_servers::{Server, rclone, seaweedfs};
use serde_json::Value;
use std::process::{Command, Output};
use tempfile::TempDir;

/// A server, a bucket, and the options for it.
struct Checked {
    options: Vec<String>,
    dir: TempDir,
}

impl Checked {
    fn of(server: &Server, bucket: &str) -> Self {
        let (options, dir) = (server.bucket(bucket).unwrap(), fresh_dir());
        let keys = keys_of(server, &dir);
        let options = options_of(server, &options, server.endpoint().as_str(), path(&keys));
        Self { options, dir }
    }

    /// Another value for one of the options.
    fn with(&self, name: &str, value: &str) -> Vec<String> {
        let mut options = self.options.clone();
        let at = options.iter().position(|option| option == name).unwrap();
        value.clone_into(&mut options[at + 1]);
        options
    }

    fn check(&self, more: &[&str]) -> Output {
        check(&self.options, more)
    }

    fn json(&self, code: i32, more: &[&str]) -> Value {
        let output = self.check(&[more, &["--json"]].concat());
        assert_eq!(output.status.code(), Some(code), "{}{}", text(&output.stdout), text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn check(options: &[String], more: &[&str]) -> Output {
    let mut command = Command::new(program());
    command.args(["s3", "check"]).args(options).args(more);
    for name in [
        "KEEPSAKE_S3_ACCESS_KEY_ID",
        "KEEPSAKE_S3_SECRET_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    ] {
        command.env_remove(name);
    }
    command.output().unwrap()
}

fn told(options: &[String], more: &[&str]) -> (i32, String) {
    let output = check(options, more);
    (output.status.code().unwrap(), text(&output.stderr))
}

/// States of what was found.
fn states<'a>(told: &'a Value, state: &str) -> Vec<&'a str> {
    let rows = told["found"].as_array().unwrap().iter();
    rows.filter(|row| row["state"] == state).map(|row| row["text"].as_str().unwrap()).collect()
}

#[test]
fn a_good_bucket_lacks_its_rules_until_they_are_set() {
    let Some(server) = seaweedfs() else { return };
    let checked = Checked::of(server, "cli-check");
    let found = checked.json(1, &["--origin", "https://photos.example"]);
    assert_eq!((states(&found, "wrong"), states(&found, "weak")), (vec![], vec![]), "{found}");
    assert_eq!((&found["cors"]["state"], &found["cors"]["there"]), (&"wrong".into(), &Value::Null));
    assert_eq!(found["cors"]["needed"]["CORSRules"][0]["AllowedOrigins"][0], "https://photos.example");
    assert_eq!(found["lifecycle"]["state"], "wrong");

    let output = checked.check(&["--origin", "https://photos.example"]);
    let printed = text(&output.stdout);
    assert!(printed.contains("there are no CORS rules: --set makes those below"), "{printed}");
    assert!(
        printed.contains("\n\nneeded, as ")
            && printed.contains("put-bucket-cors")
            && printed.contains("\"https://photos.example\""),
        "{printed}"
    );

    let found = checked.json(0, &["--origin", "https://photos.example", "--set"]);
    assert_eq!((&found["ok"], &found["cors"]["state"]), (&true.into(), &"ok".into()));
    assert!(found["lifecycle"]["there"].as_str().unwrap().contains("AbortIncompleteMultipartUpload"));
    checked.json(0, &["--origin", "https://photos.example"]);
    for (wrong, told) in [
        ("photos.example", "give scheme and host"),
        ("ftp://photos.example", "give scheme and host"),
        ("https://photos.example/path/", "scheme, host and port alone: https://photos.example"),
    ] {
        let output = checked.check(&["--origin", wrong, "--set"]);
        assert_eq!(output.status.code(), Some(2), "{wrong}");
        assert!(text(&output.stderr).contains(told), "{wrong}: {}", text(&output.stderr));
    }
    // Rules are never replaced.
    let found = checked.json(1, &["--origin", "https://other.example", "--set"]);
    assert!(found["cors"]["text"].as_str().unwrap().contains("add those below to them by hand"), "{found}");
    assert!(found["cors"]["there"].as_str().unwrap().contains("https://photos.example"), "{found}");
    let left = server_objects(server, "cli-check");
    assert_eq!(left, 0, "nothing is left of the trying");
}

fn server_objects(server: &Server, bucket: &str) -> usize {
    let bucket = keepsake_s3::Bucket::open(&server.options(bucket), server.credentials()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let objects = bucket.list("", None).await.unwrap().objects.len();
        objects + bucket.list_multipart("", None).await.unwrap().uploads.len()
    })
}

#[test]
fn a_server_that_lies_is_called_weak_and_its_missing_rules_too() {
    let Some(server) = rclone() else { return };
    let checked = Checked::of(server, "cli-check");
    let found = checked.json(0, &[]);
    let weak = states(&found, "weak").join("\n");
    assert!(weak.contains("takes other bytes than the signed SHA-256 says"), "{found}");
    assert_eq!(states(&found, "wrong"), Vec::<&str>::new(), "{found}");
    let found = checked.json(1, &["--origin", "https://photos.example"]);
    assert_eq!(found["cors"]["state"], "wrong", "it has none: {found}");
}

#[test]
fn each_trouble_names_its_culprit_and_has_its_exit_code() {
    let Some(server) = seaweedfs() else { return };
    let checked = Checked::of(server, "cli-culprits");
    let (code, why) = told(&checked.with("--s3-bucket", "no-such-bucket"), &[]);
    assert!(code == 3 && why.contains("there is no bucket no-such-bucket"), "{code}: {why}");

    let keys = checked.dir.path().join("wrong");
    private(&keys, &format!("AWS_ACCESS_KEY_ID={}\nAWS_SECRET_ACCESS_KEY=wrong\n", server.access_key));
    let (code, why) = told(&checked.with("--s3-keys", path(&keys)), &[]);
    assert!(code == 4 && why.contains("check the access key and the secret key"), "{code}: {why}");
    assert!(!why.contains("keepsake capsule grant"), "it is not about a capsule: {why}");

    let reader = format!("reader{}", server.access_key);
    private(&keys, &format!("AWS_ACCESS_KEY_ID={reader}\nAWS_SECRET_ACCESS_KEY={}\n", server.secret_key));
    let (code, why) = told(&checked.with("--s3-keys", path(&keys)), &[]);
    assert!(
        code == 4 && why.contains("give them the permission s3:PutObject on bucket cli-culprits"),
        "{code}: {why}"
    );

    let (code, why) = told(&checked.with("--s3", "http://127.0.0.1:9"), &[]);
    assert!(code == 7 && why.contains("the S3 server does not answer"), "{code}: {why}");
    assert!(!why.contains("Start a node"), "{why}");

    let without: Vec<_> = checked.options[..checked.options.len() - 2].to_vec();
    let (code, why) = told(&without, &[]);
    assert!(code == 2 && why.contains("there are no keys for S3"), "{code}: {why}");
    #[cfg(unix)]
    {
        crate::support::set_mode(&keys, 0o644);
        let (code, why) = told(&checked.with("--s3-keys", path(&keys)), &[]);
        assert!(code == 2 && why.contains("chmod 600"), "{code}: {why}");
    }
    let (code, why) = told(&[], &[]);
    assert!(code == 2 && why.contains("--s3"), "{code}: {why}");
}
