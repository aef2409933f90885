//! CBOR in and out: a reader for bytes that anybody may have sent, and the encoding of replies.
//!
//! Owns the bounds on nesting and items, and what counts as well-formed. Owns no meaning: who reads a message says which
//! fields it has. The reader goes over the bytes once. It takes what a field needs and skips the rest, so it allocates
//! no more than the bytes of the fields, plus a few words for each of at most [`ITEMS_MAX`] items.
//!
//! Source: [RFC 8949](https://www.rfc-editor.org/rfc/rfc8949.html#section-3).

use std::borrow::Cow;

use candid::Principal;
use minicbor::data::{Tag, Type};
use minicbor::decode::{Decoder, Error};

/// Deepest nesting of arrays, maps and tags. An envelope needs 6.
const DEPTH_MAX: usize = 16;

/// Most items of one message. The largest honest message is a `read_state` of 1000 paths of 127 labels.
const ITEMS_MAX: u64 = 150_000;

/// The tag that says: this is CBOR.
const SELF_DESCRIBED: u64 = 55_799;

/// Why bytes are not the message that was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CborError {
    /// The bytes end inside an item.
    #[error("the CBOR ends in the middle of an item")]
    Truncated,
    /// A reserved encoding, text that is not UTF-8, or a break code outside an indefinite item.
    #[error("the CBOR is not well-formed at byte {0}")]
    NotWellFormed(usize),
    /// There is more after the one item.
    #[error("there are bytes after the CBOR item, from byte {0} on")]
    TrailingBytes(usize),
    /// Nested too deep.
    #[error("the CBOR is nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
    /// Too many items.
    #[error("the CBOR has more than {ITEMS_MAX} items")]
    TooManyItems,
    /// An item of another type.
    #[error("expected {expected} at byte {at}, found {found}")]
    Type {
        /// What belongs there.
        expected: &'static str,
        /// The CBOR type that is there.
        found: String,
        /// Offset of the item.
        at: usize,
    },
    /// A field that the message needs.
    #[error("the field `{0}` is missing")]
    Missing(&'static str),
    /// The same field again: readers could disagree on which one counts.
    #[error("the field `{0}` is there twice")]
    Twice(&'static str),
    /// A value that the field cannot have.
    #[error("`{value}` is not a {field}")]
    Value {
        /// The field.
        field: &'static str,
        /// What it says, cut where it gets long.
        value: String,
    },
}

/// Reads one message, item by item.
pub(crate) struct Reader<'b> {
    decoder: Decoder<'b>,
    items: u64,
    depth: usize,
}

impl<'b> Reader<'b> {
    /// Reads all of `bytes` as one item by `read`.
    ///
    /// # Errors
    /// [`CborError`], the first violation found.
    pub(crate) fn whole<T>(
        bytes: &'b [u8],
        read: impl FnOnce(&mut Self) -> Result<T, CborError>,
    ) -> Result<T, CborError> {
        let mut reader = Self { decoder: Decoder::new(bytes), items: 0, depth: 0 };
        let value = read(&mut reader)?;
        match reader.decoder.position() {
            end if end < bytes.len() => Err(CborError::TrailingBytes(end)),
            _ => Ok(value),
        }
    }

    /// A map whose keys are text: `field` reads the value of each.
    pub(crate) fn fields(
        &mut self,
        mut field: impl FnMut(&mut Self, &str) -> Result<(), CborError>,
    ) -> Result<(), CborError> {
        self.entries(|reader| {
            let name = reader.text()?;
            field(reader, &name)
        })
    }

    /// A map: `entry` reads a key and its value.
    pub(crate) fn entries(
        &mut self,
        entry: impl FnMut(&mut Self) -> Result<(), CborError>,
    ) -> Result<(), CborError> {
        match self.item()? {
            Type::Map | Type::MapIndef => {
                let len = self.decoder.map();
                let len = self.taken(len)?;
                self.each(len, entry)
            }
            found => Err(self.wrong("a map", found)),
        }
    }

