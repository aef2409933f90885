//! Users who reach a node by https: what they trust, and what has to get through.

use crate::support::{User, path, random_file, sha256_of, text};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Nothing here takes this long, unless it never comes.
const LONG: Duration = Duration::from_secs(60);

/// More than a proxy that keeps a file in one piece would let through.
const LARGE_BYTES: u64 = 70_000_000;

/// How clients cut a file where nobody in between minds.
const CHUNK_BYTES: u64 = 1_800_000;

/// Runs as somebody who trusts the authority in `authority` and nobody else.
pub(crate) fn run(user: &User, authority: &Path, args: &[&str]) -> Output {
    let mut command = user.command(args);
    command.env("SSL_CERT_FILE", authority).stdin(Stdio::null()).output().unwrap()
}

/// As [`run`] with `--json`, which must succeed.
pub(crate) fn json(user: &User, authority: &Path, args: &[&str]) -> Value {
    let output = run(user, authority, &[args, &["--json"]].concat());
    assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The page opens; on both roads a large upload that is killed goes on, and its bytes come back.
pub(crate) fn carries_everything(dir: &Path, url: &str, authority: &Path) {
    let (head, page) =
        get(url, authority, "/").split_once("\r\n\r\n").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    assert!(head.starts_with("HTTP/1.1 200 ") && page.contains("<html"), "{head}");
    let user = User { home: dir.join("ann"), url: url.to_owned() };
    let (file, back) = (dir.join("large.bin"), dir.join("back.bin"));
    let sha256 = random_file(&file, LARGE_BYTES);
    for road in ["auto", "envelopes"] {
        let args = ["upload", path(&file), "--again", "--quiet", "--in-flight", "1", "--road", road];
        let mut upload = user.command(&args).env("SSL_CERT_FILE", authority).spawn().unwrap();
        let deadline = Instant::now() + LONG;
        while received(&user, authority) < 3 {
            assert!(upload.try_wait().unwrap().is_none() && Instant::now() < deadline, "it is under way");
        }
        upload.kill().unwrap();
        upload.wait().unwrap();
        let uploaded = json(&user, authority, &["upload", path(&file), "--again", "--road", road]);
        assert_eq!(uploaded["sha256"], sha256);
        let [sent, skipped] =
            ["chunks_sent", "chunks_skipped"].map(|count| uploaded[count].as_u64().unwrap());
        assert!(skipped >= 3, "{uploaded}");
        assert_eq!(sent + skipped, LARGE_BYTES.div_ceil(CHUNK_BYTES), "none had to be cut smaller");
        json(
            &user,
            authority,
            &["get", uploaded["memory_id"].as_str().unwrap(), "-o", path(&back), "--force"],
        );
        assert_eq!(sha256_of(&back), sha256);
    }
}

/// Chunks of the pending session.
fn received(user: &User, authority: &Path) -> u64 {
    let sessions = json(user, authority, &["sessions"]);
    let pending = sessions.as_array().unwrap().iter().find(|session| session["state"] == "pending");
    pending.map_or(0, |session| session["received_chunks"].as_u64().unwrap())
}

/// What is answered to a `GET`, with its head.
pub(crate) fn get(url: &str, authority: &Path, target: &str) -> String {
    let address = url.strip_prefix("https://").unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(authority).unwrap() {
        roots.add(certificate.unwrap()).unwrap();
    }
    let config = Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth());
    let name = ServerName::try_from(address.split(':').next().unwrap().to_owned()).unwrap();
    let deadline = Instant::now() + LONG;
    let mut stream = loop {
        let connection = ClientConnection::new(Arc::clone(&config), name.clone()).unwrap();
        let mut stream = StreamOwned::new(connection, TcpStream::connect(address).unwrap());
        match stream.write_all(request.as_bytes()) {
            Ok(()) => break stream,
            // A proxy that listens already and has no certificate yet says so by an alert.
            Err(error) if error.kind() == ErrorKind::InvalidData && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(100));
            }
            Err(error) => panic!("{url}: {error}"),
        }
    };
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    text(&answer)
}
