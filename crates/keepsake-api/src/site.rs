//! Wire types of the site: the files of a web app that a host shows to browsers.

use candid::CandidType;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// A file of the site to be.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct SiteFileInput {
    /// Below the root, as `index.html` or `assets/main.js`; at most 256 bytes.
    pub path: String,
    /// A blob of the caller's that no memory refers to, or one of the present site; at most 2,000,000 bytes.
    pub blob_id: String,
    /// As it is to be sent.
    pub mime_type: String,
}

/// A file of the site.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct SiteFile {
    /// Below the root.
    pub path: String,
    /// `blob_` + decimal number.
    pub blob_id: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256, 32 bytes.
    pub sha256: ByteBuf,
    /// As it is sent.
    pub mime_type: String,
}
