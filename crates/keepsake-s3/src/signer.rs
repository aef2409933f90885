//! Signs requests for others to send: pure, time comes in. Owns what is signed, and how long it holds.
//!
//! All is [AWS Signature Version 4](https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html) in the query.
//! A checksum is a signed *header*: servers pass over one in the query. What clients send names the public address, as the
//! host's name is part of what is signed; what the host itself sends names the inner one.

use crate::credentials::Credentials;
use crate::key::Key;
use crate::options::{Options, OptionsError};
use data_encoding::BASE64;
use jiff::Timestamp;
use rusty_s3::Method;
use std::collections::BTreeMap;
use std::fmt;
use url::Url;

/// No request to write holds longer: whoever has it may use it until then.
pub const WRITE_LIFE_S_MAX: u64 = 3600;
/// A request to read holds so long from the beginning of its window.
pub const READ_LIFE_S: u64 = 300;
/// Requests to read that are signed within one window are the same, so that browsers cache what they name. The rest of the life
/// is what the last of them still has.
pub const READ_WINDOW_S: u64 = 240;
/// What the host sends itself, which may wait for its turn.
const OWN_LIFE_S: u64 = 900;
const ANY_TYPE: &str = "application/octet-stream";

/// What the server does with what is signed, as the canary found. A checksum that it does not compare would be refused or,
/// worse, kept unseen: then what came is read and hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// It compares the SHA-256 of an object in one PUT.
    pub whole_checksums: bool,
    /// It compares the SHA-256 of parts.
    pub part_checksums: bool,
    /// It takes `If-None-Match: *`; a few refuse any request that has it.
    pub if_none_match: bool,
}

impl Abilities {
    /// As AWS has them.
    pub const ALL: Self = Self { whole_checksums: true, part_checksums: true, if_none_match: true };
    /// What every server can.
    pub const NONE: Self = Self { whole_checksums: false, part_checksums: false, if_none_match: false };
}

/// What a body will be, to the bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// In bytes.
    pub len: u64,
    /// Of all bytes.
    pub sha256: [u8; 32],
    /// For servers that compare no SHA-256.
    pub md5: Option<[u8; 16]>,
}

/// What the answer to a read says of itself, whatever was said when the object was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Content-Disposition`.
    pub content_disposition: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// Which writing of it, where the bucket keeps versions: else whatever is there by then.
    pub version: Option<String>,
}

/// What can be asked of an object by whoever has the URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadMethod {
    /// Its bytes.
    Get,
    /// Its headers: a signature for one is none for the other.
    Head,
}

/// A request that whoever has it may send until it expires.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedRequest {
    /// Such as `PUT`.
    pub method: &'static str,
    /// With the signature in its query.
    pub url: Url,
    /// All of them are signed: to be sent as they are. (Browsers send `content-length` themselves.)
    pub headers: Vec<(&'static str, String)>,
    /// Since 1970, by the clock that was given.
    pub expires_at_s: u64,
}

impl fmt::Debug for SignedRequest {
    /// Without the signature, which is as good as a key until it expires.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SignedRequest")
            .field("method", &self.method)
            .field("path", &self.url.path())
            .field("expires_at_s", &self.expires_at_s)
            .finish_non_exhaustive()
    }
}

/// Signs requests for one bucket.
#[derive(Clone)]
pub struct Signer {
    inner: rusty_s3::Bucket,
    outer: rusty_s3::Bucket,
    /// With its `/`, or nothing.
    prefix: String,
    pub(crate) credentials: Credentials,
    abilities: Abilities,
}

impl fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Signer")
            .field("bucket", &self.inner.base_url().as_str())
            .field("prefix", &self.prefix)
            .field("abilities", &self.abilities)
            .finish_non_exhaustive()
    }
}

impl Signer {
    /// For the bucket that `options` name. It takes the server to heed all, until told otherwise.
    ///
    /// # Errors
    /// When an option is wrong.
    pub fn new(options: &Options, credentials: Credentials) -> Result<Self, OptionsError> {
        let (inner, outer) = options.bases()?;
        let prefix = if options.prefix.is_empty() { String::new() } else { format!("{}/", options.prefix) };
        Ok(Self { inner, outer, prefix, credentials, abilities: Abilities::ALL })
    }

    /// Signs what the server is known to heed.
    #[must_use]
    pub fn with_abilities(self, abilities: Abilities) -> Self {
        Self { abilities, ..self }
    }

    /// What it is taken to heed.
    pub fn abilities(&self) -> Abilities {
        self.abilities
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        self.inner.name()
    }

    /// The region that signatures name.
    pub fn region(&self) -> &str {
        self.inner.region()
    }

    /// What all keys begin with: a name and `/`, or nothing.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The scheme, host and port of presigned URLs: what a page's policy has to allow.
    pub fn public_origin(&self) -> String {
        self.outer.base_url().origin().ascii_serialization()
    }

    /// One PUT of a whole object that is not there yet. Its length, its type and, where the server compares it, its SHA-256
    /// are part of the signature, so it writes these bytes or none, and it writes once.
    pub fn sign_put(
        &self,
        key: &Key,
        content: &Content,
        content_type: &str,
        at_s: u64,
        life_s: u64,
    ) -> SignedRequest {
        let mut headers = body_headers(content, self.abilities.whole_checksums);
        headers.insert("content-type", sound_type(content_type).to_owned());
        if self.abilities.if_none_match {
            headers.insert("if-none-match", "*".to_owned());
        }
        self.signed(Method::Put, key, &BTreeMap::new(), headers, at_s, write_life(life_s))
    }

