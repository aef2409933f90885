//! Servers that refuse headers which they do not know, as R2 and B2 do: the canary finds out, and all goes on without them.

use crate::world::{bytes, content, key, own_bucket, put, quick, send};
use keepsake_s3::{Bucket, Findings, Found, Options, Verify};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

const REFUSAL: &str = "<Error><Code>NotImplemented</Code><Message>A header you provided implies functionality that is not \
                       implemented</Message></Error>";

/// Stands before a real server, and refuses requests whose head has one of these texts. Each connection serves one request.
async fn refusing_server(upstream: SocketAddr, texts: &'static [&'static str]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, upstream, texts));
        }
    });
    address
}

async fn serve(mut client: TcpStream, upstream: SocketAddr, texts: &[&str]) -> std::io::Result<()> {
    let mut read = Vec::new();
    let end = loop {
        if let Some(at) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if client.read_buf(&mut read).await? == 0 {
            return Ok(());
        }
    };
    let head = String::from_utf8_lossy(&read[..end]).to_ascii_lowercase();
    // What is signed names the header in the query too.
    let headers = head.split_once("\r\n").map_or("", |(_, headers)| headers);
    if texts.iter().any(|text| headers.contains(text)) {
        let reply = format!(
            "HTTP/1.1 501 x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{}",
            REFUSAL.len(),
            if head.starts_with("head") { "" } else { REFUSAL }
        );
        client.write_all(reply.as_bytes()).await?;
        client.shutdown().await?;
        // What is still on its way is taken, or the reply is lost.
        return tokio::io::copy(&mut client, &mut tokio::io::sink()).await.map(drop);
    }
    let mut server = TcpStream::connect(upstream).await?;
    server.write_all(&read[..end]).await?;
    server.write_all(b"\r\nconnection: close").await?;
    server.write_all(&read[end..]).await?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}

/// What the canary finds behind such a server, and a bucket that heeds it.
async fn behind(texts: &'static [&'static str]) -> Option<(Findings, Bucket)> {
    let world = own_bucket()?;
    let address = refusing_server(world.server.address, texts).await;
    let options = Options { endpoint: format!("http://{address}").parse().unwrap(), ..world.options.clone() };
    let bucket = Bucket::open(&options, world.server.credentials()).unwrap().with_retry(quick());
    let findings = bucket.canary().await.unwrap();
    assert!(findings.removal.is_right(), "{:?}", findings.removal);
    let bucket = bucket.with_abilities(findings.abilities());
    works(&bucket).await;
    Some((findings, bucket))
}

async fn works(bucket: &Bucket) {
    let body = bytes(5000);
    put(bucket, "own", &body).await;
    let request =
        bucket.signer().sign_put(&key("theirs"), &content(&body), "image/jpeg", crate::world::now_s(), 60);
    assert_eq!(send(&request, body.clone()).await.0, 200);
    let upload = bucket.create_multipart(&key("parts"), "image/jpeg").await.unwrap();
    let part =
        bucket.signer().sign_part(&key("parts"), &upload, 1, &content(&body), crate::world::now_s(), 60);
    assert_eq!(send(&part, body.clone()).await.0, 200);
    let mut parts = bucket.list_parts(&key("parts"), &upload).await.unwrap();
    parts[0].sha256 = bucket.signer().abilities().part_checksums.then_some(content(&body).sha256);
    bucket.complete(&key("parts"), &upload, &parts).await.unwrap();
    for name in ["own", "theirs", "parts"] {
        assert_eq!(bucket.hash(&key(name), |_| ()).await.unwrap().sha256, content(&body).sha256);
    }
}

#[tokio::test]
async fn a_server_that_knows_no_checksums_is_verified_by_reading() {
    let Some((findings, bucket)) = behind(&["x-amz-checksum-sha256", "x-amz-checksum-algorithm"]).await
    else {
        return;
    };
    assert_eq!(
        (findings.whole_checksums.found, findings.part_checksums.found),
        (Found::Missing, Found::Missing)
    );
    assert!(findings.once.is_right());
    assert_eq!((findings.verify(), findings.refusals().count()), (Verify::Reading, 0));
    let request =
        bucket.signer().sign_put(&key("a"), &content(b"a"), "image/jpeg", crate::world::now_s(), 60);
    let mut names: Vec<_> = request.headers.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-length", "content-md5", "content-type", "if-none-match"]);
}

#[tokio::test]
async fn a_server_that_knows_no_checksums_of_parts_still_compares_whole_objects() {
    let Some((findings, _)) = behind(&["x-amz-checksum-algorithm"]).await else { return };
    assert!(findings.whole_checksums.is_right());
    assert_eq!(findings.part_checksums.found, Found::Missing);
    assert_eq!(findings.verify(), Verify::Checksum);
}

#[tokio::test]
async fn a_server_that_refuses_if_none_match_is_not_sent_it() {
    let Some((findings, _)) = behind(&["if-none-match"]).await else { return };
    assert_eq!(findings.once.found, Found::Missing);
    assert!(findings.whole_checksums.is_right() && findings.part_checksums.is_right());
    assert_eq!((findings.verify(), findings.refusals().count()), (Verify::Checksum, 0));
}
