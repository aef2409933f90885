//! Whole objects: what the server says of one, and its removal.

use super::Bucket;
use super::ask::Ask;
use crate::error::Error;
use crate::key::Key;
use data_encoding::BASE64;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap};
use rusty_s3::Method;

/// Without the second, S3 says of what is not there that it is forbidden
/// ([HeadObject](https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html)).
const READ: &str = "s3:GetObject (and s3:ListBucket, without which what is not there looks forbidden)";

/// What the server says of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// In bytes.
    pub len: u64,
    /// Of all bytes, as the server reckoned it when it took them. None where it keeps none, or where it is made of the
    /// hashes of parts.
    pub sha256: Option<[u8; 32]>,
    /// As it was written.
    pub content_type: Option<String>,
    /// Names this very writing of it, where the bucket keeps versions.
    pub version_id: Option<String>,
    /// Says whether it changed; with its quotes.
    pub etag: Option<String>,
}

impl Bucket {
    /// What the server says of an object, now.
    ///
    /// # Errors
    /// [`Error::NoObject`] where there is none.
    pub async fn head(&self, key: &Key) -> Result<Head, Error> {
        self.head_version(key, None).await
    }

    /// The same of one writing of it, where the bucket keeps versions.
    ///
    /// # Errors
    /// As [`head`](Self::head).
    pub async fn head_version(&self, key: &Key, version: Option<&str>) -> Result<Head, Error> {
        let mut ask = Ask::new(READ, Method::Head, Some(key)).header("x-amz-checksum-mode", "ENABLED");
        if let Some(version) = version {
            ask = ask.query("versionId", version);
        }
        let response = self.response(&ask).await?;
        Head::read(response.headers())
    }

    /// Removes an object, and sees that it is gone; fine where it was not there. Where the bucket keeps versions, only
    /// the `version` that is named gives its room back.
    ///
    /// # Errors
    /// When it cannot be removed, or is still there.
    pub async fn delete(&self, key: &Key, version: Option<&str>) -> Result<(), Error> {
        let mut ask = Ask::new("s3:DeleteObject", Method::Delete, Some(key));
        if let Some(version) = version {
            ask = ask.query("versionId", version);
        }
        match self.read(&ask).await {
            Ok(_) | Err(Error::NoObject { .. }) => {}
            Err(error) => return Err(error),
        }
        match self.head_version(key, version).await {
            Err(Error::NoObject { .. }) => Ok(()),
            Ok(_) => Err(Error::StillThere { what: format!("object {key}") }),
            Err(error) => Err(error),
        }
    }
}

impl Head {
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, Error> {
        let len = text(headers, CONTENT_LENGTH.as_str()).and_then(|len| len.parse().ok());
        Ok(Self {
            len: len.ok_or_else(|| Error::answer("it tells no length"))?,
            sha256: whole_sha256(headers),
            content_type: text(headers, CONTENT_TYPE.as_str()),
            version_id: text(headers, "x-amz-version-id").filter(|version| version != "null"),
            etag: text(headers, ETAG.as_str()),
        })
    }
}

/// Some servers do not say of what the hash is; those made of the hashes of parts end in `-` and their number
/// ([S3](https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html)).
fn whole_sha256(headers: &HeaderMap) -> Option<[u8; 32]> {
    let kind = text(headers, "x-amz-checksum-type");
    let sum = text(headers, "x-amz-checksum-sha256")?;
    kind.is_none_or(|kind| kind == "FULL_OBJECT").then(|| sha256_of(&sum)).flatten()
}

/// From base64.
pub(super) fn sha256_of(text: &str) -> Option<[u8; 32]> {
    BASE64.decode(text.as_bytes()).ok()?.try_into().ok()
}

pub(super) fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(more: &[(&'static str, &str)]) -> Head {
        let mut headers = HeaderMap::from_iter([(CONTENT_LENGTH, "7".parse().unwrap())]);
        for (name, value) in more {
            headers.insert(*name, value.parse().unwrap());
        }
        Head::read(&headers).unwrap()
    }

    #[test]
    fn only_a_hash_of_the_whole_object_counts() {
        let sum = BASE64.encode(&[5; 32]);
        let whole = [("x-amz-checksum-sha256", sum.as_str()), ("x-amz-checksum-type", "FULL_OBJECT")];
        assert_eq!(read(&whole).sha256, Some([5; 32]));
        assert_eq!(read(&whole[..1]).sha256, Some([5; 32]));
        assert_eq!(read(&[whole[0], ("x-amz-checksum-type", "COMPOSITE")]).sha256, None);
        let composite = format!("{sum}-3");
        assert_eq!(read(&[("x-amz-checksum-sha256", &composite), whole[1]]).sha256, None);
        assert_eq!(read(&[("x-amz-checksum-sha256", &composite)]).sha256, None);
    }

    #[test]
    fn an_answer_without_a_length_is_none() {
        assert!(Head::read(&HeaderMap::new()).is_err());
        assert_eq!(read(&[("x-amz-version-id", "null")]).version_id, None);
        assert_eq!(read(&[("x-amz-version-id", "v1")]).version_id.as_deref(), Some("v1"));
    }
}
