//! A way to the service that counts messages, and an older service that does not know all of them. Asserts nothing.

use candid::Principal;
use keepsake_client::api::{Answer, Error, UploadConfig};
use keepsake_client::{Client, RetryPolicy, Source, Transport, TransportError};
use keepsake_conformance::in_process::{InProcess, InProcessTransport};
use keepsake_conformance::{Host, Who};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the way does.
#[derive(Clone, Default)]
pub(crate) struct Way {
    /// Messages by their method.
    counts: Arc<Mutex<BTreeMap<&'static str, u32>>>,
    /// The service is one from before publishes carried assets.
    is_old: bool,
    /// What goes wrong once.
    once: Option<Once>,
    /// The service goes through older memories while so many questions come.
    indexes_for: u32,
}

/// What goes wrong, the first time.
#[derive(Clone, Copy, PartialEq)]
enum Once {
    /// The reply to a publish is lost.
    LosesReply,
    /// A chunk is taken and not handed on.
    KeepsChunk,
    /// Somebody else ends the sessions before a publish arrives.
    EndsSessions,
}

/// A client's way to the service.
pub(crate) struct Counted {
    inner: InProcessTransport,
    way: Way,
}

pub(crate) async fn client(host: &InProcess, who: Who, way: &Way) -> Client<Counted> {
    let inner = host.client(who).await.transport().clone();
    let retry = RetryPolicy { pause_first: Duration::ZERO, ..RetryPolicy::default() };
    Client::new(Counted { inner, way: way.clone() }).with_retry(retry)
}

impl Way {
    pub(crate) fn old() -> Self {
        Self { is_old: true, ..Self::default() }
    }

    pub(crate) fn losing_a_reply() -> Self {
        Self { once: Some(Once::LosesReply), ..Self::default() }
    }

    pub(crate) fn keeping_a_chunk() -> Self {
        Self { once: Some(Once::KeepsChunk), ..Self::default() }
    }

    pub(crate) fn ending_sessions() -> Self {
        Self { once: Some(Once::EndsSessions), ..Self::default() }
    }

    pub(crate) fn indexing_for(questions: u32) -> Self {
        Self { indexes_for: questions, ..Self::default() }
    }

    /// The messages since the last time.
    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u32> {
        std::mem::take(&mut *self.counts.lock().unwrap())
    }

    fn count(&self, method: &'static str) -> u32 {
        let mut counts = self.counts.lock().unwrap();
        let count = counts.entry(method).or_default();
        *count += 1;
        *count
    }
}

impl Transport for Counted {
    fn principal(&self) -> Principal {
        self.inner.principal()
    }

    async fn update(&self, method: &'static str, arg: Vec<u8>) -> Result<Vec<u8>, TransportError> {
        let nth = self.way.count(method);
        if self.way.once == Some(Once::EndsSessions) && method == "uploads_publish" && nth == 1 {
            let other = Client::new(self.inner.clone());
            for id in other.probe_sessions().await.unwrap() {
                other.uploads_abort(id).await.unwrap();
            }
        }
        if self.way.once == Some(Once::KeepsChunk) && method == "uploads_put_chunk" && nth == 1 {
            return Ok(candid::encode_one(Answer::<()>::Ok(())).unwrap());
        }
        let reply = self.inner.update(method, arg).await;
        if self.way.once == Some(Once::LosesReply) && method == "uploads_publish" && nth == 1 {
            return Err(TransportError::Unreachable { reason: "lost".to_owned(), maybe_sent: true });
        }
        reply
    }

    async fn query(&self, method: &'static str, arg: Vec<u8>) -> Result<Vec<u8>, TransportError> {
        let nth = self.way.count(method);
        if method == "memories_find" && nth <= self.way.indexes_for {
            let pending: Answer<Vec<Option<String>>> = Err(Error::Conflict("contents_pending: later".into()));
            return Ok(candid::encode_one(pending).unwrap());
        }
        let reply = self.inner.query(method, arg).await?;
        if !self.way.is_old || method != "upload_config" {
            return Ok(reply);
        }
        let config: UploadConfig = candid::decode_one(&reply).unwrap();
        Ok(candid::encode_one(UploadConfig { carried_bytes_max: None, ..config }).unwrap())
    }
}

/// A photo of `len` bytes: what follows the picture no decoder looks at.
pub(crate) fn photo(len: usize, seed: u8) -> Source {
    let mut bytes = jpeg(seed, 90);
    bytes.resize(len.max(bytes.len()), seed);
    Source::bytes(format!("{seed}.jpg"), bytes)
}

/// A JPEG of 64 × 48 pixels, and nothing else.
pub(crate) fn jpeg(seed: u8, quality: u8) -> Vec<u8> {
    let pixels: Vec<u8> = (0..64 * 48 * 3_u32).map(|at| at.to_le_bytes()[0].wrapping_mul(seed)).collect();
    let mut bytes = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut bytes, quality);
    encoder.encode(&pixels, 64, 48, jpeg_encoder::ColorType::Rgb).unwrap();
    bytes
}

/// The capsule of the caller.
pub(crate) async fn capsule(client: &Client<Counted>) -> String {
    client.capsules_create(None).await.unwrap().id
}
