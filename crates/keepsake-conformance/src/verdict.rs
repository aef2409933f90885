//! How an answer is judged. Owns the one place where every refusal's code is held to the table of codes.

use crate::api::Error;
use crate::api::codes::{self, Variant};
use keepsake_client::CallError;
use std::fmt::Debug;

/// The result of a call that must be allowed.
#[track_caller]
pub fn allowed<T>(result: Result<T, CallError>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("expected Ok: {error}"),
    }
}

/// A call that must be refused with `code`.
#[track_caller]
pub fn refused<T: Debug>(result: Result<T, CallError>, code: &str) {
    match result {
        Ok(value) => panic!("expected {code}, got Ok({value:?})"),
        Err(CallError::Refused { method, error }) => {
            let text = known(&error).unwrap_or_else(|wrong| panic!("{method}: {wrong}"));
            assert_eq!(text, code, "{method}: {error}");
        }
        Err(error) => panic!("expected {code}: {error}"),
    }
}

/// The code of a refusal, if the table has it for the variant that carries it.
///
/// # Errors
/// What is wrong with the refusal.
pub fn known(error: &Error) -> Result<&str, String> {
    let variant = match error {
        Error::NotFound | Error::Unauthorized | Error::ResourceExhausted => return Ok(error.code()),
        Error::InvalidArgument(_) => Variant::InvalidArgument,
        Error::Conflict(_) => Variant::Conflict,
        Error::NotImplemented(_) => Variant::NotImplemented,
        Error::Internal(_) => Variant::Internal,
    };
    match codes::find(error.code()) {
        None => Err(format!("the code of {error:?} is not in the table of codes")),
        Some(code) if code.variant != variant => {
            Err(format!("{error:?}: the table has this code as {:?}", code.variant))
        }
        Some(code) => Ok(code.name),
    }
}
