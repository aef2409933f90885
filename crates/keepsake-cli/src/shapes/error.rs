//! The JSON of an error.

use crate::failure::{Exit, exit_of};
use crate::words::{call_of, told};
use serde::Serialize;

/// What a command prints with `--json` when it fails: `{"error":{…},"exit_code":3}`.
#[derive(Serialize)]
pub(crate) struct ErrorShape {
    pub(crate) error: ErrorBody,
    pub(crate) exit_code: u8,
}

/// The error itself.
#[derive(Serialize)]
pub(crate) struct ErrorBody {
    /// The service's stable code where it refused, such as `last_owner`; else the kind.
    pub(crate) code: String,
    pub(crate) message: String,
    /// What helps; after a refusal for want of room, which limit is full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) advice: Option<String>,
    /// What the exit code means, as a word: see [`Exit::word`].
    pub(crate) kind: &'static str,
}

impl ErrorShape {
    pub(crate) fn new(error: &anyhow::Error, advice: Option<&str>) -> Self {
        let exit = exit_of(error);
        let advice = advice.map(str::to_owned);
        let body = ErrorBody { code: code_of(error), message: told(error), advice, kind: exit.word() };
        Self { error: body, exit_code: exit as u8 }
    }

    /// Arguments that were not understood.
    pub(crate) fn usage(message: String) -> Self {
        let kind = Exit::Usage.word();
        Self {
            error: ErrorBody { code: kind.to_owned(), message, advice: None, kind },
            exit_code: Exit::Usage as u8,
        }
    }
}

/// The stable code of an error.
pub(crate) fn code_of(error: &anyhow::Error) -> String {
    let code = error.chain().find_map(|cause| call_of(cause)?.code());
    code.map_or_else(|| exit_of(error).word().to_owned(), str::to_owned)
}