    /// An array: `item` reads each item.
    pub(crate) fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, CborError>,
    ) -> Result<Vec<T>, CborError> {
        match self.item()? {
            Type::Array | Type::ArrayIndef => {
                let len = self.decoder.array();
                let len = self.taken(len)?;
                // Grows with what is there: the length in the head is the sender's word.
                let mut items = Vec::new();
                self.each(len, |reader| {
                    items.push(item(reader)?);
                    Ok(())
                })?;
                Ok(items)
            }
            found => Err(self.wrong("an array", found)),
        }
    }

    /// A byte string, in one piece or in chunks.
    pub(crate) fn bytes(&mut self) -> Result<Vec<u8>, CborError> {
        match self.item()? {
            Type::Bytes | Type::BytesIndef => {
                let mut all = Vec::new();
                self.byte_chunks(|chunk| all.extend_from_slice(chunk))?;
                Ok(all)
            }
            found => Err(self.wrong("a byte string", found)),
        }
    }

    /// A text string, in one piece or in chunks.
    pub(crate) fn text(&mut self) -> Result<Cow<'b, str>, CborError> {
        match self.item()? {
            Type::String => {
                let text = self.decoder.str();
                self.taken(text).map(Cow::Borrowed)
            }
            Type::StringIndef => {
                let mut all = String::new();
                self.text_chunks(|chunk| all.push_str(chunk))?;
                Ok(Cow::Owned(all))
            }
            found => Err(self.wrong("text", found)),
        }
    }

    /// An unsigned integer.
    pub(crate) fn u64(&mut self) -> Result<u64, CborError> {
        match self.item()? {
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => {
                let value = self.decoder.u64();
                self.taken(value)
            }
            found => Err(self.wrong("an unsigned integer of 64 bits", found)),
        }
    }

    /// An integer of any sign.
    pub(crate) fn i64(&mut self) -> Result<i64, CborError> {
        let found = self.item()?;
        if is_integer(found) {
            let value = self.decoder.i64();
            return self.taken(value);
        }
        Err(self.wrong("an integer of 64 bits", found))
    }

    /// A principal, as its bytes.
    pub(crate) fn principal(&mut self, field: &'static str) -> Result<Principal, CborError> {
        let bytes = self.bytes()?;
        Principal::try_from_slice(&bytes).map_err(|_| CborError::Value {
            field,
            value: format!("0x{}", super::authentication::hex(&bytes)),
        })
    }

    /// What `read` gives, or nothing where the item is null or undefined.
    pub(crate) fn optional<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, CborError>,
    ) -> Result<Option<T>, CborError> {
        match self.peek()? {
            Type::Null | Type::Undefined => self.skip().map(|()| None),
            _ => read(self).map(Some),
        }
    }

    /// The type of the item that comes next.
    pub(crate) fn peek(&mut self) -> Result<Type, CborError> {
        let found = self.decoder.datatype();
        self.taken(found)
    }

    /// Passes one item of any type, with all that is in it.
    pub(crate) fn skip(&mut self) -> Result<(), CborError> {
        match self.item()? {
            Type::Array | Type::ArrayIndef => {
                let len = self.decoder.array();
                let len = self.taken(len)?;
                self.each(len, Self::skip)
            }
            Type::Map | Type::MapIndef => {
                let len = self.decoder.map();
                let len = self.taken(len)?;
                self.each(len, |reader| {
                    reader.skip()?;
                    reader.skip()
                })
            }
            Type::Bytes | Type::BytesIndef => self.byte_chunks(|_| ()),
            Type::String | Type::StringIndef => self.text_chunks(|_| ()),
            Type::Break | Type::Unknown(_) => Err(CborError::NotWellFormed(self.decoder.position())),
            _ => {
                let skipped = self.decoder.skip();
                self.taken(skipped)
            }
        }
    }

    /// Passes the tags before the next item, which say nothing here, and gives its type.
    fn item(&mut self) -> Result<Type, CborError> {
        for _ in self.depth..=DEPTH_MAX {
            self.count()?;
            match self.peek()? {
                Type::Tag => {
                    let tag = self.decoder.tag();
                    self.taken(tag)?;
                }
                found => return Ok(found),
            }
        }
        Err(CborError::TooDeep)
    }

    /// Reads the entries of one container, `len` of them or up to the break code.
    fn each(
        &mut self,
        len: Option<u64>,
        mut entry: impl FnMut(&mut Self) -> Result<(), CborError>,
    ) -> Result<(), CborError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(CborError::TooDeep);
        }
        let mut left = len;
        loop {
            match &mut left {
                Some(0) => break,
                Some(left) => *left -= 1,
                None if self.peek()? == Type::Break => {
                    let passed = self.decoder.skip();
                    self.taken(passed)?;
                    break;
                }
                None => {}
            }
            entry(self)?;
        }
        self.depth -= 1;
        Ok(())
    }

    fn byte_chunks(&mut self, mut take: impl FnMut(&[u8])) -> Result<(), CborError> {
        let chunks = self.decoder.bytes_iter().map_err(|error| fault(&error, 0))?;
        for (at, chunk) in (1..).zip(chunks) {
            take(chunk.map_err(|error| fault(&error, 0))?);
            if self.items + at > ITEMS_MAX {
                return Err(CborError::TooManyItems);
            }
        }
        Ok(())
    }

    fn text_chunks(&mut self, mut take: impl FnMut(&str)) -> Result<(), CborError> {
        let chunks = self.decoder.str_iter().map_err(|error| fault(&error, 0))?;
        for (at, chunk) in (1..).zip(chunks) {
            take(chunk.map_err(|error| fault(&error, 0))?);
            if self.items + at > ITEMS_MAX {
                return Err(CborError::TooManyItems);
            }
        }
        Ok(())
    }

    fn count(&mut self) -> Result<(), CborError> {
        self.items += 1;
        if self.items > ITEMS_MAX { Err(CborError::TooManyItems) } else { Ok(()) }
    }

    fn taken<T>(&self, result: Result<T, Error>) -> Result<T, CborError> {
        result.map_err(|error| fault(&error, self.decoder.position()))
    }

    /// What to say of an item of another type: that it is broken, where it is.
    fn wrong(&mut self, expected: &'static str, found: Type) -> CborError {
        let at = self.decoder.position();
        match self.skip() {
            Err(error) => error,
            Ok(()) => CborError::Type { expected, found: found.to_string(), at },
        }
    }
}

