//! Objects in parts: begun, looked at, completed, aborted.

use super::Bucket;
use super::ask::{Ask, Payload};
use super::object::{Head, sha256_of};
use crate::error::Error;
use crate::key::Key;
use crate::signer::sound_type;
use crate::xml;
use data_encoding::BASE64;
use rusty_s3::Method;
use std::time::Duration;

/// S3 puts large objects together while one waits.
const COMPLETE_WITHIN: Duration = Duration::from_secs(600);
/// Parts that were on their way when an upload was aborted may need another abort.
const ABORTS_MAX: usize = 5;
/// More pages of parts than an upload can have: the server goes in circles.
const PAGES_MAX: usize = 1_000;

/// A part that the server has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// From 1.
    pub number: u16,
    /// In bytes.
    pub len: u64,
    /// As the server gave it.
    pub etag: String,
    /// Where the server tells it, or where the caller had it signed.
    pub sha256: Option<[u8; 32]>,
}

/// An object that was put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completed {
    /// What the server says of it afterwards.
    pub head: Head,
    /// Whether an earlier call had done it, so that this one found no upload.
    pub was_done: bool,
}

impl Bucket {
    /// Begins an object in parts. Where the reply is lost, this begins a second one: the first is found by
    /// [`list_multipart`](Self::list_multipart), and ends by the rule for unfinished uploads.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn create_multipart(&self, key: &Key, content_type: &str) -> Result<String, Error> {
        let mut ask = Ask::new("s3:PutObject", Method::Post, Some(key))
            .query("uploads", "")
            .header("content-type", sound_type(content_type));
        if self.signer.abilities().part_checksums {
            ask = ask.header("x-amz-checksum-algorithm", "SHA256");
        }
        let answered = self.read(&ask).await?;
        xml::Answer::read(&answered.text)?.root().needed("UploadId")
    }

    /// All parts that have come, in order.
    ///
    /// # Errors
    /// [`Error::NoUpload`] where it is over.
    pub async fn list_parts(&self, key: &Key, upload_id: &str) -> Result<Vec<Part>, Error> {
        let mut parts: Vec<Part> = Vec::new();
        for _ in 0..PAGES_MAX {
            let mut ask =
                Ask::new("s3:ListMultipartUploadParts", Method::Get, Some(key)).query("uploadId", upload_id);
            if let Some(last) = parts.last() {
                ask = ask.query("part-number-marker", last.number.to_string());
            }
            let answered = self.read(&ask).await?;
            let more = read_parts(&answered.text, &mut parts)?;
            if !more {
                return Ok(parts);
            }
        }
        Err(Error::answer("its pages of parts do not end"))
    }

    /// Puts an object together from these parts, which have to be all of it, in order. It must not be there yet. An upload
    /// that is not there any more may be complete, by a call whose reply was lost: then what is there decides, by its length.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where a part is not there or not as named; [`Error::NoUpload`] where it is over and no such object is there.
    pub async fn complete(&self, key: &Key, upload_id: &str, parts: &[Part]) -> Result<Completed, Error> {
        let mut ask = Ask::new("s3:PutObject", Method::Post, Some(key))
            .query("uploadId", upload_id)
            .header("content-type", "application/xml");
        if self.signer.abilities().if_none_match {
            ask = ask.header("if-none-match", "*");
        }
        ask.body = Payload::Bytes(completion(parts).into());
        ask.thinks = COMPLETE_WITHIN;
        let len: u64 = parts.iter().map(|part| part.len).sum();
        match self.read(&ask).await {
            Ok(answered) => {
                let name = xml::Answer::read(&answered.text)?.name().to_owned();
                if name != "CompleteMultipartUploadResult" {
                    return Err(Error::answer(format!("it is <{name}>, no completion")));
                }
                let head = self.head(key).await?;
                let shorter = || Error::Corrupt { code: format!("{} bytes of {len}", head.len) };
                if head.len == len { Ok(Completed { head, was_done: false }) } else { Err(shorter()) }
            }
            Err(error @ (Error::NoUpload | Error::Exists { .. })) => {
                self.was_completed(key, upload_id, len, error).await
            }
            Err(error) => Err(error),
        }
    }

    /// Whether an earlier call put it together: the upload is over, and an object of this length is there. Otherwise `error` holds.
    async fn was_completed(
        &self,
        key: &Key,
        upload_id: &str,
        len: u64,
        error: Error,
    ) -> Result<Completed, Error> {
        match self.list_parts(key, upload_id).await {
            Err(Error::NoUpload | Error::NoObject { .. }) => {}
            Ok(_) => return Err(error),
            Err(other) => return Err(other),
        }
        match self.head(key).await {
            Ok(head) if head.len == len => Ok(Completed { head, was_done: true }),
            Ok(_) | Err(Error::NoObject { .. }) => Err(error),
            Err(other) => Err(other),
        }
    }

    /// Ends an upload and gives its room back, and sees that it has; fine where it was over.
    ///
    /// # Errors
    /// When it is refused, or when parts are still there.
    pub async fn abort(&self, key: &Key, upload_id: &str) -> Result<(), Error> {
        let ask = Ask::new("s3:AbortMultipartUpload", Method::Delete, Some(key)).query("uploadId", upload_id);
        for _ in 0..ABORTS_MAX {
            match self.read(&ask).await {
                Ok(_) | Err(Error::NoUpload | Error::NoObject { .. }) => {}
                Err(error) => return Err(error),
            }
            match self.list_parts(key, upload_id).await {
                Err(Error::NoUpload | Error::NoObject { .. }) => return Ok(()),
                Ok(_) => tokio::time::sleep(self.retry.first).await,
                Err(error) => return Err(error),
            }
        }
        Err(Error::StillThere { what: format!("an upload in parts of {key}") })
    }
}

