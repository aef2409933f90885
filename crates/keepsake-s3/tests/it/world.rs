//! What the tests share: a bucket with a prefix of its own on the one server, and a client that is not ours.

use bytes::Bytes;
use futures_core::Stream;
use keepsake_s3::{Bucket, Content, Key, Options, Retry, SignedRequest};
use keepsake_s3_servers::{Server, seaweedfs};
use md5::Md5;
use sha2::{Digest, Sha256};
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) struct World {
    pub(crate) server: &'static Server,
    pub(crate) options: Options,
    pub(crate) bucket: Bucket,
}

/// None where there is no server.
pub(crate) fn world() -> Option<World> {
    let server = seaweedfs()?;
    let options = Options { prefix: unique("prefix"), ..server.bucket("shared").unwrap() };
    let bucket = Bucket::open(&options, server.credentials()).unwrap().with_retry(quick());
    Some(World { server, options, bucket })
}

/// A bucket that no other test has.
pub(crate) fn own_bucket() -> Option<World> {
    let server = seaweedfs()?;
    let options = server.bucket(&unique("own")).unwrap();
    let bucket = Bucket::open(&options, server.credentials()).unwrap().with_retry(quick());
    Some(World { server, options, bucket })
}

/// Likewise, and it keeps versions.
pub(crate) async fn with_versions() -> Option<World> {
    let world = own_bucket()?;
    let text = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    configure(&world, "versioning", text.to_owned()).await;
    Some(world)
}

/// Sets what the crate does not set, with a signature of another implementation.
pub(crate) async fn configure(world: &World, what: &str, text: String) {
    let url = signed(world, rusty_s3::Method::Put, what);
    let answer = client().put(url).body(text).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

/// How many versions and marks of deletion the bucket has.
pub(crate) async fn versions(world: &World) -> usize {
    let answer = client().get(signed(world, rusty_s3::Method::Get, "versions")).send().await.unwrap();
    let text = answer.text().await.unwrap();
    assert!(text.contains("<ListVersionsResult"), "{text}");
    text.matches("<VersionId>").count()
}

fn signed(world: &World, method: rusty_s3::Method, what: &str) -> url::Url {
    let (bucket, server) = (world.options.bucket.clone(), world.server);
    let bucket =
        rusty_s3::Bucket::new(server.endpoint(), rusty_s3::UrlStyle::Path, bucket, "us-east-1").unwrap();
    rusty_s3::signing::sign(
        &jiff::Timestamp::now(),
        method,
        bucket.base_url().clone(),
        &server.access_key,
        &server.secret_key,
        None,
        "us-east-1",
        60,
        [(what, "")].into_iter(),
        std::iter::empty(),
    )
}

pub(crate) fn unique(what: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("{what}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn quick() -> Retry {
    Retry { first: Duration::from_millis(5), most: Duration::from_millis(50), ..Retry::default() }
}

pub(crate) fn key(name: &str) -> Key {
    Key::new(name).unwrap()
}

pub(crate) fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub(crate) fn content(bytes: &[u8]) -> Content {
    Content {
        len: bytes.len() as u64,
        sha256: Sha256::digest(bytes).into(),
        md5: Some(Md5::digest(bytes).into()),
    }
}

/// Bytes of no order, which repeat at odd distances.
pub(crate) fn bytes(len: usize) -> Bytes {
    let mut state = 0x9e37_79b9_u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    let block: Vec<u8> = std::iter::repeat_with(next).take(len.min(65_537)).collect();
    let mut all = Vec::with_capacity(len);
    while all.len() < len {
        all.extend_from_slice(&block[..block.len().min(len - all.len())]);
    }
    all.into()
}

/// Opens `bytes` in pieces, as a file would be.
pub(crate) fn source(bytes: &Bytes) -> impl Fn(Range<u64>) -> Pieces + Send + Sync {
    let bytes = bytes.clone();
    move |range| {
        let at = |offset| usize::try_from(offset).unwrap();
        Pieces(bytes.slice(at(range.start)..at(range.end)))
    }
}

pub(crate) struct Pieces(Bytes);

impl Stream for Pieces {
    type Item = io::Result<Bytes>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        let len = self.0.len().min(64 << 10);
        let piece = self.0.split_to(len);
        std::task::Poll::Ready((len > 0).then_some(Ok(piece)))
    }
}

/// Does it for each number, some at once.
pub(crate) async fn each<F: Future<Output = ()>>(numbers: Range<u16>, work: impl Fn(u16) -> F) {
    let all = futures_util::stream::iter(numbers.map(work));
    futures_util::StreamExt::for_each_concurrent(all, 16, |work| work).await;
}

pub(crate) async fn put(bucket: &Bucket, name: &str, bytes: &Bytes) -> keepsake_s3::Head {
    bucket.put(&key(name), &content(bytes), "image/jpeg", source(bytes)).await.unwrap()
}

/// A stranger's client, one for each test: making one takes longer than most requests.
pub(crate) fn client() -> reqwest::Client {
    thread_local!(static CLIENT: reqwest::Client = reqwest::Client::new());
    CLIENT.with(Clone::clone)
}

/// Sends what was signed as a stranger would: status and body.
pub(crate) async fn send(request: &SignedRequest, body: impl Into<Bytes>) -> (u16, Bytes) {
    let response = response(request, body).await;
    let status = response.status().as_u16();
    (status, response.bytes().await.unwrap())
}

pub(crate) async fn response(request: &SignedRequest, body: impl Into<Bytes>) -> reqwest::Response {
    let method: reqwest::Method = request.method.parse().unwrap();
    let mut sent = client().request(method.clone(), request.url.clone());
    for (name, value) in &request.headers {
        // The client reckons it, as browsers do.
        if *name != "content-length" {
            sent = sent.header(*name, value);
        }
    }
    if method == reqwest::Method::PUT {
        sent = sent.body(body.into());
    }
    sent.send().await.unwrap()
}
