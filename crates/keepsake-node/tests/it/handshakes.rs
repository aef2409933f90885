//! Connections to a node with a certificate that begin and do not go on, or take nothing: nobody waits for them.

use std::sync::Arc;
use std::time::Duration;

use keepsake_node::serve::PlaceLimits;
use keepsake_node::tls::TlsFiles;
use keepsake_node::web_app::WebApp;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::node::{Answer, Node};

/// Nothing here takes this long on the slowest machine, unless it waits for somebody who never comes.
const LONG: Duration = Duration::from_secs(30);

/// The head of a TLS record that announces a handshake of 512 bytes, and its first byte.
const HALF: &[u8] = &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01];

const PLACES: usize = 4;

/// More than small sockets and TLS take of an answer that nobody reads, and less than what may be in memory.
const LARGE_BYTES: usize = 250 << 10;

/// What the system keeps of an answer for somebody here who does not read it.
const UNREAD_BYTES: u32 = 4 << 10;

/// A node with a certificate for localhost, few places and a large file.
async fn node() -> (Node, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = TlsFiles { certificate: dir.path().join("cert.pem"), key: dir.path().join("key.pem") };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    let key = tempfile::Builder::new().tempfile_in(dir.path()).unwrap();
    std::fs::write(key.path(), made.signing_key.serialize_pem()).unwrap();
    // With the mode of a temporary file.
    key.persist(&files.key).unwrap();
    let node = Node::start_with(&dir, |options| {
        options.tls = Some(files);
        options.web_app = WebApp::of([("large.bin".to_owned(), vec![7; LARGE_BYTES].into())]);
        options.places = PlaceLimits { connections_max: PLACES, ..PlaceLimits::default() };
    });
    (node.await, dir)
}

async fn secure(node: &Node, dir: &TempDir) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(dir.path().join("cert.pem")).unwrap()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(UNREAD_BYTES)?;
    let stream = socket.connect(node.address).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

async fn health(mut stream: TlsStream<TcpStream>) -> u16 {
    let request = b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    Answer::of(bytes).status
}

async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, work).await.unwrap_or_else(|_| panic!("{what} does not come"))
}

async fn half(node: &Node) -> TcpStream {
    let mut stream = TcpStream::connect(node.address).await.unwrap();
    stream.write_all(HALF).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn half_handshakes_leave_for_whoever_asks() {
    let (node, dir) = node().await;
    let mut halves = Vec::new();
    for _ in 0..PLACES {
        halves.push(half(&node).await);
    }
    // And one that says nothing at all.
    halves.push(TcpStream::connect(node.address).await.unwrap());
    soon("the answer", async { assert_eq!(health(secure(&node, &dir).await.unwrap()).await, 200) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_handshake_ends_by_itself_and_an_idle_connection_stays_meanwhile() {
    let (node, dir) = node().await;
    let idle = secure(&node, &dir).await.unwrap();
    let mut stream = half(&node).await;
    let ended = soon("the end", async {
        loop {
            // A byte now and then makes it no longer.
            tokio::time::sleep(Duration::from_millis(500)).await;
            if stream.write_all(&[0]).await.is_err() || stream.try_read(&mut [0]).is_ok() {
                return true;
            }
        }
    });
    assert!(ended.await);
    // As a browser opens one ahead: its handshake was no head that is late.
    soon("the answer", async { assert_eq!(health(idle).await, 200) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_take_none_of_their_answers_leave_for_whoever_asks() {
    let (node, dir) = node().await;
    let mut deaf = Vec::new();
    for _ in 0..PLACES {
        let mut stream = secure(&node, &dir).await.unwrap();
        stream.write_all(b"GET /large.bin HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        // The answer has begun.
        stream.read_u8().await.unwrap();
        deaf.push(stream);
    }
    assert_eq!(node.load.load().connections, PLACES);
    soon("the answer", async { assert_eq!(health(secure(&node, &dir).await.unwrap()).await, 200) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_end_nobody_waits_for_handshakes() {
    let (node, dir) = node().await;
    let idle = secure(&node, &dir).await.unwrap();
    let (mut stream, mut silent) = (half(&node).await, TcpStream::connect(node.address).await.unwrap());
    let load = node.load.clone();
    soon("their places", async {
        while load.load().connections < 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    // Requests under way have 15 s, and these are none.
    tokio::time::timeout(Duration::from_secs(12), node.stop()).await.expect("it waits for a handshake");
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.ok();
    silent.read_to_end(&mut rest).await.ok();
    assert!(rest.is_empty());
    drop(idle);
}
