//! How a message ended, as callers are told and as the records keep it. Owns these values; runs nothing.

/// How far a message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestStatus {
    /// Accepted, not durable yet.
    Processing,
    /// Executed and durable; the Candid reply.
    Replied(Vec<u8>),
    /// Executed and durable; the reply was too large to be kept.
    Done,
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

    /// A query method, called as an update by nobody in particular.
    pub(crate) fn anonymous_update() -> Self {
        Self {
            code: 4,
            error_code: "IC0406".into(),
            message: "an anonymous caller may not call a query method as an update: call it as a query"
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
