//! A proxy between a user and the node that answers for the node, or has limits of its own.

use crate::support::{Node, User, fresh_dir, jpeg, path, random_file, text};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A request as the proxy sees it.
struct Seen {
    /// How many came before it.
    number: usize,
    body_bytes: usize,
}

/// Passes each request on, or gives the answer of `fault`.
fn proxy(node: &Node, fault: impl Fn(&Seen) -> Option<String> + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let node = node.url.strip_prefix("http://").unwrap().to_owned();
    let (fault, count) = (Arc::new(fault), Arc::new(AtomicUsize::new(0)));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (node, fault, count) = (node.clone(), Arc::clone(&fault), Arc::clone(&count));
            // A client that goes away in the middle is none of the proxy's business.
            std::thread::spawn(move || pass(stream, &node, &*fault, &count).ok());
        }
    });
    url
}

/// One request on one connection.
fn pass(
    mut client: TcpStream,
    node: &str,
    fault: &dyn Fn(&Seen) -> Option<String>,
    count: &AtomicUsize,
) -> io::Result<()> {
    let mut request = Vec::new();
    let head_end = loop {
        if let Some(at) = request.windows(4).position(|end| end == b"\r\n\r\n") {
            break at;
        }
        read_some(&mut client, &mut request)?;
    };
    let head = text(&request[..head_end]);
    let len = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().unwrap())
    });
    let body_bytes = len.unwrap_or(0);
    while request.len() < head_end + 4 + body_bytes {
        read_some(&mut client, &mut request)?;
    }
    let seen = Seen { number: count.fetch_add(1, Ordering::SeqCst), body_bytes };
    if let Some(answer) = fault(&seen) {
        client.write_all(answer.as_bytes())?;
        return client.shutdown(Shutdown::Write);
    }
    let mut host = TcpStream::connect(node)?;
    host.write_all(&request[..head_end])?;
    host.write_all(b"\r\nConnection: close")?;
    host.write_all(&request[head_end..])?;
    io::copy(&mut host, &mut client)?;
    client.shutdown(Shutdown::Write)
}

fn read_some(stream: &mut TcpStream, into: &mut Vec<u8>) -> io::Result<()> {
    let mut buffer = vec![0; 65_536];
    match stream.read(&mut buffer)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        count => {
            into.extend_from_slice(&buffer[..count]);
            Ok(())
        }
    }
}

/// What nginx answers.
fn page(status: &str, more: &str) -> String {
    let body =
        format!("<html>\r\n<head><title>{status}</title></head>\r\n<body><hr>nginx</body>\r\n</html>\r\n");
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: text/html\r\n{more}Connection: close\r\n");
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn user(dir: &Path, url: String) -> User {
    User { home: dir.join("ann"), url }
}

#[test]
fn a_proxy_that_answers_for_a_node_that_starts_again_is_waited_for() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let photo = dir.path().join("photo.jpg");
    std::fs::write(&photo, jpeg(320, 240, 4)).unwrap();
    // More refusals in a row than a busy node gets attempts.
    for status in ["502 Bad Gateway", "503 Service Unavailable", "504 Gateway Time-out"] {
        let away = |seen: &Seen| (6..18).contains(&seen.number).then(|| page(status, "Retry-After: 0\r\n"));
        let user = user(dir.path(), proxy(&node, away));
        let output = user.run(&["upload", path(&photo), "--again", "--json"]);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{status}: {told}");
        assert!(!told.contains('<'), "{told}");
    }
}

#[test]
fn a_proxy_whose_node_stays_away_is_given_up_after_the_time_that_was_set() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let user = user(dir.path(), proxy(&node, |_| Some(page("502 Bad Gateway", ""))));
    let file = dir.path().join("note.txt");
    std::fs::write(&file, "one").unwrap();
    let (code, told) = user.fails(&["upload", path(&file), "--retry-for", "0"]);
    assert_eq!(code, 7, "{told}");
    assert!(told.contains("the node is away (HTTP 502: 502 Bad Gateway)") && !told.contains('<'), "{told}");
}

#[test]
fn chunks_are_cut_so_that_a_proxy_lets_them_through() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let limit = |seen: &Seen| (seen.body_bytes > 1 << 20).then(|| page("413 Request Entity Too Large", ""));
    let user = user(dir.path(), proxy(&node, limit));
    let large = dir.path().join("large.bin");
    let sha256 = random_file(&large, 3_000_000);
    let uploaded = user.json(&["upload", path(&large)]);
    assert_eq!((&uploaded["sha256"], &uploaded["chunks_sent"]), (&sha256.into(), &4.into()));
    assert_eq!(pending(&user), 0, "nothing is left of the first attempt");
}

fn pending(user: &User) -> usize {
    let sessions = user.json(&["sessions"]);
    sessions.as_array().unwrap().iter().filter(|session| session["state"] == "pending").count()
}

#[test]
fn a_proxys_limit_of_a_body_is_named_as_its_own_and_stops_no_smaller_file() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let limit = |seen: &Seen| (seen.body_bytes > 60_000).then(|| page("413 Request Entity Too Large", ""));
    let user = user(dir.path(), proxy(&node, limit));
    let (large, small) = (dir.path().join("large.bin"), dir.path().join("small.bin"));
    random_file(&large, 3_000_000);
    random_file(&small, 3_000);
    let (code, told) = user.fails(&["upload", path(&large), path(&small), "-j", "1"]);
    assert_eq!(code, 8, "{told}");
    assert!(told.contains("client_max_body_size 4m") && told.contains(&user.url), "{told}");
    assert!(!told.contains('<') && !told.contains("is this address a Keepsake node"), "{told}");
    assert_eq!((user.json(&["ls"])["items"].as_array().unwrap().len(), pending(&user)), (1, 0));
}
