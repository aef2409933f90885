//! One request of the host's own, and its tries. Owns signing it anew for each try, how long it may take, and the reading of
//! what comes back.

use super::Bucket;
use crate::error::{Error, Refusal, words};
use crate::key::Key;
use crate::{retry, xml};
use bytes::{Bytes, BytesMut};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use rusty_s3::Method;
use std::collections::BTreeMap;
use std::future::Future;
use std::time::{Duration, UNIX_EPOCH};
use tokio::time::timeout;

/// Answers that are read whole are lists of at most 1000 rows.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// A line that is slower than this has stalled.
const BYTES_PER_S_MIN: u64 = 64 << 10;

/// A body, which each try sends from its beginning.
pub(super) enum Payload<'a> {
    Bytes(Bytes),
    /// A body that is opened anew, and its length.
    Opened(&'a (dyn Fn() -> reqwest::Body + Send + Sync), u64),
}

/// A request.
pub(super) struct Ask<'a> {
    /// The permission that it needs.
    pub(super) action: &'static str,
    pub(super) method: Method,
    pub(super) key: Option<&'a Key>,
    pub(super) query: BTreeMap<&'static str, String>,
    /// All are signed.
    pub(super) headers: BTreeMap<&'static str, String>,
    pub(super) body: Payload<'a>,
    /// How long the server may think, where that is more than a stall.
    pub(super) thinks: Duration,
}

/// What came back, read whole.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

/// A try that failed.
pub(super) struct Failed {
    pub(super) error: Error,
    /// As the server asked for.
    pub(super) wait: Option<Duration>,
}

impl<'a> Ask<'a> {
    pub(super) fn new(action: &'static str, method: Method, key: Option<&'a Key>) -> Self {
        Self {
            action,
            method,
            key,
            query: BTreeMap::new(),
            headers: BTreeMap::new(),
            body: Payload::Bytes(Bytes::new()),
            thinks: Duration::ZERO,
        }
    }

    pub(super) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.insert(name, value.into());
        self
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.insert(name, value.into());
        self
    }

    fn len(&self) -> u64 {
        match &self.body {
            Payload::Bytes(bytes) => bytes.len() as u64,
            Payload::Opened(_, len) => *len,
        }
    }
}

impl Bucket {
    /// Sends until it is answered, and reads the whole answer.
    pub(super) async fn read(&self, ask: &Ask<'_>) -> Result<Answered, Error> {
        let mut tried = 1;
        loop {
            match self.read_once(ask).await {
                Ok(answered) => return Ok(answered),
                Err(failed) => self.pause(failed, &mut tried).await?,
            }
        }
    }

    /// Sends until it is answered; the body of the answer is still to come.
    pub(super) async fn response(&self, ask: &Ask<'_>) -> Result<reqwest::Response, Error> {
        let mut tried = 1;
        loop {
            match self.once(ask).await {
                Ok(response) => return Ok(response),
                Err(failed) => self.pause(failed, &mut tried).await?,
            }
        }
    }

    /// Waits for the next try, or gives the error where there is none.
    pub(super) async fn pause(&self, failed: Failed, tried: &mut u32) -> Result<(), Error> {
        let Failed { error, wait } = failed;
        let passing = matches!(error, Error::Away { .. });
        let wait = self.retry.wait(*tried, wait, retry::chance()).filter(|_| passing);
        let Some(wait) = wait else { return Err(error) };
        tracing::debug!(%error, tried, "S3 is asked again");
        *tried += 1;
        tokio::time::sleep(wait).await;
        Ok(())
    }

    async fn read_once(&self, ask: &Ask<'_>) -> Result<Answered, Failed> {
        let response = self.once(ask).await?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = self.text(response).await?;
        // S3 says 200 when it begins to work, and an error when it could not.
        if xml::error_of(&text).is_some() {
            return Err(self.refusal(ask, status, &headers, &text).await);
        }
        Ok(Answered { headers, text })
    }

    async fn once(&self, ask: &Ask<'_>) -> Result<reqwest::Response, Failed> {
        let response = self.send(ask, ask.method).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let headers = response.headers().clone();
        let text = self.text(response).await.unwrap_or_default();
        Err(self.refusal(ask, status.as_u16(), &headers, &text).await)
    }

    /// Signed with the time of this try.
    async fn send(&self, ask: &Ask<'_>, method: Method) -> Result<reqwest::Response, Failed> {
        let url = self.signer.sign_own(method, ask.key, &ask.query, &ask.headers, (self.now_s)());
        let mut request = self.http.request(http_method(method), url);
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        if matches!(method, Method::Put | Method::Post) {
            request = match &ask.body {
                Payload::Bytes(bytes) => request.header("content-length", bytes.len()).body(bytes.clone()),
                Payload::Opened(open, len) => request.header("content-length", *len).body(open()),
            };
        }
        let sends = Duration::from_secs(ask.len() / BYTES_PER_S_MIN);
        self.within(self.retry.stall.max(ask.thinks) + sends, request.send()).await
    }

