//! The port to a host: method name and Candid bytes in, Candid bytes out.
//!
//! Owns the trait, its error, and which errors are worth another attempt. Owns no retry loop (see
//! [`crate::retry`]) and no Candid (see [`crate::client`]).

use crate::bucket::{BucketFault, LaneAnswer, LaneAsk, PartBody, PartEnd, PutPartError, SignedRequest};
use crate::put_road::{PutChunk, PutError};
use candid::Principal;
use std::future::{self, Future};
use std::time::Duration;

/// Carries messages to one service on one host.
///
/// Bytes are Candid argument and result lists as in the
/// [interface specification](https://internetcomputer.org/docs/references/ic-interface-spec#http-interface).
/// Dropping a future abandons the message: the host may still run it.
pub trait Transport: Send + Sync + 'static {
    /// The principal that the host sees as the caller.
    fn principal(&self) -> Principal;

    /// Sends an update message and waits until it is answered.
    ///
    /// # Errors
    /// [`TransportError`]; the message may have run unless the error says that it was not sent.
    fn update(
        &self,
        method: &'static str,
        arg: Vec<u8>,
    ) -> impl Future<Output = Result<Vec<u8>, TransportError>> + Send;

    /// Sends a query message.
    ///
    /// # Errors
    /// [`TransportError`].
    fn query(
        &self,
        method: &'static str,
        arg: Vec<u8>,
    ) -> impl Future<Output = Result<Vec<u8>, TransportError>> + Send;

    /// Sends a chunk without an envelope, to a host that says `put_road`. A transport that cannot has no such road.
    ///
    /// # Errors
    /// [`PutError`]; the chunk may be there all the same, and the same chunk again is harmless.
    fn put_chunk(&self, _chunk: PutChunk<'_>) -> impl Future<Output = Result<(), PutError>> + Send {
        future::ready(Err(PutError::NoRoad))
    }

    /// It has a way to the host's bucket: [`Self::ask_lane`] and [`Self::put_part`]. For one that has none, there is no bucket.
    fn reaches_buckets(&self) -> bool {
        false
    }

    /// Asks whoever signs for the host's bucket, where the host says `s3`.
    ///
    /// # Errors
    /// [`TransportError`]; the same question again is harmless.
    fn ask_lane(&self, _ask: LaneAsk<'_>) -> impl Future<Output = Result<LaneAnswer, TransportError>> + Send {
        let none = "s3_not_configured: this way to the host has no bucket; leave `hosting` out";
        future::ready(Ok(LaneAnswer::Refused(keepsake_api::Error::NotImplemented(none.to_owned()))))
    }

    /// Sends a part into the host's bucket, to the address that was signed for it.
    ///
    /// # Errors
    /// [`PutPartError`]; the part may be there all the same, and the same part again is harmless.
    fn put_part(
        &self,
        _request: &SignedRequest,
        _body: PartBody,
    ) -> impl Future<Output = Result<PartEnd, PutPartError>> + Send {
        future::ready(Err(PutPartError::Unanswered("there is no way to buckets here".to_owned())))
    }
}

