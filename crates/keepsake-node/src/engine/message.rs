//! What goes into the engine and what comes out. Owns these values; runs nothing.

use crate::admission::Permit;
use crate::storage::fault::StorageError;
use bytes::Bytes;
use keepsake_service::{OpenError, Principal};
use std::sync::Arc;

pub use crate::storage::outcome::{Rejection, RequestStatus};
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
    /// The room that its bytes have; it ends with the message, when the writer has run it.
    pub permit: Option<Arc<Permit>>,
}

/// A chunk that came without an envelope, from somebody who has a ticket for its session.
#[derive(Clone, Debug)]
pub struct ChunkMessage {
    /// Whom the ticket names.
    pub caller: Principal,
    /// The session.
    pub session: u64,
    /// Which of its chunks it is.
    pub index: u32,
    /// The chunk.
    pub bytes: Bytes,
    /// The room that its bytes have; it ends with them, when the writer has run the message.
    pub permit: Option<Arc<Permit>>,
}

/// Why the engine did not take or finish something.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The queue is full.
    #[error("the node has more messages than it can take: try again in a moment")]
    Overloaded,
    /// The caller has as many recorded answers as it may.
    #[error(
        "you sent more messages in the last minutes than the node keeps answers for one caller: wait a minute"
    )]
    TooManyAnswers,
    /// Not a message that the node runs for this caller.
    #[error("{}", .0.message)]
    Refused(Rejection),
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
