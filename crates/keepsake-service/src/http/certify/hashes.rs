//! Hashes of requests and answers, as gateways hash them. Owns their form.
//! Source: [hash of map](https://docs.internetcomputer.org/references/ic-interface-spec/#hash-of-map),
//! [requests and responses](https://docs.internetcomputer.org/references/http-gateway-protocol-spec#request-hash-calculation).

use super::{EXPRESSION, EXPRESSION_HEADER};
use keepsake_core::certified::Digest;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

pub(super) fn pair(first: &Digest, second: &Digest) -> Digest {
    Sha256::new_with_prefix(first).chain_update(second).finalize().into()
}

/// Representation-independent hashes. Each text is hashed once: most headers are the same in every answer.
/// Source: [hash of map](https://docs.internetcomputer.org/references/ic-interface-spec/#hash-of-map).
#[derive(Default)]
pub(super) struct Hashes(BTreeMap<Vec<u8>, Digest>);

impl Hashes {
    pub(super) fn of(&mut self, text: &str) -> Digest {
        self.of_bytes(text.as_bytes())
    }

    fn of_bytes(&mut self, bytes: &[u8]) -> Digest {
        if let Some(known) = self.0.get(bytes) {
            return *known;
        }
        let digest = Sha256::digest(bytes).into();
        self.0.insert(bytes.to_vec(), digest);
        digest
    }

    fn map(&mut self, fields: &[(&str, &[u8])]) -> Digest {
        let mut pairs: Vec<[Digest; 2]> =
            fields.iter().map(|(name, value)| [self.of(name), self.of_bytes(value)]).collect();
        pairs.sort_unstable();
        Sha256::digest(pairs.concat().concat()).into()
    }

    /// A request without query and body, with one of the headers that are certified or none.
    pub(super) fn request(&mut self, method: &str, header: Option<(&str, &str)>) -> Digest {
        let mut fields = vec![(":ic-cert-method", method.as_bytes())];
        fields.extend(header.map(|(name, value)| (name, value.as_bytes())));
        pair(&self.map(&fields), &self.of(""))
    }

    pub(super) fn response_headers(&mut self, headers: &[(&'static str, String)], status: u16) -> Digest {
        self.response_headers_under(EXPRESSION, headers, status)
    }

    /// As [`Self::response_headers`], for answers with another expression.
    pub(super) fn response_headers_under(
        &mut self,
        expression: &str,
        headers: &[(&'static str, String)],
        status: u16,
    ) -> Digest {
        // A number is hashed as its LEB128.
        let status = [
            u8::try_from(status & 0x7F).expect("seven bits") | 0x80,
            u8::try_from(status >> 7).expect("a status has three digits"),
        ];
        let mut fields: Vec<(&str, &[u8])> =
            headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        fields.extend([(EXPRESSION_HEADER, expression.as_bytes()), (":ic-cert-status", &status[..])]);
        self.map(&fields)
    }
}
