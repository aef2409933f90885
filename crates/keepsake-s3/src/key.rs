//! Keys of objects: what one may look like. Owns the check; whoever uses this crate makes the keys.

use thiserror::Error;

/// S3 takes 1024 bytes; a prefix takes its part of them.
pub const KEY_BYTES_MAX: usize = 800;

/// The key of an object, relative to the prefix that a bucket was opened with. It is made of ASCII letters, digits and
/// `-._~/`, so that no two programs encode it differently; no segment is empty, `.` or `..`, so that no URL leads elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(String);

/// Why a text is no key.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum KeyError {
    /// Nothing, or more than [`KEY_BYTES_MAX`].
    #[error("the key of an object has {0} bytes: 1 to {KEY_BYTES_MAX} are allowed")]
    Length(usize),
    /// A character that programs encode differently.
    #[error("the key of an object has the character {0:?}: ASCII letters, digits and `-._~/` are allowed")]
    Character(char),
    /// A segment that leads elsewhere.
    #[error("the key of an object has an empty segment, or `.` or `..`")]
    Segment,
}

impl Key {
    /// Checks a key.
    ///
    /// # Errors
    /// When it is none.
    pub fn new(key: impl Into<String>) -> Result<Self, KeyError> {
        let key = key.into();
        check(&key, KEY_BYTES_MAX)?;
        Ok(Self(key))
    }

    /// The text, without the prefix.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Whether a text can be a key, or a prefix, of at most `bytes_max`.
pub(crate) fn check(text: &str, bytes_max: usize) -> Result<(), KeyError> {
    if text.is_empty() || text.len() > bytes_max {
        return Err(KeyError::Length(text.len()));
    }
    let odd = |character: &char| !character.is_ascii_alphanumeric() && !"-._~/".contains(*character);
    if let Some(character) = text.chars().find(odd) {
        return Err(KeyError::Character(character));
    }
    if text.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return Err(KeyError::Segment);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_elsewhere_is_no_key() {
        for key in ["/a", "a/", "a//b", "a/../b", "..", "./a", "a/."] {
            assert_eq!(Key::new(key), Err(KeyError::Segment), "{key}");
        }
        for key in ["a b", "a?b", "a#b", "a%2e", "a\\b", "a\nb", "ä", "a+b"] {
            assert!(matches!(Key::new(key), Err(KeyError::Character(_))), "{key}");
        }
        assert_eq!(Key::new(""), Err(KeyError::Length(0)));
        assert_eq!(Key::new("a".repeat(801)), Err(KeyError::Length(801)));
    }

    #[test]
    fn what_hosts_make_is_a_key() {
        for key in ["a", "cap_1/ses_2-00ff", "a.b/c~d_e", &"a".repeat(800), "...", "a..b"] {
            assert_eq!(Key::new(key).unwrap().as_str(), key);
        }
    }
}