    /// What comes within a time.
    pub(super) async fn within<T>(
        &self,
        time: Duration,
        work: impl Future<Output = reqwest::Result<T>>,
    ) -> Result<T, Failed> {
        match timeout(time, work).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(Failed { error: failed_to_send(&error), wait: None }),
            Err(_) => Err(away(format!("nothing came for {} seconds", time.as_secs()))),
        }
    }

    async fn text(&self, mut response: reqwest::Response) -> Result<String, Failed> {
        let mut text = BytesMut::new();
        while let Some(chunk) = self.within(self.retry.stall, response.chunk()).await? {
            if text.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(Failed { error: Error::answer("it is too long"), wait: None });
            }
            text.extend_from_slice(&chunk);
        }
        String::from_utf8(text.into())
            .map_err(|_| Failed { error: Error::answer("it is no UTF-8"), wait: None })
    }

    /// Why it was refused. An answer to HEAD has no body, so the reason is asked for by a GET of one byte.
    async fn refusal(&self, ask: &Ask<'_>, status: u16, headers: &HeaderMap, text: &str) -> Failed {
        let known = xml::error_of(text);
        let asked = if known.is_none() && ask.method == Method::Head && matches!(status, 400 | 403 | 404) {
            self.reason(ask).await
        } else {
            None
        };
        let (code, said, region) = known.or(asked).unwrap_or_default();
        let at_region = headers.get("x-amz-bucket-region").and_then(|value| value.to_str().ok());
        let refusal = Refusal {
            action: ask.action,
            bucket: self.signer.bucket(),
            key: ask.key.map(Key::as_str),
            status,
            code,
            words: words(&said, |text| self.signer.credentials.is_in(text)),
            region: at_region.map(str::to_owned).or(region),
            apart_s: self.apart_s(headers),
        };
        Failed { error: refusal.error(), wait: retry_after(headers) }
    }

    async fn reason(&self, ask: &Ask<'_>) -> Option<(String, String, Option<String>)> {
        let mut headers = ask.headers.clone();
        headers.insert("range", "bytes=0-0".to_owned());
        let get = Ask { headers, query: ask.query.clone(), ..Ask::new(ask.action, Method::Get, ask.key) };
        let response = self.send(&get, Method::Get).await.ok()?;
        if response.status().is_success() {
            return None;
        }
        xml::error_of(&self.text(response).await.ok()?)
    }

    /// The server's clock minus ours.
    fn apart_s(&self, headers: &HeaderMap) -> Option<i64> {
        let date = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
        let theirs = date.duration_since(UNIX_EPOCH).ok()?.as_secs();
        i64::try_from(theirs).ok()?.checked_sub_unsigned((self.now_s)())
    }

    /// From any answer, whether it is a yes or a no.
    pub(super) async fn date_apart(&self) -> Result<Option<i64>, Failed> {
        let request = self.http.head(self.signer.unsigned(None));
        let response = self.within(self.retry.stall, request.send()).await?;
        Ok(self.apart_s(response.headers()))
    }

    /// An answer to somebody without keys: its status alone, of one try.
    pub(crate) async fn anonymously(&self, url: url::Url) -> Result<u16, Error> {
        let sent = self.within(self.retry.stall, self.http.get(url).send()).await;
        sent.map(|response| response.status().as_u16()).map_err(|failed| failed.error)
    }
}

pub(super) fn away(why: impl Into<String>) -> Failed {
    Failed { error: Error::Away { why: why.into() }, wait: None }
}

fn failed_to_send(error: &reqwest::Error) -> Error {
    match source_of_body(error) {
        Some(source) => Error::Source(std::io::Error::new(source.kind(), source.to_string())),
        None => Error::Away { why: why(error) },
    }
}

/// The error of the bytes to be sent, where that ended the request.
fn source_of_body(error: &reqwest::Error) -> Option<&std::io::Error> {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if let Some(failed) = error.downcast_ref::<super::put::SourceFailed>() {
            return Some(&failed.0);
        }
        source = error.source();
    }
    None
}

/// The innermost cause. The outer ones name the URL, which has the signature in it.
pub(super) fn why(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    if std::ptr::addr_eq(std::ptr::from_ref(innermost), std::ptr::from_ref(error)) {
        return "the connection failed".to_owned();
    }
    let text = innermost.to_string();
    if text.contains("://") { "the connection failed".to_owned() } else { text }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn http_method(method: Method) -> reqwest::Method {
    match method {
        Method::Head => reqwest::Method::HEAD,
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Delete => reqwest::Method::DELETE,
    }
}
