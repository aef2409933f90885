//! That a server runs for as long as its test does, and not longer. Where it is not here, each test says so and passes.

use keepsake_s3::{Abilities, Bucket, Credentials, Key, Options};
use keepsake_s3_servers::{KEEPSAKE_RCLONE, KEEPSAKE_SEAWEEDFS, Server, program};
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn answers(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_ok()
}

#[test]
fn a_server_that_is_dropped_is_gone_with_its_data() {
    for (variable, start) in
        [(KEEPSAKE_SEAWEEDFS, Server::seaweedfs as fn(&_) -> _), (KEEPSAKE_RCLONE, Server::rclone)]
    {
        let Some(program) = program(variable) else {
            println!("skipped: {variable} names no program");
            continue;
        };
        let server = start(&program).unwrap();
        let (address, data) = (server.address, server.data().to_owned());
        assert!(answers(address) && data.exists());
        drop(server);
        assert!(!answers(address) && !data.exists(), "{variable}");
    }
}

#[tokio::test]
async fn the_program_tells_of_a_bucket_that_pages_write_to_and_ends_with_its_input() {
    if program(KEEPSAKE_SEAWEEDFS).is_none() {
        println!("skipped: {KEEPSAKE_SEAWEEDFS} names no program");
        return;
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_s3-server"));
    command.args(["--bucket", "photos", "--origin", "https://a.example"]);
    let mut server = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let about: serde_json::Value = serde_json::from_str(&line).unwrap();
    let text = |name: &str| about[name].as_str().unwrap().to_owned();
    let options = Options {
        endpoint: text("endpoint").parse().unwrap(),
        public: None,
        bucket: text("bucket"),
        region: text("region"),
        prefix: String::new(),
        path_style: true,
    };
    let bucket = Bucket::open(&options, Credentials::new(text("access_key"), text("secret_key"))).unwrap();
    let key = Key::new("a").unwrap();
    assert!(bucket.head(&key).await.unwrap_err().to_string().contains("no object"));
    let signer = bucket.signer().clone().with_abilities(Abilities::NONE);
    let content = keepsake_s3::Content { len: 0, sha256: [0; 32], md5: None };
    let request = signer.sign_put(&key, &content, "text/plain", 0, 60);
    let preflight = reqwest::Client::new().request(reqwest::Method::OPTIONS, request.url);
    let preflight =
        preflight.header("origin", "https://a.example").header("access-control-request-method", "PUT");
    assert_eq!(preflight.send().await.unwrap().headers()["access-control-allow-origin"], "https://a.example");
    let address = options.endpoint.socket_addrs(|| None).unwrap()[0];
    drop(server.stdin.take());
    assert!(server.wait().unwrap().success());
    assert!(!answers(address));
}

#[test]
fn a_server_ends_though_whoever_started_it_was_killed() {
    if program(KEEPSAKE_SEAWEEDFS).is_none() {
        println!("skipped: {KEEPSAKE_SEAWEEDFS} names no program");
        return;
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_s3-server"));
    let mut server = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let about: serde_json::Value = serde_json::from_str(&line).unwrap();
    let address: SocketAddr = about["endpoint"].as_str().unwrap()["http://".len()..].parse().unwrap();
    assert!(answers(address));
    server.kill().unwrap();
    server.wait().unwrap();
    let begun = Instant::now();
    while answers(address) {
        assert!(begun.elapsed() < Duration::from_secs(20), "it still answers");
        std::thread::sleep(Duration::from_millis(50));
    }
}
