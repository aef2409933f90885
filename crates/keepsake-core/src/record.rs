//! How records are kept in stable maps: one version byte, then CBOR with numbered fields.
//!
//! ```text
//! ┌─────────┬──────────────────────────────────────────────┐
//! │ version │ CBOR array or map, one slot per field number │
//! │ u8 = 1  │ (minicbor; a later version only adds fields) │
//! └─────────┴──────────────────────────────────────────────┘
//! ```
//! Owns encoding; each module owns its own record type. Source: RFC 8949.

use ic_principal::Principal;
use ic_stable_structures::{Storable, storable::Bound};
use minicbor::{Decode, Encode};
use std::borrow::Cow;

const RECORD_VERSION: u8 = 1;

/// A record in a stable map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record<T>(pub(crate) T);

impl<T: Encode<()> + for<'b> Decode<'b, ()>> Storable for Record<T> {
    const BOUND: Bound = Bound::Unbounded;

    fn to_bytes(&self) -> Cow<'_, [u8]> {
        Cow::Owned(encode(&self.0))
    }

    fn into_bytes(self) -> Vec<u8> {
        encode(&self.0)
    }

    fn from_bytes(bytes: Cow<[u8]>) -> Self {
        let (version, body) = bytes.split_first().expect("a record has a version byte");
        assert_eq!(*version, RECORD_VERSION, "the layout version was checked when the store was opened");
        Self(minicbor::decode(body).expect("a record decodes as it was encoded"))
    }
}

pub(crate) fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut bytes = vec![RECORD_VERSION];
    minicbor::encode(value, &mut bytes).expect("encoding into a vector cannot fail");
    bytes
}

/// The first field of a record that begins with a number, from the record's front.
pub(crate) fn first_number(front: &[u8]) -> u64 {
    let mut decoder = minicbor::Decoder::new(&front[1..]);
    let number = decoder.array().and_then(|_| decoder.u64());
    number.expect("the record begins with a number")
}

/// CBOR of any value, for fingerprints.
pub(crate) fn canonical<T: Encode<()>>(value: &T) -> Vec<u8> {
    encode(value)
}

/// A principal as CBOR bytes, for `#[cbor(with)]`.
pub(crate) mod principal {
    use super::Principal;
    use minicbor::{
        Decoder, Encoder, decode::Error as DecodeError, encode::Error as EncodeError, encode::Write,
    };

    pub(crate) fn encode<C, W: Write>(
        value: &Principal,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        e.bytes(value.as_slice())?.ok()
    }

    pub(crate) fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<Principal, DecodeError> {
        Principal::try_from_slice(d.bytes()?).map_err(|_| DecodeError::message("not a principal"))
    }
}

/// Big-endian concatenation, so that keys sort as their parts do.
pub(crate) fn key16(high: u64, low: u64) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&high.to_be_bytes());
    key[8..].copy_from_slice(&low.to_be_bytes());
    key
}

/// The two halves of [`key16`].
pub(crate) fn halves16(key: &[u8; 16]) -> (u64, u64) {
    let (high, low) = key.split_at(8);
    (u64_be(high), u64_be(low))
}

/// Reads eight big-endian bytes.
pub(crate) fn u64_be(bytes: &[u8]) -> u64 {
    u64::from_be_bytes(bytes.try_into().expect("the key part has eight bytes"))
}

/// A principal as a fixed-size key: length, bytes, zeroes.
pub(crate) fn principal_key(principal: &Principal) -> [u8; 30] {
    let bytes = principal.as_slice();
    let mut key = [0; 30];
    key[0] = u8::try_from(bytes.len()).expect("a principal has at most 29 bytes");
    key[1..=bytes.len()].copy_from_slice(bytes);
    key
}

/// The principal of a [`principal_key`].
pub(crate) fn principal_of_key(key: &[u8]) -> Principal {
    let len = usize::from(key[0]);
    Principal::from_slice(&key[1..=len])
}
