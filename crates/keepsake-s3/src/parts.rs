//! How an object is cut into requests: one PUT, or equal parts. Owns the arithmetic, and S3's bounds on it.

use thiserror::Error;

const MIB: u64 = 1 << 20;

/// One PUT takes so much. S3 takes 5 GiB, but a reply that is lost then costs all of it.
pub const SINGLE_BYTES_MAX: u64 = 100 * MIB;
/// Parts are no smaller. S3 wants 5 MiB; each part is one more request to sign.
pub const PART_BYTES_MIN: u64 = 16 * MIB;
/// S3's bound ([limits](https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html)).
pub const PARTS_MAX: u64 = 10_000;
/// S3's bound on one object, as of all vendors.
pub const OBJECT_BYTES_MAX: u64 = 5 << 40;

/// How an object is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// One PUT.
    Single,
    /// Parts, all of this many bytes but the last: some vendors want them equal.
    Parts {
        /// Of each part but the last.
        part_bytes: u64,
        /// How many, 2 to [`PARTS_MAX`].
        count: u16,
    },
}

/// An object that S3 cannot hold.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("{0} bytes are more than S3 holds in one object, {OBJECT_BYTES_MAX}")]
pub struct TooLong(pub u64);

/// A part: its number, from 1, and where its bytes lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartSpan {
    /// From 1.
    pub number: u16,
    /// In the object.
    pub offset: u64,
    /// In bytes.
    pub len: u64,
}

/// How an object of `len` bytes is cut.
///
/// # Errors
/// When S3 cannot hold it.
pub fn cut(len: u64) -> Result<Cut, TooLong> {
    if len > OBJECT_BYTES_MAX {
        return Err(TooLong(len));
    }
    if len <= SINGLE_BYTES_MAX {
        return Ok(Cut::Single);
    }
    let part_bytes = len.div_ceil(PARTS_MAX).next_multiple_of(MIB).max(PART_BYTES_MIN);
    let count = u16::try_from(len.div_ceil(part_bytes)).expect("the size of parts keeps them below 10,000");
    Ok(Cut::Parts { part_bytes, count })
}

/// The parts of an object of `len` bytes, in order; one for a single PUT.
pub fn spans(len: u64, cut: Cut) -> impl Iterator<Item = PartSpan> {
    let (part_bytes, count) = match cut {
        Cut::Single => (len, 1),
        Cut::Parts { part_bytes, count } => (part_bytes, count),
    };
    (1..=count).map(move |number| {
        let offset = u64::from(number - 1) * part_bytes;
        PartSpan { number, offset, len: part_bytes.min(len - offset) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_object_is_cut_beyond_one_hundred_mebibytes() {
        assert_eq!(cut(0), Ok(Cut::Single));
        assert_eq!(cut(100 * MIB), Ok(Cut::Single));
        assert_eq!(cut(100 * MIB + 1), Ok(Cut::Parts { part_bytes: 16 * MIB, count: 7 }));
        assert_eq!(cut(160_000 * MIB), Ok(Cut::Parts { part_bytes: 16 * MIB, count: 10_000 }));
        assert_eq!(cut(160_000 * MIB + 1), Ok(Cut::Parts { part_bytes: 17 * MIB, count: 9_412 }));
        assert_eq!(cut(OBJECT_BYTES_MAX), Ok(Cut::Parts { part_bytes: 525 * MIB, count: 9_987 }));
        assert_eq!(cut(OBJECT_BYTES_MAX + 1), Err(TooLong(OBJECT_BYTES_MAX + 1)));
    }

    proptest! {
        #[test]
        fn parts_cover_an_object_once_and_keep_to_the_bounds(len in 0..=OBJECT_BYTES_MAX) {
            let cut = cut(len).unwrap();
            let spans: Vec<_> = spans(len, cut).collect();
            let mut end = 0;
            for (index, span) in spans.iter().enumerate() {
                prop_assert_eq!(u64::from(span.number), index as u64 + 1);
                prop_assert_eq!(span.offset, end);
                end += span.len;
                if let Cut::Parts { part_bytes, .. } = cut {
                    prop_assert!(span.len > 0 && span.len <= part_bytes && part_bytes >= PART_BYTES_MIN);
                    prop_assert!(index + 1 == spans.len() || span.len == part_bytes);
                }
            }
            prop_assert_eq!(end, len);
            prop_assert!(spans.len() as u64 <= PARTS_MAX);
        }
    }
}
