//! Writes objects whose bytes this host has. Owns the sending of a stream, in one request or in parts.

use super::Bucket;
use super::ask::{Ask, Payload};
use super::multipart::Part;
use super::object::Head;
use crate::error::Error;
use crate::key::Key;
use crate::parts::{Cut, PartSpan, cut, spans};
use crate::signer::{Content, body_headers, sound_type};
use bytes::Bytes;
use futures_core::Stream;
use futures_util::StreamExt;
use http_body::{Body, Frame, SizeHint};
use md5::Md5;
use rusty_s3::Method;
use sha2::{Digest, Sha256};
use std::io;
use std::ops::Range;
use std::pin::{Pin, pin};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use thiserror::Error as ThisError;

impl Bucket {
    /// Writes an object that is not there yet. `open` gives its bytes in a range, again for each try; beyond one PUT it is cut
    /// into parts, each read twice: to hash it, and to send it. Fine where the same object is there already. What did not
    /// become an object is aborted.
    ///
    /// # Errors
    /// [`Error::Exists`] where another object is there; [`Error::Source`] where the bytes cannot be read.
    pub async fn put<S>(
        &self,
        key: &Key,
        content: &Content,
        content_type: &str,
        open: impl Fn(Range<u64>) -> S + Send + Sync,
    ) -> Result<Head, Error>
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        match cut(content.len)? {
            Cut::Single => self.put_whole(key, content, content_type, &open).await,
            parts @ Cut::Parts { .. } => self.put_parts(key, content, content_type, &open, parts).await,
        }
    }

    /// Sends these bytes, whatever `content` says of them, and takes the server's word.
    pub(crate) async fn put_bytes(
        &self,
        key: &Key,
        content: &Content,
        content_type: &str,
        bytes: Bytes,
    ) -> Result<(), Error> {
        let ask = self.ask_put(key, content, content_type);
        self.read(&Ask { body: Payload::Bytes(bytes), ..ask }).await.map(drop)
    }

    /// The same of a part.
    pub(crate) async fn put_part_bytes(
        &self,
        key: &Key,
        upload_id: &str,
        number: u16,
        content: &Content,
        bytes: Bytes,
    ) -> Result<(), Error> {
        let ask = self.ask_part(key, upload_id, number, content);
        self.read(&Ask { body: Payload::Bytes(bytes), ..ask }).await.map(drop)
    }

    fn ask_put<'a>(&self, key: &'a Key, content: &Content, content_type: &str) -> Ask<'a> {
        let abilities = self.signer.abilities();
        let mut ask = Ask::new("s3:PutObject", Method::Put, Some(key));
        ask.headers = body_headers(content, abilities.whole_checksums);
        if abilities.if_none_match {
            ask = ask.header("if-none-match", "*");
        }
        ask.header("content-type", sound_type(content_type))
    }

    fn ask_part<'a>(&self, key: &'a Key, upload_id: &str, number: u16, content: &Content) -> Ask<'a> {
        let mut ask = Ask::new("s3:PutObject", Method::Put, Some(key));
        ask.headers = body_headers(content, self.signer.abilities().part_checksums);
        ask.query("partNumber", number.to_string()).query("uploadId", upload_id)
    }

    async fn put_whole<S>(
        &self,
        key: &Key,
        content: &Content,
        content_type: &str,
        open: &(impl Fn(Range<u64>) -> S + Send + Sync),
    ) -> Result<Head, Error>
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        let body = || Streamed::body(open(0..content.len), content.len);
        let ask = self.ask_put(key, content, content_type);
        let ask = Ask { body: Payload::Opened(&body, content.len), ..ask };
        match self.read(&ask).await {
            Ok(_) => self.head(key).await,
            // A reply that was lost, or another object.
            Err(Error::Exists { .. }) => self.same(key, content).await,
            Err(error) => Err(error),
        }
    }

    /// The object that is there, if it is this one.
    async fn same(&self, key: &Key, content: &Content) -> Result<Head, Error> {
        let head = self.head(key).await?;
        let exists = || Error::Exists { key: key.to_string() };
        if head.len != content.len {
            return Err(exists());
        }
        let sha256 = match head.sha256 {
            Some(sha256) if self.signer.abilities().whole_checksums => sha256,
            _ => self.hash_version(key, head.version_id.as_deref(), |_| ()).await?.sha256,
        };
        if sha256 == content.sha256 { Ok(head) } else { Err(exists()) }
    }

    async fn put_parts<S>(
        &self,
        key: &Key,
        content: &Content,
        content_type: &str,
        open: &(impl Fn(Range<u64>) -> S + Send + Sync),
        cut: Cut,
    ) -> Result<Head, Error>
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        let upload_id = self.create_multipart(key, content_type).await?;
        let done = self.put_each(key, &upload_id, content, open, cut).await;
        match done {
            Ok(head) => Ok(head),
            Err(Error::Exists { .. }) => {
                self.abort(key, &upload_id).await?;
                self.same(key, content).await
            }
            Err(error) => {
                // The first error says more than one of the abort; the rule for unfinished uploads ends what this leaves.
                if let Err(abort) = self.abort(key, &upload_id).await {
                    tracing::warn!(%abort, %key, "an upload in parts is left in the bucket");
                }
                Err(error)
            }
        }
    }

    async fn put_each<S>(
        &self,
        key: &Key,
        upload_id: &str,
        content: &Content,
        open: &(impl Fn(Range<u64>) -> S + Send + Sync),
        cut: Cut,
    ) -> Result<Head, Error>
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        let (mut parts, mut whole) = (Vec::new(), Sha256::new());
        for span in spans(content.len, cut) {
            parts.push(self.put_part(key, upload_id, span, open, &mut whole).await?);
        }
        if <[u8; 32]>::from(whole.finalize()) != content.sha256 {
            return Err(Error::Corrupt { code: "read here".to_owned() });
        }
        Ok(self.complete(key, upload_id, &parts).await?.head)
    }

    async fn put_part<S>(
        &self,
        key: &Key,
        upload_id: &str,
        span: PartSpan,
        open: &(impl Fn(Range<u64>) -> S + Send + Sync),
        whole: &mut Sha256,
    ) -> Result<Part, Error>
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        let range = span.offset..span.offset + span.len;
        let with_md5 = !self.signer.abilities().part_checksums;
        let content = hashed(open(range.clone()), span.len, whole, with_md5).await?;
        let body = || Streamed::body(open(range.clone()), span.len);
        let ask = self.ask_part(key, upload_id, span.number, &content);
        let answered = self.read(&Ask { body: Payload::Opened(&body, span.len), ..ask }).await?;
        let etag =
            super::object::text(&answered.headers, "etag").ok_or_else(|| Error::answer("it has no ETag"))?;
        let sha256 = self.signer.abilities().part_checksums.then_some(content.sha256);
        Ok(Part { number: span.number, len: span.len, etag, sha256 })
    }
}

