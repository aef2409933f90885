//! Links: a secret in an address's fragment, which no server sees, and the key that it makes. Whoever has it may look.
//!
//! Owns the fragment's form and the derivation, one for all clients; `fixtures/client/links.json` has the cases. What the key
//! may see is the service's to say.

use crate::agent::{BasicIdentity, Delegation, Identity};
use crate::recovery::identity_of;
use crate::secret::{self, SECRET_BYTES};
use candid::Principal;
use ic_agent::Signature;
use ic_agent::agent::EnvelopeContent;
use icu_normalizer::ComposingNormalizer;
use pbkdf2::pbkdf2_hmac;
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

const INFO: &[u8] = b"keepsake link key v1";
const PASSWORD_SALT: &[u8] = b"keepsake link password v1";
/// As many as [OWASP](https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#pbkdf2) asks for.
const PASSWORD_ROUNDS: u32 = 600_000;

/// A link's secret, and whether a password belongs to it.
#[derive(Clone, PartialEq, Eq)]
pub struct Link {
    secret: Zeroizing<[u8; SECRET_BYTES]>,
    has_password: bool,
}

/// Why a link opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// The address holds no link, or a part of one.
    #[error("this link is not whole: it ends in #link= and 22 letters, digits, - and _. Copy it again")]
    Malformed,
    /// A password without a character.
    #[error("the password is empty: a password has at least one character")]
    PasswordEmpty,
}

impl LinkError {
    /// The kind of failure by the word that all clients have for it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Malformed => "link_malformed",
            Self::PasswordEmpty => "password_empty",
        }
    }
}

impl Link {
    /// A new one, from the system's own randomness.
    pub fn random(has_password: bool) -> Self {
        Self { secret: secret::random(), has_password }
    }

    /// The link of this secret.
    pub fn from_secret(secret: [u8; SECRET_BYTES], has_password: bool) -> Self {
        Self { secret: Zeroizing::new(secret), has_password }
    }

    /// The secret's bytes.
    pub fn secret(&self) -> &[u8; SECRET_BYTES] {
        &self.secret
    }

    /// Its address says that a password is needed.
    pub fn has_password(&self) -> bool {
        self.has_password
    }

    /// What stands behind the page's address: `#link=…`, and `&password=yes` where one is needed.
    pub fn to_fragment(&self) -> Zeroizing<String> {
        let password = if self.has_password { "&password=yes" } else { "" };
        Zeroizing::new(format!("#link={}{password}", *secret::text_of(&self.secret)))
    }

    /// Reads a whole address, or its fragment alone.
    ///
    /// # Errors
    /// [`LinkError::Malformed`].
    pub fn parse(address: &str) -> Result<Self, LinkError> {
        let address = address.trim();
        let fragment = address.split_once('#').map_or(address, |(_, fragment)| fragment);
        let mut link = (None, None);
        for part in fragment.split('&') {
            let earlier = match part.split_once('=') {
                Some(("link", text)) => link.0.replace(text),
                Some(("password", text)) => link.1.replace(text),
                _ => None,
            };
            if earlier.is_some() {
                return Err(LinkError::Malformed);
            }
        }
        let (Some(text), None | Some("yes")) = link else { return Err(LinkError::Malformed) };
        let secret = secret::of_text(text).ok_or(LinkError::Malformed)?;
        Ok(Self { secret, has_password: link.1.is_some() })
    }

    /// The key that the secret makes, with the password where the link was made with one: Ed25519, of the seed
    /// HKDF-SHA256(secret, salt, `keepsake link key v1`). The salt is none without a password; with one it is
    /// PBKDF2-HMAC-SHA256 of it, in Unicode's composed form, 600,000 rounds: some tenths of a second, so call it where that
    /// holds nobody up. Another password makes another key, which opens nothing.
    ///
    /// # Errors
    /// [`LinkError::PasswordEmpty`].
    pub fn identity(&self, password: Option<&str>) -> Result<LinkIdentity, LinkError> {
        let Some(password) = password else {
            return Ok(LinkIdentity(identity_of(self.secret.as_slice(), None, INFO)));
        };
        if password.is_empty() {
            return Err(LinkError::PasswordEmpty);
        }
        let password = Zeroizing::new(ComposingNormalizer::new_nfc().normalize(password).into_owned());
        let salt = [PASSWORD_SALT, self.secret.as_slice()].concat();
        let mut key = Zeroizing::new([0; 32]);
        pbkdf2_hmac::<Sha256>(password.as_bytes(), &salt, PASSWORD_ROUNDS, key.as_mut_slice());
        Ok(LinkIdentity(identity_of(self.secret.as_slice(), Some(key.as_slice()), INFO)))
    }
}

/// What a link's key says where it should sign a change.
pub(crate) const LINK_ONLY_LOOKS: &str =
    "a link only looks: connect with the identity of a person to add or change something";

/// The key of a link. It signs what reads and nothing else: whatever becomes of the link, nobody does anything in the name of a key
/// that all have who have the link.
#[derive(Debug)]
pub struct LinkIdentity(BasicIdentity);

impl Identity for LinkIdentity {
    fn sender(&self) -> Result<Principal, String> {
        self.0.sender()
    }

    fn public_key(&self) -> Option<Vec<u8>> {
        self.0.public_key()
    }

    fn sign(&self, content: &EnvelopeContent) -> Result<Signature, String> {
        match content {
            EnvelopeContent::Call { .. } => Err(LINK_ONLY_LOOKS.to_owned()),
            _ => self.0.sign(content),
        }
    }

    /// Whoever had one could sign changes by it.
    fn sign_delegation(&self, _: &Delegation) -> Result<Signature, String> {
        Err(LINK_ONLY_LOOKS.to_owned())
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link(secret, has_password: {})", self.has_password)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_link_signs_no_change() {
        let key = Link::random(false).identity(None).unwrap();
        let sender = key.sender().unwrap();
        let content = |call: bool| {
            let (method_name, arg) = ("m".to_owned(), Vec::new());
            let (ingress_expiry, canister_id, nonce) = (1, Principal::management_canister(), None);
            if call {
                EnvelopeContent::Call {
                    nonce,
                    ingress_expiry,
                    sender,
                    canister_id,
                    method_name,
                    arg,
                    sender_info: None,
                }
            } else {
                EnvelopeContent::Query {
                    nonce,
                    ingress_expiry,
                    sender,
                    canister_id,
                    method_name,
                    arg,
                    sender_info: None,
                }
            }
        };
        assert!(key.sign(&content(false)).is_ok());
        assert_eq!(key.sign(&content(true)).err().as_deref(), Some(LINK_ONLY_LOOKS));
        let delegation = Delegation { pubkey: vec![1], expiration: 1, targets: None, permissions: None };
        assert_eq!(key.sign_delegation(&delegation).err().as_deref(), Some(LINK_ONLY_LOOKS));
        assert!(key.sign_arbitrary(b"x").is_err());
    }

    #[test]
    fn a_new_link_is_another_one_each_time_and_is_not_printed() {
        let (one, two) = (Link::random(true), Link::random(true));
        assert_ne!(one, two);
        assert_eq!(Link::parse(&one.to_fragment()), Ok(one.clone()));
        assert_eq!(format!("{one:?}"), "Link(secret, has_password: true)");
    }
}
