//! Replies that no server at hand gives when one wants them: errors that say 200, things that stay after they were removed, objects
//! that change while they are read.

use crate::world::{key, quick};
use keepsake_s3::{Bucket, Credentials, Error, Options, Part};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Answers each request with the next reply, each on a connection of its own, and keeps what was asked.
struct ScriptedServer {
    bucket: Bucket,
    asked: Arc<Mutex<Vec<String>>>,
}

impl ScriptedServer {
    async fn start(replies: &[(u16, &'static str, &'static str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let options = Options {
            endpoint: format!("http://{}", listener.local_addr().unwrap()).parse().unwrap(),
            public: None,
            bucket: "photos".into(),
            region: "us-east-1".into(),
            prefix: String::new(),
            path_style: true,
        };
        let bucket =
            Bucket::open(&options, Credentials::new("a", "very-secret")).unwrap().with_retry(quick());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (replies, kept) = (replies.to_vec(), asked.clone());
        tokio::spawn(async move {
            for (status, headers, body) in replies {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = request(&mut stream).await;
                let is_head = request.starts_with("HEAD ");
                kept.lock().unwrap().push(request);
                let length = if headers.contains("content-length") {
                    String::new()
                } else {
                    format!("content-length: {}\r\n", body.len())
                };
                let head = format!("HTTP/1.1 {status} x\r\nconnection: close\r\n{length}{headers}\r\n");
                stream.write_all(head.as_bytes()).await.unwrap();
                if !is_head {
                    stream.write_all(body.as_bytes()).await.unwrap();
                }
            }
        });
        Self { bucket, asked }
    }

    /// Method and what follows of each, without the signature.
    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn request(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).await.unwrap();
        text.extend_from_slice(&buffer[..read]);
        let shown = String::from_utf8_lossy(&text).into_owned();
        if let Some((head, body)) = shown.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return shown;
            }
        }
        assert!(read > 0, "the request ends early");
    }
}

const DONE: &str = "<CompleteMultipartUploadResult><Key>a</Key></CompleteMultipartUploadResult>";
const FAILED: &str = "  \n<Error><Code>InternalError</Code><Message>again</Message></Error>";
const NO_KEY: &str = "<Error><Code>NoSuchKey</Code></Error>";
const NO_UPLOAD: &str = "<Error><Code>NoSuchUpload</Code></Error>";
const ONE_PART: &str =
    "<ListPartsResult><Part><PartNumber>1</PartNumber><ETag>e</ETag><Size>7</Size></Part></ListPartsResult>";
const SEVEN: &str = "content-length: 7\r\n";

fn part() -> Part {
    Part { number: 1, len: 7, etag: "e".into(), sha256: None }
}

#[tokio::test]
async fn an_error_that_says_200_is_one_and_is_tried_again() {
    let server = ScriptedServer::start(&[(200, "", FAILED), (200, "", DONE), (200, SEVEN, "")]).await;
    let done = server.bucket.complete(&key("a"), "u", &[part()]).await.unwrap();
    assert_eq!((done.head.len, done.was_done, server.asked().len()), (7, false, 3));
    let refused = ScriptedServer::start(&[(200, "", "<Error><Code>InvalidPart</Code></Error>")]).await;
    let error = refused.bucket.complete(&key("a"), "u", &[part()]).await.unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
}

#[tokio::test]
async fn an_upload_that_is_gone_is_done_only_where_such_an_object_is_there() {
    let gone = (404, "", NO_UPLOAD);
    let other = ScriptedServer::start(&[gone, gone, (200, "content-length: 8\r\n", "")]).await;
    let error = other.bucket.complete(&key("a"), "u", &[part()]).await.unwrap_err();
    assert!(matches!(error, Error::NoUpload), "{error}");
    let none = ScriptedServer::start(&[gone, gone, (404, "", ""), (404, "", NO_KEY)]).await;
    let error = none.bucket.complete(&key("a"), "u", &[part()]).await.unwrap_err();
    assert!(matches!(error, Error::NoUpload), "{error}");
    let same = ScriptedServer::start(&[gone, gone, (200, SEVEN, "")]).await;
    assert!(same.bucket.complete(&key("a"), "u", &[part()]).await.unwrap().was_done);
}