/// Why a message got no answer of the service.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No connection, or it broke before the answer came.
    #[error("cannot reach the node ({reason}): check that it runs and that the address is right")]
    Unreachable {
        /// What the network said.
        reason: String,
        /// The message may have arrived and run.
        maybe_sent: bool,
    },
    /// No answer in time; the message may have run.
    #[error("the node did not answer in time ({0}): try again")]
    Timeout(String),
    /// Something answers for a node that is not there, or is about to be: a proxy, while the node starts again.
    #[error("the node is away (HTTP {status}: {reason}): check that it runs")]
    Away {
        /// HTTP status: 502, 503 or 504.
        status: u16,
        /// What was said.
        reason: String,
        /// When to come again, if that was said.
        retry_after: Option<Duration>,
    },
    /// The host asks to slow down, or has a passing fault.
    #[error("the node is busy (HTTP {status}: {reason}): try again later")]
    Busy {
        /// HTTP status.
        status: u16,
        /// What the host said.
        reason: String,
        /// When to come again, if that was said.
        retry_after: Option<Duration>,
    },
    /// A proxy on the way lets no message of this length through.
    #[error(
        "a proxy before {url} does not let a message of this size through (HTTP 413): raise its limit of a body, in nginx \
         `client_max_body_size 4m`"
    )]
    BodyLimit {
        /// Where messages go.
        url: String,
    },
    /// The identity is the key of a link, which signs nothing that changes something.
    #[error("{}", crate::link::LINK_ONLY_LOOKS)]
    LinkOnlyLooks,
    /// The identity acts by a delegation, and that has ended.
    #[error("the sign-in has ended ({0}): sign in again and go on, nothing that was sent is lost")]
    SignedOut(String),
    /// The identity acts by a delegation, and that is for other canisters.
    #[error("this sign-in is for other canisters ({0}): sign in again, for this one")]
    SignInElsewhere(String),
    /// The identity acts by a delegation that does not hold: for queries alone, or signed by another key.
    #[error("this sign-in cannot be used ({0}): sign in again")]
    SignInInvalid(String),
    /// The signed message was too old when it arrived; signing it again helps.
    #[error("the message expired on its way ({0}): check this computer's clock, then try again")]
    Expired(String),
    /// This computer's clock is wrong, and the host's cannot be used instead. It is this much off, as `6 min ahead of`.
    #[error("this computer's clock is {0} the node's: set it right, then try again")]
    WrongClock(String),
    /// The host refused the HTTP request.
    #[error("the node refused the request (HTTP {status}: {reason}){}", doubt(*status))]
    Http {
        /// HTTP status.
        status: u16,
        /// What the host said.
        reason: String,
    },
    /// The host rejected the message before a rule of the service ran.
    #[error("the node rejected the message (code {code}: {message})")]
    Rejected {
        /// [Reject code](https://internetcomputer.org/docs/references/ic-interface-spec#reject-codes), 1 to 6.
        code: u8,
        /// What the host said.
        message: String,
    },
    /// The answer is not proven to come from the host that it claims to come from.
    #[error("the node's answer is not authentic ({0}): do not trust this address")]
    NotAuthentic(String),
    /// The host's certificate is from an authority that this machine does not trust, for another name, or over.
    #[error(
        "the certificate of {url} is not trusted here ({reason}): where its authority is your own, name the authority's file \
         by SSL_CERT_FILE=FILE; else do not trust this address"
    )]
    Certificate {
        /// Where messages go.
        url: String,
        /// What the check said.
        reason: String,
    },
    /// The node is not the one that was at this address before, or whether it is cannot be found out.
    #[error("{0}")]
    UnknownNode(String),
    /// The host has another canister than the one that was asked for. Only the host says so: nothing proves it.
    #[error("this host says that its canister is {here}, not {asked}")]
    OtherCanister {
        /// The canister that messages were for.
        asked: Principal,
        /// The host's own.
        here: Principal,
    },
    /// The host's bucket is in the way, and not the host.
    #[error(transparent)]
    Bucket(BucketFault),
    /// The answer is not in the protocol's form, or a setting of the transport is wrong.
    #[error("{0}")]
    Protocol(String),
}

/// How the reason of an exchange begins that ended because nothing moved.
pub(crate) const STALLED: &str = "no byte moved for";

/// What a refusal makes one ask. A host that knows this request, and says what is wrong with it, is no other's.
fn doubt(status: u16) -> &'static str {
    match status {
        401 | 403 | 408 | 413 | 421 => "",
        _ => ": is this address a Keepsake node?",
    }
}

/// Whether another attempt can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transience {
    /// The same again will fail again.
    Permanent,
    /// A passing fault.
    Passing,
    /// Nobody is there; the host may be starting again.
    Unreachable,
}

/// Reject code of a passing fault of the host.
const REJECT_SYS_TRANSIENT: u8 = 2;
/// Reject code of a message that may have run or not.
const REJECT_SYS_UNKNOWN: u8 = 6;

impl TransportError {
    /// Whether another attempt can help.
    pub fn transience(&self) -> Transience {
        match self {
            Self::Bucket(fault) => fault.transience,
            Self::Unreachable { .. } | Self::Away { .. } => Transience::Unreachable,
            Self::Timeout(_)
            | Self::Busy { .. }
            | Self::Expired(_)
            | Self::Rejected { code: REJECT_SYS_TRANSIENT | REJECT_SYS_UNKNOWN, .. } => Transience::Passing,
            Self::Rejected { .. }
            | Self::Http { .. }
            | Self::BodyLimit { .. }
            | Self::LinkOnlyLooks
            | Self::SignedOut(_)
            | Self::SignInElsewhere(_)
            | Self::SignInInvalid(_)
            | Self::WrongClock(_)
            | Self::NotAuthentic(_)
            | Self::Certificate { .. }
            | Self::UnknownNode(_)
            | Self::OtherCanister { .. }
            | Self::Protocol(_) => Transience::Permanent,
        }
    }

