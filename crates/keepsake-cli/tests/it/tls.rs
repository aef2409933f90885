//! A node with a certificate of its own: what it serves by it, which files it takes, and how it takes new ones.

use crate::authority::{Authority, Files};
use crate::secure::{carries_everything, json, run};
use crate::support::{Node, User, fresh_dir, path, private, set_mode, signal_pid, text};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Nothing here takes this long, unless it never comes.
const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_photo_goes_in_and_comes_back_by_https_and_a_killed_upload_goes_on() {
    let dir = fresh_dir();
    let home = Authority::new(dir.path(), "home");
    let files = home.certificate("node");
    let node = Node::start_with(&dir.path().join("data"), &files.options());
    assert!(node.url.starts_with("https://localhost:"), "{}: the first name in the certificate", node.url);
    carries_everything(dir.path(), &node.url, &home.file());
}

#[test]
fn whoever_does_not_trust_the_authority_is_told_at_once_what_to_do() {
    let dir = fresh_dir();
    let (home, other) = (Authority::new(dir.path(), "home"), Authority::new(dir.path(), "other"));
    let node = Node::start_with(&dir.path().join("data"), &home.certificate("node").options());
    let user = User::new(dir.path(), "ann", &node);
    // Such a fault does not pass: nobody waits an hour for it.
    let file = dir.path().join("note.txt");
    std::fs::write(&file, "one").unwrap();
    let output = run(&user, &other.file(), &["upload", path(&file), "--retry-for", "3600"]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains("SSL_CERT_FILE") && told.contains(&node.url) && told.contains("UnknownIssuer"),
        "{told}"
    );
    // For an address that is not in it.
    let user = User { url: node.url.replace("localhost", "127.0.0.1"), ..user };
    let told = text(&run(&user, &home.file(), &["ls"]).stderr);
    assert!(told.contains("is not trusted here") && told.contains("127.0.0.1"), "{told}");
}

#[test]
fn plain_http_at_the_address_is_told_that_it_is_https() {
    let dir = fresh_dir();
    let home = Authority::new(dir.path(), "home");
    let node = Node::start_with(&dir.path().join("data"), &home.certificate("node").options());
    let address = node.url.strip_prefix("https://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /asset/mem_1 HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(answer.contains(&format!("This address speaks https: open {}\n", node.url)), "{answer}");
    // What speaks neither gets nothing, and the next one is served.
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"\x00\x01\x02 neither\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    // It may be cut off as well.
    stream.read_to_end(&mut answer).ok();
    assert!(!answer.starts_with(b"HTTP"), "{}", text(&answer));
    let user = User::new(dir.path(), "ann", &node);
    json(&user, &home.file(), &["capsule"]);
}

fn refused(dir: &Path, options: &[&str]) -> String {
    let user = User { home: dir.join("ann"), url: String::new() };
    let data = dir.join("data");
    let (code, told) =
        user.fails(&[&["serve", "--data", path(&data), "--listen", "127.0.0.1:0"], options].concat());
    assert_eq!(code, 2, "{told}");
    assert!(!data.exists(), "nothing is left behind");
    told
}

#[test]
fn files_that_are_no_certificate_and_its_key_are_refused_by_name() {
    let dir = fresh_dir();
    let home = Authority::new(dir.path(), "home");
    let (files, other) = (home.certificate("node"), home.certificate("other"));
    let with = |certificate: &Path, key: &Path| {
        refused(dir.path(), &["--tls-cert", path(certificate), "--tls-key", path(key)])
    };
    let missing = dir.path().join("missing.pem");
    assert!(
        with(&missing, &files.key).contains(&format!("cannot read the certificate {}", missing.display()))
    );
    assert!(
        with(&files.certificate, &missing).contains(&format!("cannot read the key {}", missing.display()))
    );
    let told = with(&files.key, &files.key);
    assert!(told.contains(&format!("there is no certificate in {}", files.key.display())), "{told}");
    set_mode(&files.certificate, 0o600);
    let told = with(&files.certificate, &files.certificate);
    assert!(told.contains(&format!("there is no private key in {}", files.certificate.display())), "{told}");
    let told = with(&files.certificate, &other.key);
    assert!(told.contains(&format!("the key {} does not belong to", other.key.display())), "{told}");
    let (junk, begun) =
        (dir.path().join("junk.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    private(&junk, begun);
    let told = with(&junk, &files.key);
    assert!(told.contains(&format!("the certificate in {} cannot be used", junk.display())), "{told}");
    private(&junk, &begun.replace("CERTIFICATE", "PRIVATE KEY"));
    let told = with(&files.certificate, &junk);
    assert!(told.contains(&format!("the key in {} cannot be used", junk.display())), "{told}");
    set_mode(&files.key, 0o640);
    let told = with(&files.certificate, &files.key);
    assert!(told.contains("can be read by others (mode 640)") && told.contains("chmod 600"), "{told}");
    for one in [["--tls-cert", path(&files.certificate)], ["--tls-key", path(&other.key)]] {
        let told = refused(dir.path(), &one);
        assert!(told.contains("--tls-cert") && told.contains("--tls-key"), "{told}");
    }
}

/// A node whose log goes to a file.
fn with_log(dir: &Path, files: &Files) -> (Node, impl Fn() -> String + use<>) {
    let log = dir.join("log");
    let node = Node::start_logging(&dir.join("data"), &files.options(), &log);
    (node, move || std::fs::read_to_string(&log).unwrap())
}

#[test]
fn a_certificate_that_has_ended_is_served_and_told() {
    let dir = fresh_dir();
    let home = Authority::new(dir.path(), "home");
    let (node, log) = with_log(dir.path(), &home.certificate_until("node", 2021));
    assert!(log().contains("the certificate ended"), "{}", log());
    let user = User::new(dir.path(), "ann", &node);
    let told = text(&run(&user, &home.file(), &["ls"]).stderr);
    assert!(told.contains("is not trusted here") && told.contains("expired"), "{told}");
}

#[test]
fn new_files_are_taken_while_it_runs_and_broken_ones_change_nothing() {
    let dir = fresh_dir();
    let (old, new) = (Authority::new(dir.path(), "old"), Authority::new(dir.path(), "new"));
    let (files, others) = (old.certificate("node"), new.certificate("node"));
    let (node, log) = with_log(dir.path(), &files);
    let user = User::new(dir.path(), "ann", &node);
    json(&user, &old.file(), &["capsule"]);
    // The certificate without its key, as at a renewal that stopped half-way.
    std::fs::copy(&others.certificate, &files.certificate).unwrap();
    signal_pid(node.pid(), "HUP");
    wait("the log", || log().contains("the certificate stays as it is: the key"));
    json(&user, &old.file(), &["capsule"]);
    std::fs::copy(&others.key, &files.key).unwrap();
    wait("the new certificate", || run(&user, &new.file(), &["capsule"]).status.success());
    let told = text(&run(&user, &old.file(), &["capsule"]).stderr);
    assert!(told.contains("is not trusted here"), "{told}");
    assert_eq!(log().matches("the certificate stays as it is").count(), 1, "{}", log());
}

fn wait(what: &str, mut come: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !come() {
        assert!(Instant::now() < deadline, "{what} does not come");
        sleep(Duration::from_millis(50));
    }
}