#[tokio::test]
async fn an_object_that_stays_after_it_was_deleted_is_told() {
    let server = ScriptedServer::start(&[(204, "", ""), (200, SEVEN, "")]).await;
    let error = server.bucket.delete(&key("a"), None).await.unwrap_err();
    assert!(matches!(error, Error::StillThere { .. }) && error.is_passing(), "{error}");
}

#[tokio::test]
async fn an_upload_that_stays_after_it_was_aborted_is_aborted_again() {
    let stays = [(204, "", ""), (200, "", ONE_PART)];
    let gone = [(204, "", ""), (404, "", NO_UPLOAD)];
    let server = ScriptedServer::start(&[stays, gone].concat()).await;
    server.bucket.abort(&key("a"), "u").await.unwrap();
    let deletes = server.asked().iter().filter(|request| request.starts_with("DELETE ")).count();
    assert_eq!(deletes, 2);
    let server = ScriptedServer::start(&[stays; 5].concat()).await;
    let error = server.bucket.abort(&key("a"), "u").await.unwrap_err();
    assert!(matches!(error, Error::StillThere { .. }), "{error}");
}

#[tokio::test]
async fn an_object_that_changes_while_it_is_hashed_is_told() {
    let cut = (200, "content-length: 7\r\netag: \"one\"\r\n", "abc");
    let changed = (412, "", "<Error><Code>PreconditionFailed</Code></Error>");
    let server = ScriptedServer::start(&[cut, changed]).await;
    let error = server.bucket.hash(&key("a"), |_| ()).await.unwrap_err();
    assert!(matches!(error, Error::Exists { .. }), "{error}");
    let asked = server.asked();
    assert!(asked[1].contains("if-match: \"one\"") && asked[1].contains("range: bytes=3-6"), "{}", asked[1]);
}

#[tokio::test]
async fn a_range_that_is_not_the_one_asked_for_is_none() {
    for (status, headers) in [
        (200, SEVEN),
        (206, "content-length: 7\r\ncontent-range: bytes 0-6/20\r\n"),
        (206, "content-length: 7\r\ncontent-range: bytes 3-9/9\r\n"),
    ] {
        let server = ScriptedServer::start(&[(status, headers, "abcdefg")]).await;
        let error = server.bucket.get(&key("a"), Some(3..10)).await.unwrap_err();
        assert!(matches!(error, Error::Answer { .. }), "{headers}: {error}");
    }
}

#[tokio::test]
async fn what_a_server_says_gives_no_secret_away() {
    let said = "<Error><Code>Odd</Code><Message>X-Amz-Signature=00ff and very-secret</Message><StringToSign>very-secret\
                </StringToSign></Error>";
    let server = ScriptedServer::start(&[(400, "", said)]).await;
    let error = server.bucket.list("", None).await.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(shown.contains("Odd") && !shown.contains("very-secret") && !shown.contains("00ff"), "{shown}");
}

#[tokio::test]
async fn a_bucket_in_another_region_is_named() {
    let moved = (301, "x-amz-bucket-region: eu-west-3\r\n", "<Error><Code>PermanentRedirect</Code></Error>");
    let server = ScriptedServer::start(&[moved]).await;
    let error = server.bucket.list("", None).await.unwrap_err();
    assert!(error.to_string().ends_with("is in another region: eu-west-3"), "{error}");
}

#[tokio::test]
async fn the_next_page_of_parts_begins_after_the_last() {
    let first = "<ListPartsResult><IsTruncated>true</IsTruncated><Part><PartNumber>7</PartNumber><ETag>e</ETag><Size>7</Size>\
                 </Part></ListPartsResult>";
    let last = "<ListPartsResult><IsTruncated>false</IsTruncated><Part><PartNumber>9</PartNumber><ETag>e</ETag><Size>7</Size>\
                </Part></ListPartsResult>";
    let server = ScriptedServer::start(&[(200, "", first), (200, "", last)]).await;
    let parts = server.bucket.list_parts(&key("a"), "u").await.unwrap();
    assert_eq!(parts.iter().map(|part| part.number).collect::<Vec<_>>(), [7, 9]);
    assert!(server.asked()[1].contains("&part-number-marker=7&"), "{}", server.asked()[1]);
}
