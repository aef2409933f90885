//! Wire types of the IC's HTTP gateway protocol, and of the tokens for private assets.
//!
//! Source: <https://internetcomputer.org/docs/references/http-gateway-protocol-spec>.

use candid::CandidType;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// A header: name, value.
pub type HeaderField = (String, String);

/// A request as the gateway passes it on.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// `GET`, `HEAD`, …
    pub method: String,
    /// Path and query.
    pub url: String,
    /// Headers.
    pub headers: Vec<HeaderField>,
    /// Body.
    pub body: ByteBuf,
    /// Newest certification version that the gateway understands.
    pub certificate_version: Option<u16>,
}

/// The answer.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct HttpResponse {
    /// HTTP status.
    pub status_code: u16,
    /// Headers.
    pub headers: Vec<HeaderField>,
    /// Body; a large asset comes as 206 parts.
    pub body: ByteBuf,
    /// Ask again by an update call of `http_request_update`: this answer is not certified.
    pub upgrade: Option<bool>,
}

/// One request of `mint_http_tokens_bulk`: as the arguments of `mint_http_token`.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct TokenRequest {
    /// The memory.
    pub memory_id: String,
    /// Asset kinds in lower case: `original`, `display`, `thumbnail`, `placeholder`.
    pub variants: Vec<String>,
    /// Single assets by id; null with no variants means all assets.
    pub asset_ids: Option<Vec<String>>,
}

/// One token of `mint_http_tokens_bulk`.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct MintedToken {
    /// The memory.
    pub memory_id: String,
    /// For `?token=`; null where the caller may not read the memory.
    pub token: Option<String>,
}
