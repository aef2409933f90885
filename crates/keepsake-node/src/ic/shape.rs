//! A structural scan of CBOR before anything is decoded: bounded nesting, bounded number of items, no bytes left over.
//!
//! Owns no meaning. A decoder that allocates per item can turn a few megabytes of one-byte items into hundreds;
//! this scan allocates nothing that grows with the input.

/// Deepest nesting of arrays, maps and tags. An envelope needs 6.
const DEPTH_MAX: usize = 16;

/// Most items of one message. The largest honest message is a `read_state` of 1000 paths of 127 labels.
const ITEMS_MAX: u64 = 150_000;

/// Why bytes are not acceptable CBOR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// The bytes end inside an item.
    #[error("the CBOR ends in the middle of an item")]
    Truncated,
    /// A reserved encoding, or a break code outside an indefinite item.
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
}

/// One open container.
#[derive(Clone, Copy)]
enum Open {
    /// This many items are still missing.
    Counted(u64),
    /// Closed by a break code; `chunks` when it is a string, whose parts must be strings of the same kind.
    Indefinite { chunks: Option<u8> },
}

/// Checks that `bytes` are exactly one well-formed CBOR item within the bounds of this module.
///
/// Source: [RFC 8949, section 3](https://www.rfc-editor.org/rfc/rfc8949#section-3).
///
/// # Errors
/// [`ShapeError`], the first violation found.
pub(crate) fn check(bytes: &[u8]) -> Result<(), ShapeError> {
    let mut scan = Scan { bytes, at: 0, items: 0, depth: 0, stack: [Open::Counted(0); DEPTH_MAX] };
    loop {
        if scan.item()? {
            break;
        }
    }
    if scan.at < bytes.len() { Err(ShapeError::TrailingBytes(scan.at)) } else { Ok(()) }
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    items: u64,
    depth: usize,
    stack: [Open; DEPTH_MAX],
}

impl Scan<'_> {
    /// Reads one item head. Returns true when the outermost item is complete.
    fn item(&mut self) -> Result<bool, ShapeError> {
        let start = self.at;
        let initial = *self.bytes.get(start).ok_or(ShapeError::Truncated)?;
        self.at += 1;
        self.items += 1;
        if self.items > ITEMS_MAX {
            return Err(ShapeError::TooManyItems);
        }
        let (major, info) = (initial >> 5, initial & 31);
        if let Some(Open::Indefinite { chunks: Some(kind) }) = self.top()
            && initial != 0xff
            && (major != kind || info == 31)
        {
            return Err(ShapeError::NotWellFormed(start));
        }
        if info == 31 {
            return self.indefinite(major, start);
        }
        let argument = self.argument(info, start)?;
        match major {
            2 | 3 => self.skip(argument)?,
            4 if argument > 0 => return self.open(Open::Counted(argument)).map(|()| false),
            5 if argument > 0 => {
                let items = argument.checked_mul(2).ok_or(ShapeError::TooManyItems)?;
                return self.open(Open::Counted(items)).map(|()| false);
            }
            6 => return self.open(Open::Counted(1)).map(|()| false),
            _ => {}
        }
        Ok(self.complete())
    }

    fn indefinite(&mut self, major: u8, start: usize) -> Result<bool, ShapeError> {
        match major {
            2 | 3 => self.open(Open::Indefinite { chunks: Some(major) }).map(|()| false),
            4 | 5 => self.open(Open::Indefinite { chunks: None }).map(|()| false),
            7 if matches!(self.top(), Some(Open::Indefinite { .. })) => {
                self.depth -= 1;
                Ok(self.complete())
            }
            _ => Err(ShapeError::NotWellFormed(start)),
        }
    }

    fn argument(&mut self, info: u8, start: usize) -> Result<u64, ShapeError> {
        let width = match info {
            0..=23 => return Ok(u64::from(info)),
            24..=27 => 1_usize << (info - 24),
            _ => return Err(ShapeError::NotWellFormed(start)),
        };
        let end = self.at + width;
        let raw = self.bytes.get(self.at..end).ok_or(ShapeError::Truncated)?;
        self.at = end;
        Ok(raw.iter().fold(0, |value, byte| (value << 8) | u64::from(*byte)))
    }

    fn skip(&mut self, len: u64) -> Result<(), ShapeError> {
        let left = self.bytes.len() - self.at;
        let len = usize::try_from(len).ok().filter(|len| *len <= left).ok_or(ShapeError::Truncated)?;
        self.at += len;
        Ok(())
    }

    fn top(&self) -> Option<Open> {
        self.depth.checked_sub(1).map(|at| self.stack[at])
    }

    fn open(&mut self, container: Open) -> Result<(), ShapeError> {
        *self.stack.get_mut(self.depth).ok_or(ShapeError::TooDeep)? = container;
        self.depth += 1;
        Ok(())
    }

    /// Counts a finished item in its container and closes what is full.
    fn complete(&mut self) -> bool {
        while self.depth > 0 {
            match &mut self.stack[self.depth - 1] {
                Open::Indefinite { .. } => return false,
                Open::Counted(missing) => {
                    *missing -= 1;
                    if *missing > 0 {
                        return false;
                    }
                }
            }
            self.depth -= 1;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_serde_cbor_writes() {
        let value = (7_u32, Some("x"), None::<u8>, vec![vec![], vec![1_u8; 300]], 1_u64 << 40);
        assert_eq!(check(&serde_cbor::to_vec(&value).unwrap()), Ok(()));
        assert_eq!(check(&[0xd9, 0xd9, 0xf7, 0xa0]), Ok(()));
        assert_eq!(check(&[0x9f, 0x01, 0x5f, 0x41, 0x00, 0xff, 0xff]), Ok(()));
    }

    #[test]
    fn refuses_every_truncation() {
        let bytes = serde_cbor::to_vec(&(1_u64 << 40, "hello", vec![1, 2, 3], Some("x"))).unwrap();
        for len in 0..bytes.len() {
            assert_eq!(check(&bytes[..len]), Err(ShapeError::Truncated), "{len}");
        }
    }

    #[test]
    fn refuses_deep_long_and_broken_input() {
        assert_eq!(check(&[0x81; 64]), Err(ShapeError::TooDeep));
        assert_eq!(check(&[0xc6; 64]), Err(ShapeError::TooDeep));
        let mut many = vec![0x9a, 0x00, 0x30, 0x00, 0x00];
        many.resize(4 << 20, 0x80);
        assert_eq!(check(&many), Err(ShapeError::TooManyItems));
        assert_eq!(
            check(&[0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            Err(ShapeError::Truncated)
        );
        assert_eq!(check(&[0xff]), Err(ShapeError::NotWellFormed(0)));
        assert_eq!(check(&[0x81, 0xff]), Err(ShapeError::NotWellFormed(1)));
        assert_eq!(check(&[0x5f, 0x01, 0xff]), Err(ShapeError::NotWellFormed(1)));
        assert_eq!(check(&[0x1c]), Err(ShapeError::NotWellFormed(0)));
        assert_eq!(check(&[0x00, 0x00]), Err(ShapeError::TrailingBytes(1)));
    }
}
