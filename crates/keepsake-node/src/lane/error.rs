//! What can go wrong on the lane, as the road says it: a code, and whose fault it is in plain words.

use crate::engine::own::OwnError;
use keepsake_s3::Error as S3Error;

/// Why the lane refuses.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LaneError {
    /// The service refuses.
    #[error("{}", .0.told())]
    Service(keepsake_api::Error),
    /// The ticket is for another session.
    #[error("ticket_for_another_session: each session has tickets of its own")]
    AnotherSession,
    /// A part that the file has not got, or a hash that is none.
    #[error("parts_malformed: {0}")]
    Malformed(String),
    /// The bucket has none of it.
    #[error("object_missing: the bucket has not got it yet: send its bytes by `grant`, then finish")]
    Missing,
    /// The bucket lacks parts.
    #[error("parts_missing: {0}")]
    PartsMissing(String),
    /// The bucket has something else.
    #[error("object_differs: the bucket has other bytes than were announced: begin anew")]
    Differs,
    /// The bucket forgot the parts.
    #[error("object_gone: the bucket dropped the parts of this upload: begin anew")]
    Gone,
    /// The bucket is away.
    #[error("bucket_away: {0}")]
    Away(S3Error),
    /// The bucket refuses.
    #[error("bucket_refused: {0}")]
    Refused(S3Error),
    /// The records cannot be asked.
    #[error("trapped: {0}")]
    Records(String),
}

impl From<S3Error> for LaneError {
    fn from(error: S3Error) -> Self {
        match error {
            S3Error::Corrupt { .. } => Self::Differs,
            S3Error::NoUpload => Self::Gone,
            error if error.is_passing() => Self::Away(error),
            error => Self::Refused(error),
        }
    }
}

impl From<OwnError> for LaneError {
    fn from(error: OwnError) -> Self {
        Self::Records(error.message)
    }
}

impl From<keepsake_api::Error> for LaneError {
    fn from(error: keepsake_api::Error) -> Self {
        Self::Service(error)
    }
}