/// The hashes of a part, which are taken into that of the whole.
async fn hashed(
    stream: impl Stream<Item = io::Result<Bytes>>,
    len: u64,
    whole: &mut Sha256,
    with_md5: bool,
) -> Result<Content, Error> {
    let (mut sha256, mut md5, mut came) = (Sha256::new(), with_md5.then(Md5::new), 0);
    let mut stream = pin!(stream);
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(Error::Source)?;
        sha256.update(&chunk);
        if let Some(md5) = &mut md5 {
            md5.update(&chunk);
        }
        whole.update(&chunk);
        came += chunk.len() as u64;
    }
    if came != len {
        return Err(Error::Source(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "another length than was said",
        )));
    }
    Ok(Content { len, sha256: sha256.finalize().into(), md5: md5.map(|md5| md5.finalize().into()) })
}

/// The bytes to be sent could not be read.
#[derive(Debug, ThisError)]
#[error("cannot read the bytes to be sent")]
pub(super) struct SourceFailed(#[source] pub(super) io::Error);

/// A stream as a body whose length is known.
struct Streamed<S> {
    // Bodies have to be `Sync`; nobody locks it.
    stream: Mutex<Pin<Box<S>>>,
    left: u64,
}

impl<S: Stream<Item = io::Result<Bytes>> + Send + 'static> Streamed<S> {
    fn body(stream: S, len: u64) -> reqwest::Body {
        reqwest::Body::wrap(Self { stream: Mutex::new(Box::pin(stream)), left: len })
    }
}

impl<S: Stream<Item = io::Result<Bytes>>> Body for Streamed<S> {
    type Data = Bytes;
    type Error = SourceFailed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, SourceFailed>>> {
        let stream = self.stream.get_mut().unwrap_or_else(PoisonError::into_inner);
        match std::task::ready!(stream.as_mut().poll_next(context)) {
            Some(Ok(chunk)) => {
                self.left = self.left.saturating_sub(chunk.len() as u64);
                Poll::Ready(Some(Ok(Frame::data(chunk))))
            }
            Some(Err(error)) => Poll::Ready(Some(Err(SourceFailed(error)))),
            None if self.left > 0 => {
                let early = io::Error::new(io::ErrorKind::UnexpectedEof, "it ended early");
                self.left = 0;
                Poll::Ready(Some(Err(SourceFailed(early))))
            }
            None => Poll::Ready(None),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }
}
