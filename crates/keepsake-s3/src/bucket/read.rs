//! Bytes of objects: as a stream for whoever passes them on, and hashed to know what is there.

use super::Bucket;
use super::ask::Ask;
use super::object::text;
use crate::error::Error;
use crate::key::Key;
use bytes::Bytes;
use futures_core::Stream;
use futures_util::stream;
use reqwest::StatusCode;
use rusty_s3::Method;
use sha2::{Digest, Sha256};
use std::ops::Range;

/// Bytes of an object, on their way.
#[derive(Debug)]
pub struct Reading {
    /// Which bytes of the object these are.
    pub range: Range<u64>,
    /// How many the object has.
    pub total: u64,
    /// As it was written.
    pub content_type: Option<String>,
    /// Says whether it changed; with its quotes.
    pub etag: Option<String>,
    bucket: Bucket,
    response: reqwest::Response,
    left: u64,
}

/// What the bytes of an object are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hashed {
    /// In bytes.
    pub len: u64,
    /// Of all of them, reckoned here.
    pub sha256: [u8; 32],
}

impl Bucket {
    /// Opens the bytes of an object, or the `range` of them. A connection that breaks later is an error of the stream, not
    /// tried again: whoever reads knows how far it came.
    ///
    /// # Errors
    /// [`Error::NoObject`]; [`Error::Range`] where it has no such bytes.
    pub async fn get(&self, key: &Key, range: Option<Range<u64>>) -> Result<Reading, Error> {
        self.get_version(key, None, range).await
    }

    /// The same of one writing of it, where the bucket keeps versions: another one that came later is never read.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn get_version(
        &self,
        key: &Key,
        version: Option<&str>,
        range: Option<Range<u64>>,
    ) -> Result<Reading, Error> {
        self.get_if(key, version, range, None).await
    }

    async fn get_if(
        &self,
        key: &Key,
        version: Option<&str>,
        range: Option<Range<u64>>,
        etag: Option<&str>,
    ) -> Result<Reading, Error> {
        let action = if version.is_some() { "s3:GetObjectVersion" } else { "s3:GetObject" };
        let mut ask = Ask::new(action, Method::Get, Some(key));
        if let Some(version) = version {
            ask = ask.query("versionId", version);
        }
        if let Some(range) = &range {
            if range.is_empty() {
                return Err(Error::Range);
            }
            ask = ask.header("range", format!("bytes={}-{}", range.start, range.end - 1));
        }
        if let Some(etag) = etag {
            ask = ask.header("if-match", etag);
        }
        let response = self.response(&ask).await?;
        Reading::of(self.clone(), response, range)
    }

    /// Reads all of an object once and hashes it, a chunk at a time. `progress` is told how many bytes are done. Where the
    /// connection breaks it goes on from there, as long as the object is the same.
    ///
    /// # Errors
    /// When it is not there, or changed meanwhile ([`Error::Exists`]), or cannot be read.
    pub async fn hash(&self, key: &Key, progress: impl FnMut(u64)) -> Result<Hashed, Error> {
        self.hash_version(key, None, progress).await
    }

    /// The same of one writing of it, where the bucket keeps versions.
    ///
    /// # Errors
    /// As [`hash`](Self::hash).
    pub async fn hash_version(
        &self,
        key: &Key,
        version: Option<&str>,
        mut progress: impl FnMut(u64),
    ) -> Result<Hashed, Error> {
        let mut reading = self.get_version(key, version, None).await?;
        let (total, etag) = (reading.total, reading.etag.clone());
        let (mut sha256, mut done, mut tried) = (Sha256::new(), 0_u64, 1);
        while done < total {
            match reading.chunk().await {
                Ok(Some(chunk)) => {
                    sha256.update(&chunk);
                    done += chunk.len() as u64;
                    tried = 1;
                    progress(done);
                }
                Ok(None) => return Err(Error::answer("the object ended early")),
                Err(error) => {
                    self.pause(super::ask::Failed { error, wait: None }, &mut tried).await?;
                    reading = self.get_if(key, version, Some(done..total), etag.as_deref()).await?;
                    if reading.total != total {
                        return Err(Error::Exists { key: key.to_string() });
                    }
                }
            }
        }
        Ok(Hashed { len: total, sha256: sha256.finalize().into() })
    }
}

impl Reading {
    fn of(bucket: Bucket, response: reqwest::Response, asked: Option<Range<u64>>) -> Result<Self, Error> {
        let headers = response.headers();
        let len: Option<u64> = text(headers, "content-length").and_then(|len| len.parse().ok());
        let said = text(headers, "content-range");
        // One server says 200 to a range that it keeps to.
        let (range, total) = match (&asked, said.as_deref().and_then(content_range)) {
            (_, Some(said)) => said,
            (None, None) => {
                let len = len.ok_or_else(|| Error::answer("it tells no length"))?;
                (0..len, len)
            }
            (Some(_), None) => return Err(Error::answer("it is no range, though one was asked for")),
        };
        if asked.is_some_and(|asked| range != (asked.start..asked.end.min(total))) {
            return Err(Error::answer("it is another range than was asked for"));
        }
        if response.status() == StatusCode::NO_CONTENT {
            return Err(Error::answer("it has no content"));
        }
        let left = range.end - range.start;
        let (content_type, etag) = (text(headers, "content-type"), text(headers, "etag"));
        Ok(Self { range, total, content_type, etag, bucket, response, left })
    }

    /// The next bytes; none after the last.
    ///
    /// # Errors
    /// When the connection breaks or stalls, or ends before all bytes came.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let stall = self.bucket.retry.stall;
        let chunk = self.bucket.within(stall, self.response.chunk()).await.map_err(|failed| failed.error)?;
        let Some(chunk) = chunk else {
            let early = Error::Away { why: format!("the object ended {} bytes early", self.left) };
            return if self.left == 0 { Ok(None) } else { Err(early) };
        };
        self.left = self
            .left
            .checked_sub(chunk.len() as u64)
            .ok_or_else(|| Error::answer("the object is longer than was said"))?;
        Ok(Some(chunk))
    }

    /// All chunks. The stream ends after an error.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static {
        stream::unfold(Some(self), |reading| async {
            let mut reading = reading?;
            match reading.chunk().await {
                Ok(Some(chunk)) => Some((Ok(chunk), Some(reading))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        })
    }
}

/// `bytes 0-4/10` ([RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#field.content-range)).
fn content_range(text: &str) -> Option<(Range<u64>, u64)> {
    let (span, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = span.split_once('-')?;
    let (first, end): (u64, u64) = (first.parse().ok()?, last.parse::<u64>().ok()?.checked_add(1)?);
    let total = total.parse().ok()?;
    (first < end && end <= total).then_some((first..end, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_and_has_to_make_sense() {
        assert_eq!(content_range("bytes 2-4/10"), Some((2..5, 10)));
        for odd in ["bytes 4-2/10", "bytes 2-10/10", "bytes */10", "2-4/10", "bytes 2-4/*", ""] {
            assert_eq!(content_range(odd), None, "{odd}");
        }
        assert_eq!(content_range(&format!("bytes 0-{}/{}", u64::MAX, u64::MAX)), None);
    }
}
