//! `WebAuthn` signatures: a passkey signs its authenticator data and a JSON text whose challenge is the message.
//!
//! Owns ES256 (P-256) keys in COSE. Other COSE algorithms are refused by name.
//!
//! Source: [Web Authentication](https://internetcomputer.org/docs/references/ic-interface-spec#webauthn).

use minicbor::data::Type;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::cbor::{CborError, Reader, is_integer, once};
use super::error::SignatureError;

/// What a passkey answers.
struct Assertion {
    authenticator_data: Vec<u8>,
    client_data_json: Vec<u8>,
    signature: Vec<u8>,
}

#[derive(Deserialize)]
struct ClientData {
    challenge: String,
}

/// Checks a `WebAuthn` assertion over `message` by the COSE key in `cose`.
///
/// # Errors
/// [`SignatureError`] when anything does not fit.
pub(crate) fn verify(cose: &[u8], message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
    let key = es256_key(cose)?;
    let assertion = Reader::whole(signature, assertion)
        .map_err(|_| SignatureError::WebAuthn("the signature is not a CBOR map of an assertion"))?;
    let client_data: ClientData = serde_json::from_slice(&assertion.client_data_json)
        .map_err(|_| SignatureError::WebAuthn("client_data_json is not the JSON of a challenge"))?;
    if client_data.challenge.trim_end_matches('=') != base64_url(message) {
        return Err(SignatureError::WebAuthn("the challenge is not this message"));
    }
    let signed =
        [assertion.authenticator_data.as_slice(), &Sha256::digest(&assertion.client_data_json)].concat();
    let ok = key.verify_signature_with_der_encoded_sig(&signed, &assertion.signature);
    ok.then_some(()).ok_or(SignatureError::Mismatch("WebAuthn ES256"))
}

fn assertion(reader: &mut Reader<'_>) -> Result<Assertion, CborError> {
    let (mut authenticator_data, mut client_data_json, mut signature) = (None, None, None);
    reader.fields(|reader, name| match name {
        "authenticator_data" => once(&mut authenticator_data, "authenticator_data", reader.bytes()?),
        // Text by the specification; older clients send bytes.
        "client_data_json" => {
            let json = match reader.peek()? {
                Type::Bytes | Type::BytesIndef => reader.bytes()?,
                _ => reader.text()?.into_owned().into_bytes(),
            };
            once(&mut client_data_json, "client_data_json", json)
        }
        "signature" => once(&mut signature, "signature", reader.bytes()?),
        _ => reader.skip(),
    })?;
    Ok(Assertion {
        authenticator_data: authenticator_data.ok_or(CborError::Missing("authenticator_data"))?,
        client_data_json: client_data_json.ok_or(CborError::Missing("client_data_json"))?,
        signature: signature.ok_or(CborError::Missing("signature"))?,
    })
}

/// The members of a COSE key that are of use here.
#[derive(Default)]
struct Cose {
    /// `kty`, `alg` and `crv`, where they are integers.
    kty: Option<i64>,
    alg: Option<i64>,
    crv: Option<i64>,
    x: Option<Vec<u8>>,
    y: Option<Vec<u8>>,
}

impl Cose {
    /// Members of other kinds of keys may have other types under the same labels: those are passed.
    fn member(&mut self, reader: &mut Reader<'_>) -> Result<(), CborError> {
        let label = reader.i64()?;
        let found = reader.peek()?;
        match label {
            1 if is_integer(found) => once(&mut self.kty, "kty", reader.i64()?),
            3 if is_integer(found) => once(&mut self.alg, "alg", reader.i64()?),
            -1 if is_integer(found) => once(&mut self.crv, "crv", reader.i64()?),
            -2 if found == Type::Bytes => once(&mut self.x, "x", reader.bytes()?),
            -3 if found == Type::Bytes => once(&mut self.y, "y", reader.bytes()?),
            _ => reader.skip(),
        }
    }
}

