//! What the IC HTTPS interface answers to a request that it does not take: one enum, one status, one text each.
//!
//! Rejections by the service are no errors here: they travel in signed replies.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use candid::Principal;

use super::certifier::CertifyError;
use crate::engine::EngineError;

/// A request that is answered with an HTTP error status.
///
/// Source: [HTTPS interface](https://internetcomputer.org/docs/references/ic-interface-spec#http-interface).
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The body is not the envelope of this endpoint.
    #[error("Could not parse body as {expected} message: {detail}")]
    Malformed {
        /// `call`, `query` or `read_state`.
        expected: &'static str,
        /// What is wrong.
        detail: String,
    },
    /// The principal in the URL does not parse.
    #[error("The id in the URL is not the text of a principal: {0}")]
    BadPrincipal(String),
    /// The effective canister id in the URL is not the one in the message.
    #[error("Specified CanisterId {in_message} does not match effective canister id in URL {in_url}")]
    EffectiveCanisterId {
        /// In the content.
        in_message: Principal,
        /// In the URL.
        in_url: Principal,
    },
    /// Who sent it, or until when it holds, is not proven.
    #[error("Failed to authenticate request {request_id} due to: {source}")]
    Authentication {
        /// Lower-case hexadecimal with `0x`.
        request_id: String,
        /// Which rule it breaks.
        source: AuthenticationError,
    },
    /// A path or sender that may not see what it asks for.
    #[error("{0}")]
    Forbidden(&'static str),
    /// Not a path of the state tree that can be read.
    #[error("Invalid path requested: {0}")]
    BadPath(String),
    /// Too many paths, or one that is too long.
    #[error("Invalid paths: {0}")]
    BadPaths(String),
    /// The subnet in the URL is not this one.
    #[error("Subnet {asked} is not here: this node is the only one of subnet {here}")]
    OtherSubnet {
        /// In the URL.
        asked: Principal,
        /// This node's subnet.
        here: Principal,
    },
    /// The body is larger than the limit.
    #[error("The request body is larger than the {limit_bytes} bytes allowed: send smaller chunks")]
    TooLarge {
        /// Limit, bytes.
        limit_bytes: usize,
    },
    /// The client did not send its body fast enough.
    #[error(
        "The request body came too slowly: send at least {bytes_per_s_min} bytes a second without a pause of \
         {pause_s_max} s; with fewer requests at once, each is faster"
    )]
    Timeout {
        /// Least average rate, bytes per second.
        bytes_per_s_min: usize,
        /// Longest pause, seconds.
        pause_s_max: u64,
    },
    /// The connection broke inside the body.
    #[error("The request body could not be read: {0}")]
    Body(String),
    /// No room for more requests now.
    #[error("The node is overloaded: try again later")]
    Overloaded,
    /// The engine failed.
    #[error("The node could not process the request: {0}")]
    Engine(#[from] EngineError),
    /// The certifier is gone.
    #[error(transparent)]
    Certify(#[from] CertifyError),
    /// A worker thread panicked.
    #[error("The node failed while processing the request: see its log")]
    Worker,
}

/// Why a sender is not believed. Texts follow the IC's, because agents match on them.
///
/// Source: [authentication](https://internetcomputer.org/docs/references/ic-interface-spec#authentication).
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticationError {
    /// Expired, or valid for longer than allowed.
    #[error(
        "Invalid request expiry: Specified ingress_expiry not within expected range: \
         Minimum allowed expiry: {min_ns}, Maximum allowed expiry: {max_ns}, Provided expiry: {provided_ns} \
         (nanoseconds since 1970-01-01)"
    )]
    IngressExpiry {
        /// Earliest, ns since 1970.
        min_ns: u64,
        /// Latest, ns since 1970.
        max_ns: u64,
        /// The request's, ns since 1970.
        provided_ns: u64,
    },
    /// More than 32 bytes of nonce.
    #[error("Nonce too big: {0} bytes, at most 32 are allowed")]
    NonceTooBig(usize),
    /// A named sender without key or signature.
    #[error("Missing signature from user: {0}")]
    MissingSignature(Principal),
    /// The anonymous sender with a key, a signature or delegations.
    #[error("Signature is not allowed for the anonymous user")]
    AnonymousSignature,
    /// The sender is not the self-authenticating principal of the key.
    #[error("The user id {sender} does not match the public key {public_key}")]
    SenderMismatch {
        /// Claimed sender.
        sender: Principal,
        /// Hexadecimal DER.
        public_key: String,
    },
    /// The request's signature.
    #[error("Invalid signature: {0}")]
    Signature(#[source] SignatureError),
    /// A delegation's signature or key.
    #[error("Invalid delegation: {0}")]
    Delegation(#[source] SignatureError),
    /// More than 20 delegations.
    #[error("Invalid delegation: Chain of {0} delegations, at most 20 are allowed")]
    ChainTooLong(usize),
    /// A key that appears twice in the chain.
    #[error("Invalid delegation: Chain of delegations contains at least one cycle: key {0} appears again")]
    Cycle(String),
    /// More than 1000 targets.
    #[error("Invalid delegation: {0} targets, at most 1000 are allowed")]
    TooManyTargets(usize),
    /// A delegation in the past.
    #[error(
        "Invalid delegation expiry: Specified sender delegation has expired: Provided expiry: {expiry_ns}, Local time: {now_ns}"
    )]
    DelegationExpired {
        /// The delegation's, ns since 1970.
        expiry_ns: u64,
        /// This node's clock, ns since 1970.
        now_ns: u64,
    },
    /// The canister is not among the targets.
    #[error("Canister {0} is not one of the delegation targets")]
    NotATarget(Principal),
    /// A delegation for queries used for a call.
    #[error("Invalid delegation: it permits queries only, this is an update call")]
    QueriesOnly,
    /// Certified sender information, which needs canister signatures.
    #[error("sender_info is not supported by this node: send the request without it")]
    SenderInfo,
}