    /// One part of an object in parts.
    pub fn sign_part(
        &self,
        key: &Key,
        upload_id: &str,
        number: u16,
        content: &Content,
        at_s: u64,
        life_s: u64,
    ) -> SignedRequest {
        let query = BTreeMap::from([("partNumber", number.to_string()), ("uploadId", upload_id.to_owned())]);
        let headers = body_headers(content, self.abilities.part_checksums);
        self.signed(Method::Put, key, &query, headers, at_s, write_life(life_s))
    }

    /// A read. It is the same URL for all of a window ([`READ_WINDOW_S`]), holds at most [`READ_LIFE_S`] and at least
    /// a minute from `at_s`.
    pub fn sign_get(&self, key: &Key, method: ReadMethod, shown: &Shown, at_s: u64) -> SignedRequest {
        let mut query = BTreeMap::new();
        let overrides = [
            ("response-cache-control", &shown.cache_control),
            ("response-content-disposition", &shown.content_disposition),
            ("response-content-type", &shown.content_type),
            ("versionId", &shown.version),
        ];
        for (name, value) in overrides {
            if let Some(value) = value {
                query.insert(name, value.clone());
            }
        }
        let method = match method {
            ReadMethod::Get => Method::Get,
            ReadMethod::Head => Method::Head,
        };
        let begin = at_s - at_s % READ_WINDOW_S;
        self.signed(method, key, &query, BTreeMap::new(), begin, READ_LIFE_S)
    }

    fn signed(
        &self,
        method: Method,
        key: &Key,
        query: &BTreeMap<&'static str, String>,
        headers: BTreeMap<&'static str, String>,
        at_s: u64,
        life_s: u64,
    ) -> SignedRequest {
        let url = self.outer.object_url(&self.full(key));
        let url = self.sign(url, method, query, &headers, at_s, life_s);
        let headers = headers.into_iter().collect();
        SignedRequest { method: method.to_str(), url, headers, expires_at_s: at_s.saturating_add(life_s) }
    }

    /// What the host itself sends; to the bucket where there is no key. It lets the server say anything of checksums.
    pub(crate) fn sign_own(
        &self,
        method: Method,
        key: Option<&Key>,
        query: &BTreeMap<&'static str, String>,
        headers: &BTreeMap<&'static str, String>,
        at_s: u64,
    ) -> Url {
        self.sign(self.unsigned(key), method, query, headers, at_s, OWN_LIFE_S)
    }

    /// The same address, as anybody may ask.
    pub(crate) fn unsigned(&self, key: Option<&Key>) -> Url {
        key.map_or_else(|| self.inner.base_url().clone(), |key| self.inner.object_url(&self.full(key)))
    }

    /// The public address without a signature.
    pub(crate) fn unsigned_public(&self, key: Option<&Key>) -> Url {
        key.map_or_else(|| self.outer.base_url().clone(), |key| self.outer.object_url(&self.full(key)))
    }

    fn full(&self, key: &Key) -> String {
        format!("{}{key}", self.prefix)
    }

    fn sign(
        &self,
        url: Url,
        method: Method,
        query: &BTreeMap<&'static str, String>,
        headers: &BTreeMap<&'static str, String>,
        at_s: u64,
        life_s: u64,
    ) -> Url {
        rusty_s3::signing::sign(
            &timestamp(at_s),
            method,
            url,
            &self.credentials.access_key,
            &self.credentials.secret_key,
            self.credentials.session_token.as_ref().map(|token| token.as_str()),
            self.inner.region(),
            life_s,
            query.iter().map(|(name, value)| (*name, value.as_str())),
            headers.iter().map(|(name, value)| (*name, value.as_str())),
        )
    }
}

/// The headers that pin a body. With a SHA-256 that is compared, MD5 adds nothing.
pub(crate) fn body_headers(content: &Content, sha256: bool) -> BTreeMap<&'static str, String> {
    let mut headers = BTreeMap::from([("content-length", content.len.to_string())]);
    if sha256 {
        headers.insert("x-amz-checksum-sha256", BASE64.encode(&content.sha256));
    } else if let Some(md5) = content.md5 {
        headers.insert("content-md5", BASE64.encode(&md5));
    }
    headers
}

/// A type that every client can send as it was signed.
pub(crate) fn sound_type(content_type: &str) -> &str {
    let plain = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    let spaced = content_type.starts_with(' ') || content_type.ends_with(' ') || content_type.contains("  ");
    let is_sound = !content_type.is_empty() && content_type.len() <= 255 && content_type.bytes().all(plain);
    if is_sound && !spaced { content_type } else { ANY_TYPE }
}

fn write_life(life_s: u64) -> u64 {
    life_s.clamp(1, WRITE_LIFE_S_MAX)
}

/// A clock beyond the year 9999 signs for the end of it, which no server takes.
fn timestamp(at_s: u64) -> Timestamp {
    i64::try_from(at_s).ok().and_then(|at| Timestamp::from_second(at).ok()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