/// Adds a page; whether more follow.
fn read_parts(text: &str, parts: &mut Vec<Part>) -> Result<bool, Error> {
    let answer = xml::Answer::read(text)?;
    let root = answer.root();
    let before = parts.len();
    for part in root.all("Part") {
        let part = Part {
            number: part.number("PartNumber")?,
            len: part.number("Size")?,
            etag: part.needed("ETag")?,
            sha256: part.text("ChecksumSHA256").and_then(sha256_of),
        };
        if parts.last().is_some_and(|last| last.number >= part.number) {
            return Err(Error::answer("its parts are out of order"));
        }
        parts.push(part);
    }
    Ok(root.is_true("IsTruncated") && parts.len() > before)
}

fn completion(parts: &[Part]) -> String {
    let mut body =
        String::from("<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for part in parts {
        body.push_str("<Part>");
        xml::put(&mut body, "PartNumber", &part.number.to_string());
        xml::put(&mut body, "ETag", &part.etag);
        if let Some(sha256) = &part.sha256 {
            xml::put(&mut body, "ChecksumSHA256", &BASE64.encode(sha256));
        }
        body.push_str("</Part>");
    }
    body.push_str("</CompleteMultipartUpload>");
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(numbers: &[u16], truncated: bool) -> String {
        let part = |number| {
            format!("<Part><PartNumber>{number}</PartNumber><ETag>\"e\"</ETag><Size>3</Size></Part>")
        };
        let parts: String = numbers.iter().map(part).collect();
        format!("<ListPartsResult><IsTruncated>{truncated}</IsTruncated>{parts}</ListPartsResult>")
    }

    #[test]
    fn pages_of_parts_add_up_and_may_not_go_in_circles() {
        let mut parts = Vec::new();
        assert!(read_parts(&page(&[1, 3], true), &mut parts).unwrap());
        assert!(!read_parts(&page(&[4], false), &mut parts).unwrap());
        assert_eq!(parts.iter().map(|part| part.number).collect::<Vec<_>>(), [1, 3, 4]);
        assert!(!read_parts(&page(&[], true), &mut parts).unwrap(), "an empty page is the last");
        assert!(read_parts(&page(&[1], true), &mut parts).is_err());
    }

    #[test]
    fn a_completion_names_hashes_where_they_are_known() {
        let part = |number, sha256| Part { number, len: 3, etag: "\"e\"".into(), sha256 };
        let body = completion(&[part(1, Some([1; 32])), part(2, None)]);
        let answer = xml::Answer::read(&body).unwrap();
        let parts: Vec<_> = answer.root().all("Part").collect();
        assert_eq!(parts[0].text("ChecksumSHA256"), Some(BASE64.encode(&[1; 32]).as_str()));
        assert_eq!((parts[1].text("PartNumber"), parts[1].text("ETag")), (Some("2"), Some("\"e\"")));
        assert!(parts[1].one("ChecksumSHA256").is_none());
    }
}