    /// How long the host asked to wait before anything else is sent.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Away { retry_after, .. } | Self::Busy { retry_after, .. } => *retry_after,
            Self::Bucket(fault) => fault.retry_after,
            _ => None,
        }
    }

    /// The line, or who answers for the host, was too slow for it: fewer at once may get through.
    pub fn is_slow(&self) -> bool {
        match self {
            Self::Unreachable { reason, .. } => reason.starts_with(STALLED),
            Self::Away { status, .. } => *status == 504,
            Self::Timeout(_) => true,
            Self::Bucket(fault) => fault.is_slow,
            _ => false,
        }
    }

    /// The kind of failure by the word that all clients have for it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Bucket(fault) => fault.code,
            Self::Unreachable { .. } | Self::Away { .. } => "unreachable",
            Self::Timeout(_) => "timeout",
            Self::Busy { .. } => "busy",
            Self::BodyLimit { .. } => "body_too_large",
            Self::LinkOnlyLooks => "link_only_looks",
            Self::SignedOut(_) => "delegation_expired",
            Self::SignInElsewhere(_) => "delegation_targets",
            Self::SignInInvalid(_) => "delegation_invalid",
            Self::Expired(_) => "expired",
            Self::WrongClock(_) => "wrong_clock",
            Self::Rejected { .. } => "rejected",
            Self::NotAuthentic(_) | Self::Certificate { .. } | Self::UnknownNode(_) => "not_authentic",
            Self::OtherCanister { .. } => "wrong_canister",
            Self::Http { .. } | Self::Protocol(_) => "not_a_node",
        }
    }

    /// The message surely did not run: even one that must run at most once may be sent again.
    pub fn surely_not_run(&self) -> bool {
        match self {
            Self::Unreachable { maybe_sent, .. } => !maybe_sent,
            Self::Busy { status, .. } | Self::Away { status, .. } => *status == 429 || *status == 503,
            Self::Expired(_)
            | Self::Http { .. }
            | Self::BodyLimit { .. }
            | Self::LinkOnlyLooks
            | Self::SignedOut(_)
            | Self::Certificate { .. }
            | Self::SignInElsewhere(_)
            | Self::SignInInvalid(_)
            | Self::UnknownNode(_) => true,
            Self::Rejected { code, .. } => *code == REJECT_SYS_TRANSIENT,
            // The host's word alone does not show that it ran nothing.
            Self::Bucket(_)
            | Self::Timeout(_)
            | Self::WrongClock(_)
            | Self::NotAuthentic(_)
            | Self::OtherCanister { .. }
            | Self::Protocol(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_passing_faults_are_worth_another_attempt() {
        let refused = TransportError::Unreachable { reason: "refused".into(), maybe_sent: false };
        assert_eq!(refused.transience(), Transience::Unreachable);
        assert_eq!(
            TransportError::Busy { status: 429, reason: String::new(), retry_after: None }.transience(),
            Transience::Passing
        );
        assert_eq!(
            TransportError::Rejected { code: 2, message: String::new() }.transience(),
            Transience::Passing
        );
        for permanent in [
            TransportError::Rejected { code: 5, message: String::new() },
            TransportError::Http { status: 400, reason: String::new() },
            TransportError::NotAuthentic(String::new()),
            TransportError::Certificate { url: String::new(), reason: String::new() },
            TransportError::UnknownNode(String::new()),
            TransportError::Protocol(String::new()),
        ] {
            assert_eq!(permanent.transience(), Transience::Permanent, "{permanent:?}");
        }
    }

    #[test]
    fn a_message_that_may_have_run_is_not_called_safe() {
        assert!(!TransportError::Timeout(String::new()).surely_not_run());
        assert!(!TransportError::Unreachable { reason: String::new(), maybe_sent: true }.surely_not_run());
        assert!(TransportError::Unreachable { reason: String::new(), maybe_sent: false }.surely_not_run());
    }
}
