//! Secrets as words that a person writes down and types again: the 2,048 English words of
//! [BIP-39](https://github.com/bitcoin/bips/blob/master/bip-0039.mediawiki), with its checksum.
//!
//! Owns how typed text is read, and what is said where it is wrong. What the words stand for is in [`crate::code`] and
//! [`crate::recovery`]. `fixtures/client/words.json` has the cases.

use bip39::{Language, Mnemonic};
use std::fmt;
use zeroize::{Zeroize, Zeroizing};

/// Words of the list differ in these letters: whoever types no more of one is understood.
const LETTERS_THAT_TELL: usize = 4;
/// From this many letters on, a word that begins with them counts as near.
const LETTERS_OF_A_BEGINNING: usize = 3;
/// A word of the list that is farther from what was typed is not worth naming.
const DISTANCE_MAX: usize = 2;
const SUGGESTIONS_MAX: usize = 3;
/// Longest part of a typed word that is told, characters.
const SHOWN_CHARS_MAX: usize = 30;

/// Why typed words are no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WordsError {
    /// Too few or too many.
    #[error("{}, and {needed} are needed", counted(*found))]
    Count {
        /// Those that were typed.
        found: usize,
        /// Those that make the secret.
        needed: usize,
    },
    /// The first word that is not in the list.
    #[error("word {at}, \"{word}\", is not one of the words{}", asked(suggestions))]
    Unknown {
        /// Its place, from 1.
        at: usize,
        /// As it was typed, in small letters; what is very long is cut.
        word: String,
        /// The nearest words of the list, at most three; none where nothing is near.
        suggestions: Vec<&'static str>,
    },
    /// All are in the list, and the checksum says that they are not those that were written down.
    #[error("one of the words is wrong, or two are in the wrong order")]
    Checksum,
}

impl WordsError {
    /// The kind of failure by the word that all clients have for it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Count { .. } => "words_count",
            Self::Unknown { .. } => "word_unknown",
            Self::Checksum => "words_checksum",
        }
    }
}

fn counted(found: usize) -> String {
    if found == 1 { "1 word was found".to_owned() } else { format!("{found} words were found") }
}

fn asked(suggestions: &[&str]) -> String {
    let quoted: Vec<_> = suggestions.iter().map(|word| format!("\"{word}\"")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((only, [])) => format!(": did you mean {only}?"),
        Some((last, others)) => format!(": did you mean {} or {last}?", others.join(", ")),
    }
}

/// The words of a secret of 16 or 32 bytes: 12 or 24, with a space between them.
pub(crate) fn words_of(secret: &[u8]) -> Zeroizing<String> {
    let mnemonic = Mnemonic::from_entropy_in(Language::English, secret).expect("16 and 32 bytes have words");
    let mut text = Zeroizing::new(String::with_capacity(24 * 9));
    for word in mnemonic.words() {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word);
    }
    text
}

/// The secret of `N` bytes, 16 or 32, whose words a person typed: in any case, with anything but letters between them,
/// numbered, or the first four letters of each.
///
/// # Errors
/// [`WordsError`]: the count first, then the first word that is none, then the checksum.
pub(crate) fn secret_of<const N: usize>(typed: &str) -> Result<Zeroizing<[u8; N]>, WordsError> {
    let found = tokens(typed);
    let needed = N * 3 / 4;
    if found.len() != needed {
        return Err(WordsError::Count { found: found.len(), needed });
    }
    let mut words = Zeroizing::new(String::with_capacity(needed * 9));
    for (index, token) in found.iter().enumerate() {
        words.push_str(word_of(token).ok_or_else(|| unknown(index, token))?);
        words.push(' ');
    }
    let mnemonic =
        Mnemonic::parse_in_normalized(Language::English, &words).map_err(|_| WordsError::Checksum)?;
    let (mut entropy, len) = mnemonic.to_entropy_array();
    let secret = entropy[..len].try_into().expect("that many words have that many bytes");
    entropy.zeroize();
    Ok(Zeroizing::new(secret))
}

/// Runs of letters in small ones; numbers, alone or before a word, are the places in a list.
fn tokens(typed: &str) -> Vec<Zeroizing<String>> {
    let runs = typed.split(|char: char| !char.is_alphanumeric());
    let words = runs.map(|run| run.trim_start_matches(char::is_numeric)).filter(|word| !word.is_empty());
    words.map(|word| Zeroizing::new(word.to_ascii_lowercase())).collect()
}

/// The word itself, or the only one that begins so.
fn word_of(token: &str) -> Option<&'static str> {
    let list = Language::English.word_list();
    if let Ok(at) = list.binary_search(&token) {
        return Some(list[at]);
    }
    let tells = token.chars().count() >= LETTERS_THAT_TELL;
    list.iter().find(|word| tells && word.starts_with(token)).copied()
}

fn unknown(index: usize, token: &str) -> WordsError {
    let mut word: String = token.chars().take(SHOWN_CHARS_MAX).collect();
    if word.len() < token.len() {
        word.push('…');
    }
    WordsError::Unknown { at: index + 1, word, suggestions: nearest(token) }
}

/// The words of the list that are nearest, in its order.
fn nearest(token: &str) -> Vec<&'static str> {
    let typed: Vec<char> = token.chars().take(SHOWN_CHARS_MAX).collect();
    let begins = typed.len() >= LETTERS_OF_A_BEGINNING;
    let far = |word: &&'static str| {
        let distance = distance(&typed, word.as_bytes());
        if begins && word.starts_with(token) { distance.min(1) } else { distance }
    };
    let list = || Language::English.word_list().iter().map(|word| (far(word), *word));
    let least = list().map(|(distance, _)| distance).min().unwrap_or_default();
    let at_least = list().filter(|(distance, _)| *distance == least && least <= DISTANCE_MAX);
    at_least.map(|(_, word)| word).take(SUGGESTIONS_MAX).collect()
}

/// Letters that are missing, too many, others, or changed places with their neighbour
/// ([optimal string alignment](https://en.wikipedia.org/wiki/Damerau%E2%80%93Levenshtein_distance)).
fn distance(typed: &[char], word: &[u8]) -> usize {
    let other = |i: usize, j: usize| typed[i] != char::from(word[j]);
    let mut row_before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=word.len()).collect();
    for i in 1..=typed.len() {
        let mut row = vec![i];
        for j in 1..=word.len() {
            let changed = above[j - 1] + usize::from(other(i - 1, j - 1));
            let mut edits = changed.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && !other(i - 1, j - 2) && !other(i - 2, j - 1) {
                edits = edits.min(row_before[j - 2] + 1);
            }
            row.push(edits);
        }
        row_before = std::mem::replace(&mut above, row);
    }
    above[word.len()]
}

/// Says that there is a secret, and not which.
pub(crate) fn hidden(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    write!(f, "{name}(secret)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_letters_tell_every_word_and_the_list_is_in_order() {
        let list = Language::English.word_list();
        assert!(list.is_sorted(), "it is searched by halves");
        for word in list {
            let short = &word[..word.len().min(LETTERS_THAT_TELL)];
            assert_eq!(word_of(short), Some(*word));
        }
    }
}
