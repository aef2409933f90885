//! The rules of secrets that people hold: codes, recovery sheets, links, and the keys that they make.

use super::{cases, unhex};
use crate::agent::Identity;
use crate::{Code, Link, RecoveryWords};
use serde::Deserialize;

/// What a mistake is called, and what a person is told.
#[derive(Debug, Deserialize, PartialEq)]
struct Wrong {
    code: String,
    message: String,
}

impl Wrong {
    fn new(code: &str, error: &dyn std::error::Error) -> Self {
        Self { code: code.to_owned(), message: error.to_string() }
    }
}

#[derive(Deserialize)]
struct WordsCases {
    codes: Vec<CodeCase>,
    typed: Vec<TypedCode>,
}

#[derive(Deserialize)]
struct CodeCase {
    bytes: String,
    text: String,
    words: String,
}

#[derive(Deserialize)]
struct TypedCode {
    note: String,
    typed: String,
    bytes: Option<String>,
    error: Option<Wrong>,
}

#[test]
fn codes_are_written_and_read_by_the_rules() {
    let cases: WordsCases = cases("words.json");
    for CodeCase { bytes, text, words } in cases.codes {
        let code = Code::from_bytes(unhex(&bytes).try_into().unwrap());
        assert_eq!((&*code.to_text(), &*code.to_words()), (&text, &words));
        assert_eq!(Code::parse(&text), Ok(code.clone()));
        assert_eq!(Code::parse(&words), Ok(code));
    }
    for TypedCode { note, typed, bytes, error } in cases.typed {
        let found = Code::parse(&typed);
        assert_eq!(
            found.as_ref().ok().map(|code| code.as_bytes().to_vec()),
            bytes.as_deref().map(unhex),
            "{note}"
        );
        assert_eq!(found.err().map(|wrong| Wrong::new(wrong.code(), &wrong)), error, "{note}");
    }
}

#[derive(Deserialize)]
struct RecoveryCases {
    keys: Vec<SheetCase>,
    typed: Vec<TypedSheet>,
}

#[derive(Deserialize)]
struct SheetCase {
    entropy: String,
    words: String,
    principal: String,
}

#[derive(Deserialize)]
struct TypedSheet {
    note: String,
    typed: String,
    principal: Option<String>,
    error: Option<Wrong>,
}

fn principal(identity: &impl Identity) -> String {
    identity.sender().unwrap().to_text()
}

#[test]
fn a_recovery_sheet_makes_its_key_by_the_rules() {
    let cases: RecoveryCases = cases("recovery.json");
    for SheetCase { entropy, words, principal: expected } in cases.keys {
        let sheet = RecoveryWords::parse(&words).unwrap();
        assert_eq!((&*sheet.to_words(), principal(&sheet.identity())), (&words, expected), "{entropy}");
    }
    for TypedSheet { note, typed, principal: expected, error } in cases.typed {
        let found = RecoveryWords::parse(&typed);
        assert_eq!(found.as_ref().ok().map(|sheet| principal(&sheet.identity())), expected, "{note}");
        assert_eq!(found.err().map(|wrong| Wrong::new(wrong.code(), &wrong)), error, "{note}");
    }
}

#[derive(Deserialize)]
struct LinkCases {
    fragments: Vec<FragmentCase>,
    addresses: Vec<AddressCase>,
    keys: Vec<LinkKeyCase>,
}

#[derive(Deserialize)]
struct FragmentCase {
    secret: String,
    has_password: bool,
    fragment: String,
}

#[derive(Deserialize)]
struct AddressCase {
    note: String,
    address: String,
    secret: Option<String>,
    has_password: Option<bool>,
    error: Option<Wrong>,
}

#[derive(Deserialize)]
struct LinkKeyCase {
    note: String,
    secret: String,
    password: Option<String>,
    principal: Option<String>,
    error: Option<Wrong>,
}

fn link(secret: &str, has_password: bool) -> Link {
    Link::from_secret(unhex(secret).try_into().unwrap(), has_password)
}

#[test]
fn links_are_written_and_read_and_make_their_keys_by_the_rules() {
    let cases: LinkCases = cases("links.json");
    for FragmentCase { secret, has_password, fragment } in cases.fragments {
        assert_eq!(*link(&secret, has_password).to_fragment(), fragment);
    }
    for AddressCase { note, address, secret, has_password, error } in cases.addresses {
        let found = Link::parse(&address);
        let expected = secret.map(|secret| link(&secret, has_password.unwrap()));
        assert_eq!(found.as_ref().ok(), expected.as_ref(), "{note}");
        assert_eq!(found.err().map(|wrong| Wrong::new(wrong.code(), &wrong)), error, "{note}");
    }
    for LinkKeyCase { note, secret, password, principal: expected, error } in cases.keys {
        let found = link(&secret, password.is_some()).identity(password.as_deref());
        assert_eq!(found.as_ref().ok().map(principal), expected, "{note}");
        assert_eq!(found.err().map(|wrong| Wrong::new(wrong.code(), &wrong)), error, "{note}");
    }
}
