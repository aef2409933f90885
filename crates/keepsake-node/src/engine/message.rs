//! What goes into the engine and what comes out. Owns these values; runs nothing.

use crate::storage::fault::StorageError;
use bytes::Bytes;
use keepsake_service::{OpenError, Principal};
use std::sync::Arc;

pub use crate::storage::requests::RequestId;

/// An update call whose sender and signature were verified.
#[derive(Clone, Debug)]
pub struct UpdateMessage {
    /// See [request id](https://internetcomputer.org/docs/references/ic-interface-spec#request-id).
    pub request_id: RequestId,
    /// The verified sender.
    pub caller: Principal,
    /// Method name.
    pub method: String,
    /// Candid-encoded arguments.
    pub arg: Bytes,
    /// The message must not run after this time, ns since 1970.
    pub ingress_expiry_ns: u64,
}

/// How far a message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestStatus {
    /// Accepted, not durable yet.
    Processing,
    /// Executed and durable; the Candid reply.
    Replied(Vec<u8>),
    /// Not executed, or rolled back; durable too.
    Rejected(Rejection),
}

/// Why a message has no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// [Reject code](https://internetcomputer.org/docs/references/ic-interface-spec#reject-codes).
    pub code: u8,
    /// Finer code, such as `IC0502`.
    pub error_code: String,
    /// What to do about it.
    pub message: String,
}

impl Rejection {
    /// The message, or the query, ended in a panic.
    pub(crate) fn trapped() -> Self {
        Self {
            code: 5,
            error_code: "IC0502".into(),
            message: "the service failed on this message and rolled it back: see the node's log".into(),
        }
    }

    /// Storage failed, for now.
    pub(crate) fn storage_failed() -> Self {
        Self {
            code: 2,
            error_code: "storage_failed".into(),
            message: "the node could not read or write its files and rolled this message back: try again"
                .into(),
        }
    }

    /// Too much at once.
    pub(crate) fn overloaded() -> Self {
        Self {
            code: 2,
            error_code: "overloaded".into(),
            message: "the node has more queries than it can run: try again in a moment".into(),
        }
    }
}

impl From<keepsake_service::Reject> for Rejection {
    fn from(reject: keepsake_service::Reject) -> Self {
        Self { code: reject.code, error_code: reject.error_code.to_owned(), message: reject.message }
    }
}

/// Why the engine did not take or finish something.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The queue is full.
    #[error("the node has more messages than it can take: try again in a moment")]
    Overloaded,
    /// The engine takes no more messages.
    #[error("the node is shutting down: try again when it is back")]
    ShuttingDown,
    /// The message's ingress expiry has passed; it did not run.
    #[error("the message expired before it ran: send a new one")]
    Expired,
    /// Writing stopped for good after a fault that leaves the outcome unknown.
    #[error("the node stopped writing after a fault, restart it: {0}")]
    Stopped(Arc<str>),
    /// A bug: the request made the service fail.
    #[error("the service failed on this request: see the node's log")]
    Trapped,
    /// The store does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The files cannot be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<std::io::Error> for EngineError {
    fn from(error: std::io::Error) -> Self {
        Self::Storage(error.into())
    }
}

/// Why a message that was taken has no status.
#[derive(Clone, Debug)]
pub(crate) enum Unfinished {
    Expired,
    ShuttingDown,
    Stopped(Arc<str>),
}

impl From<Unfinished> for EngineError {
    fn from(unfinished: Unfinished) -> Self {
        match unfinished {
            Unfinished::Expired => Self::Expired,
            Unfinished::ShuttingDown => Self::ShuttingDown,
            Unfinished::Stopped(why) => Self::Stopped(why),
        }
    }
}

/// The Candid bytes of `variant { Err = variant { ResourceExhausted } }`, which every update method of
/// the interface may return.
pub(crate) fn resource_exhausted() -> Vec<u8> {
    #[derive(candid::CandidType)]
    enum Error {
        ResourceExhausted,
    }
    #[derive(candid::CandidType)]
    enum Answer {
        Err(Error),
    }
    candid::encode_one(Answer::Err(Error::ResourceExhausted)).expect("a constant encodes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resource_exhausted_decodes_as_the_result_of_any_method() {
        #[derive(candid::CandidType, candid::Deserialize, Debug, PartialEq)]
        enum Error {
            NotFound,
            ResourceExhausted,
            Internal(String),
        }
        #[derive(candid::CandidType, candid::Deserialize, Debug, PartialEq)]
        enum Answer {
            Ok(u64),
            Err(Error),
        }
        let answer: Answer = candid::decode_one(&resource_exhausted()).unwrap();
        assert_eq!(answer, Answer::Err(Error::ResourceExhausted));
    }
}
