//! Between wire types and core types. Owns the mapping of errors and ids; records have a file each.

pub(crate) mod capsules;
pub(crate) mod ids;
pub(crate) mod memories;
pub(crate) mod people;

use keepsake_api::Error;
use keepsake_core::{Refusal, RefusalKind};

/// A refusal of the core as the wire error.
#[expect(clippy::needless_pass_by_value, reason = "it is passed to map_err")]
pub(crate) fn refuse(refusal: impl Refusal) -> Error {
    match refusal.kind() {
        RefusalKind::NotFound => Error::NotFound,
        RefusalKind::Unauthorized => Error::Unauthorized,
        RefusalKind::ResourceExhausted => Error::ResourceExhausted,
        RefusalKind::InvalidArgument => Error::InvalidArgument(refusal.to_string()),
        RefusalKind::Conflict => Error::Conflict(refusal.to_string()),
    }
}
