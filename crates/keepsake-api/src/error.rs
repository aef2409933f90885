//! The one wire error. Owns its shape and how a code is read from it; the codes are in [`crate::codes`].

use candid::CandidType;
use serde::{Deserialize, Serialize};

/// Why a message was refused. An `Err` changed nothing that anybody can observe. (`hash_pending` is the one that says how
/// work goes on: the hash got further, which no answer shows but the next `hash_pending`.)
///
/// A text begins with a stable `snake_case` code, then a colon, then data:
/// `chunk_too_large: 1900000 > 1800000`. [`crate::codes::CODES`] lists them all.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// No such thing, or the caller may not know that it exists.
    NotFound,
    /// The caller may know of the thing, but may not do this.
    Unauthorized,
    /// A quota, a limit on what is open at once, or the storage itself is used up.
    ResourceExhausted,
    /// The argument breaks a rule; sending it again will fail again.
    InvalidArgument(String),
    /// The argument does not fit the present state.
    Conflict(String),
    /// Not offered by this host.
    NotImplemented(String),
    /// A broken invariant that could be answered instead of trapping.
    Internal(String),
}

impl Error {
    /// The stable code: the text before the first colon, or the variant's own code.
    pub fn code(&self) -> &str {
        let text = match self {
            Self::NotFound => return "not_found",
            Self::Unauthorized => return "unauthorized",
            Self::ResourceExhausted => return "resource_exhausted",
            Self::InvalidArgument(text)
            | Self::Conflict(text)
            | Self::NotImplemented(text)
            | Self::Internal(text) => text,
        };
        text.split_once(':').map_or(text.as_str(), |(code, _)| code)
    }

    /// As text that begins with the code, for answers that are no Candid.
    pub fn told(&self) -> String {
        match self {
            Self::NotFound | Self::Unauthorized | Self::ResourceExhausted => {
                format!("{}: {self}", self.code())
            }
            _ => self.to_string(),
        }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotFound => f.write_str("not found, or not yours to see"),
            Self::Unauthorized => f.write_str("your role does not allow this"),
            Self::ResourceExhausted => f.write_str("a quota or the storage is used up"),
            Self::InvalidArgument(text)
            | Self::Conflict(text)
            | Self::NotImplemented(text)
            | Self::Internal(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_the_text_before_the_colon() {
        assert_eq!(Error::Conflict("chunk_differs: 3".into()).code(), "chunk_differs");
        assert_eq!(Error::InvalidArgument("bare".into()).code(), "bare");
        assert_eq!(Error::NotFound.code(), "not_found");
        assert_eq!(Error::NotFound.told(), "not_found: not found, or not yours to see");
        assert_eq!(Error::Conflict("chunk_differs: 3".into()).told(), "chunk_differs: 3");
    }

    #[test]
    fn an_error_keeps_its_shape_over_candid() {
        let sent: crate::Answer<u64> = Err(Error::InvalidArgument("chunk_too_large: 2 > 1".into()));
        let bytes = candid::encode_one(&sent).unwrap();
        assert_eq!(candid::decode_one::<crate::Answer<u64>>(&bytes).unwrap(), sent);
    }
}