/// Why a key or signature does not verify.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The key is of a kind that this node does not know.
    #[error("Unsupported public key: use Ed25519, ECDSA on secp256k1 or P-256, or WebAuthn with P-256")]
    UnsupportedKey,
    /// A canister signature: no canister on this node signs.
    #[error("Canister signatures cannot be verified here: no canister of this node's root key makes any")]
    CanisterSignature,
    /// The key does not parse.
    #[error("Invalid public key: {0}")]
    BadKey(String),
    /// The `WebAuthn` wrapping does not parse or does not name this message.
    #[error("WebAuthn: {0}")]
    WebAuthn(&'static str),
    /// The mathematics say no.
    #[error("Invalid basic signature: the {0} signature could not be verified")]
    Mismatch(&'static str),
}

impl RequestError {
    /// The HTTP status of this answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Malformed { .. }
            | Self::BadPrincipal(_)
            | Self::EffectiveCanisterId { .. }
            | Self::Authentication { .. }
            | Self::BadPaths(_)
            | Self::Body(_)
            | Self::OtherSubnet { .. } => StatusCode::BAD_REQUEST,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::BadPath(_) => StatusCode::NOT_FOUND,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Timeout { .. } => StatusCode::REQUEST_TIMEOUT,
            Self::Overloaded | Self::Certify(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Engine(error) => engine_status(error),
            Self::Worker => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// The status of a failure of the engine.
pub(crate) fn engine_status(error: &EngineError) -> StatusCode {
    match error {
        EngineError::Expired | EngineError::Refused(_) => StatusCode::BAD_REQUEST,
        EngineError::TooManyAnswers => StatusCode::TOO_MANY_REQUESTS,
        EngineError::Overloaded | EngineError::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
        EngineError::Trapped | EngineError::Stopped(_) | EngineError::Open(_) | EngineError::Storage(_) => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

impl IntoResponse for RequestError {
    fn into_response(self) -> Response {
        let status = self.status();
        if status.is_server_error() {
            tracing::warn!(status = status.as_u16(), error = %self, "request failed");
        }
        let mut response = (status, self.to_string()).into_response();
        if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        // The rest of an oversized or late body is not read, so the connection cannot carry another request.
        if matches!(status, StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT) {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