/// The P-256 key of a COSE map with `kty: EC2 (2), alg: ES256 (-7), crv: P-256 (1)`.
fn es256_key(cose: &[u8]) -> Result<ic_secp256r1::PublicKey, SignatureError> {
    let mut key = Cose::default();
    Reader::whole(cose, |reader| reader.entries(|reader| key.member(reader)))
        .map_err(|error| SignatureError::BadKey(format!("not a COSE key: {error}")))?;
    if (key.kty, key.alg, key.crv) != (Some(2), Some(-7), Some(1)) {
        return Err(SignatureError::BadKey("only COSE keys for ES256 on P-256 are supported".into()));
    }
    let (Some(x), Some(y)) = (key.x, key.y) else {
        return Err(SignatureError::BadKey("the COSE key has no point".into()));
    };
    ic_secp256r1::PublicKey::deserialize_from_xy(&x, &y)
        .map_err(|error| SignatureError::BadKey(format!("{error:?}")))
}

/// Base64 for URLs without padding, [RFC 4648, section 5](https://www.rfc-editor.org/rfc/rfc4648#section-5).
fn base64_url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let word =
            group.iter().fold(0_u32, |word, byte| (word << 8) | u32::from(*byte)) << (8 * (3 - group.len()));
        for at in 0..=group.len() {
            let six_bits = (word >> (18 - 6 * at)) & 63;
            text.push(char::from(ALPHABET[six_bits as usize]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_cbor::Value;
    use std::collections::BTreeMap;

    fn cose(key: &ic_secp256r1::PublicKey, algorithm: i128) -> Vec<u8> {
        let point = key.serialize_sec1(false);
        let map = BTreeMap::from([
            (1_i64, Value::Integer(2)),
            (3, Value::Integer(algorithm)),
            (-1, Value::Integer(1)),
            (-2, Value::Bytes(point[1..33].to_vec())),
            (-3, Value::Bytes(point[33..].to_vec())),
        ]);
        serde_cbor::to_vec(&map).unwrap()
    }

    fn assertion(key: &ic_secp256r1::PrivateKey, challenge: &[u8]) -> Vec<u8> {
        let json =
            format!(r#"{{"type":"webauthn.get","challenge":"{}","origin":"x"}}"#, base64_url(challenge));
        let signed = [b"authenticator".as_slice(), &Sha256::digest(json.as_bytes())].concat();
        let map = BTreeMap::from([
            ("authenticator_data", Value::Bytes(b"authenticator".to_vec())),
            ("client_data_json", Value::Text(json)),
            ("signature", Value::Bytes(key.sign_message_with_der_encoded_sig(&signed))),
        ]);
        serde_cbor::to_vec(&map).unwrap()
    }

    #[test]
    fn a_passkey_signature_verifies_for_its_message_only() {
        let key = ic_secp256r1::PrivateKey::deserialize_sec1(&[7; 32]).unwrap();
        let cose_key = cose(&key.public_key(), -7);
        assert_eq!(verify(&cose_key, b"\x0Aic-request", &assertion(&key, b"\x0Aic-request")), Ok(()));
        let other = SignatureError::WebAuthn("the challenge is not this message");
        assert_eq!(verify(&cose_key, b"\x0Aic-request", &assertion(&key, b"other")), Err(other));
        let stranger = ic_secp256r1::PrivateKey::deserialize_sec1(&[8; 32]).unwrap();
        let mismatch = Err(SignatureError::Mismatch("WebAuthn ES256"));
        assert_eq!(verify(&cose_key, b"m", &assertion(&stranger, b"m")), mismatch);
        assert!(verify(&cose(&key.public_key(), -257), b"m", &assertion(&key, b"m")).is_err());
        assert!(verify(&cose_key, b"m", b"").is_err());
        assert!(verify(b"", b"m", &assertion(&key, b"m")).is_err());
    }

    #[test]
    fn base64_for_urls_is_as_the_rfc_has_it() {
        for (bytes, text) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64_url(bytes.as_bytes()), text);
        }
        assert_eq!(base64_url(&[0xfb, 0xff]), "-_8");
    }
}
