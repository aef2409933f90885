//! Codes that let a device join, or a guest in: 16 random bytes that the service draws, as 22 characters for addresses and 12
//! words for people.
//!
//! Owns reading and writing a code. What it opens is the service's to say. `fixtures/client/words.json` has the cases.

use crate::secret::{self, SECRET_BYTES};
use crate::words::{WordsError, hidden, secret_of, words_of};
use std::fmt;
use zeroize::Zeroizing;

/// Where a code stands in an address.
const MARKS: [&str; 2] = ["#join=", "#invite="];
/// Twelve words have more characters than that, however short they are.
const CHARS_OF_NO_WORDS: usize = 36;

/// A code: whoever has it may use it.
#[derive(Clone, PartialEq, Eq)]
pub struct Code(Zeroizing<[u8; SECRET_BYTES]>);

/// Why a text is no code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// Neither words nor the form for addresses.
    #[error("this is no code: a code is 12 words, or 22 letters, digits, - and _ without a space")]
    Malformed,
    /// Words, with a mistake in them.
    #[error(transparent)]
    Words(#[from] WordsError),
}

impl CodeError {
    /// The kind of failure by the word that all clients have for it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "code_malformed",
            Self::Words(error) => error.code(),
        }
    }
}

impl Code {
    /// The code of these bytes.
    pub fn from_bytes(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; SECRET_BYTES] {
        &self.0
    }

    /// 22 characters, for addresses.
    pub fn to_text(&self) -> Zeroizing<String> {
        secret::text_of(&self.0)
    }

    /// 12 words, for people.
    pub fn to_words(&self) -> Zeroizing<String> {
        words_of(self.0.as_slice())
    }

    /// Reads what somebody typed or pasted: words, 22 characters, or an address that ends in `#join=CODE` or `#invite=CODE`.
    ///
    /// # Errors
    /// [`CodeError`], which says what is wrong with it.
    pub fn parse(typed: &str) -> Result<Self, CodeError> {
        let typed = typed.trim();
        if let Some(code) = secret::of_text(in_address(typed).unwrap_or(typed)) {
            return Ok(Self(code));
        }
        let is_one_piece = !typed.contains(char::is_whitespace);
        if is_one_piece && (typed.contains(['#', '/']) || typed.chars().count() < CHARS_OF_NO_WORDS) {
            return Err(CodeError::Malformed);
        }
        Ok(Self(secret_of(typed)?))
    }
}

fn in_address(typed: &str) -> Option<&str> {
    let (_, code) = MARKS.iter().find_map(|mark| typed.split_once(mark))?;
    code.split('&').next()
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hidden(f, "Code")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_not_printed() {
        assert_eq!(format!("{:?}", Code::from_bytes([7; 16])), "Code(secret)");
    }
}