/// Puts the value of a field in its place.
///
/// # Errors
/// [`CborError::Twice`] where one is there already.
pub(crate) fn once<T>(place: &mut Option<T>, field: &'static str, value: T) -> Result<(), CborError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(CborError::Twice(field)),
    }
}

/// Whether items of this type hold an integer.
pub(crate) fn is_integer(found: Type) -> bool {
    matches!(
        found,
        Type::U8
            | Type::U16
            | Type::U32
            | Type::U64
            | Type::I8
            | Type::I16
            | Type::I32
            | Type::I64
            | Type::Int
    )
}

fn fault(error: &Error, at: usize) -> CborError {
    if error.is_end_of_input() {
        return CborError::Truncated;
    }
    CborError::NotWellFormed(error.position().unwrap_or(at))
}

/// CBOR with the self-describing tag 55799.
///
/// Source: [CBOR](https://internetcomputer.org/docs/references/ic-interface-spec#cbor).
pub(crate) fn encode<T: serde::Serialize>(value: &T) -> Vec<u8> {
    let mut serializer = minicbor_serde::Serializer::new(Vec::new());
    serializer.serialize_unit_as_null(true);
    serializer.encoder_mut().tag(Tag::new(SELF_DESCRIBED)).expect("writing to memory does not fail");
    value.serialize(&mut serializer).expect("replies hold only maps, strings, bytes and integers");
    let mut bytes = serializer.into_encoder().into_writer();
    // It stays in memory until a client has taken it, and may have grown to twice its length.
    bytes.shrink_to_fit();
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(bytes: &[u8]) -> Result<(), CborError> {
        Reader::whole(bytes, Reader::skip)
    }

    #[test]
    fn passes_all_that_is_well_formed() {
        let value =
            (7_u32, Some("x"), None::<u8>, vec![vec![], vec![1_u8; 300]], 1_u64 << 40, (-7, 0.5, true));
        assert_eq!(check(&serde_cbor::to_vec(&value).unwrap()), Ok(()));
        assert_eq!(check(&[0xd9, 0xd9, 0xf7, 0xa0]), Ok(()));
        assert_eq!(check(&[0x9f, 0x01, 0x5f, 0x41, 0x00, 0xff, 0xff]), Ok(()));
        assert_eq!(check(&[0xbf, 0x01, 0x7f, 0x61, 0x61, 0xff, 0xff]), Ok(()));
        assert_eq!(check(&[0x80; 1]), Ok(()));
    }

    #[test]
    fn refuses_every_truncation() {
        let bytes = serde_cbor::to_vec(&(1_u64 << 40, "hello", vec![1, 2, 3], Some("x"))).unwrap();
        for len in 0..bytes.len() {
            assert_eq!(check(&bytes[..len]), Err(CborError::Truncated), "{len}");
        }
    }

    #[test]
    fn refuses_deep_long_and_broken_input() {
        assert_eq!(check(&[0x81; 64]), Err(CborError::TooDeep));
        assert_eq!(check(&[0xc6; 64]), Err(CborError::TooDeep));
        assert_eq!(check(&[0x9f; 64]), Err(CborError::TooDeep));
        for (head, item) in [([0x9a, 0x00, 0x30, 0x00, 0x00], 0x80), ([0x9f, 0x5f, 0x40, 0x40, 0x40], 0x40)] {
            let mut many = head.to_vec();
            many.resize(4 << 20, item);
            assert_eq!(check(&many), Err(CborError::TooManyItems));
        }
        assert_eq!(check(&[0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), Err(CborError::Truncated));
        for broken in
            [&[0xff][..], &[0x81, 0xff], &[0x5f, 0x01, 0xff], &[0x1c], &[0xbf, 0x01, 0xff], &[0x61, 0xff]]
        {
            assert!(matches!(check(broken), Err(CborError::NotWellFormed(_))), "{broken:?}");
        }
        assert_eq!(check(&[0x00, 0x00]), Err(CborError::TrailingBytes(1)));
    }

    #[test]
    fn an_item_of_another_type_is_named_where_it_is() {
        let error = Reader::whole(&[0xa1, 0x61, 0x61, 0x20], |r| r.fields(|r, _| r.u64().map(drop)));
        let expected = "an unsigned integer of 64 bits";
        assert_eq!(error, Err(CborError::Type { expected, found: "i8".into(), at: 3 }));
        let error = Reader::whole(&[0xa1, 0x01, 0x20], |r| r.fields(|r, _| r.skip()));
        assert_eq!(error, Err(CborError::Type { expected: "text", found: "u8".into(), at: 1 }));
    }

    #[test]
    fn replies_are_the_bytes_that_another_encoder_makes() {
        let value =
            serde_json::json!({"a": [1, 300, -5, null, true], "status": "replied", "n": {"x": u64::MAX}});
        let mut other = serde_cbor::Serializer::new(Vec::new());
        other.self_describe().unwrap();
        serde::Serialize::serialize(&value, &mut other).unwrap();
        assert_eq!(encode(&value), other.into_inner());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// Heads of containers and strings are more frequent here than among all bytes.
        #[test]
        fn bytes_of_any_kind_have_the_same_verdict_as_another_decoder(
            bytes in proptest::collection::vec(
                prop_oneof![any::<u8>(), 0x40_u8..0x44, 0x80_u8..0x84, 0xa0_u8..0xa3, Just(0x5f), Just(0x9f), Just(0xff)],
                0..24,
            ),
        ) {
            let theirs = serde_cbor::from_slice::<serde_cbor::Value>(&bytes);
            match check(&bytes) {
                Ok(()) => prop_assert!(theirs.is_ok() || lax(&bytes), "{theirs:?}"),
                Err(error) => prop_assert!(theirs.is_err() || error == CborError::TooDeep, "{error:?}"),
            }
        }
    }

    /// Simple values that the other decoder does not know; both are well-formed.
    fn lax(bytes: &[u8]) -> bool {
        bytes.iter().any(|byte| matches!(byte, 0xe0..=0xf3 | 0xf8))
    }
}
