//! Ids as types, and the one text form of each. Owns parsing and printing; counters live in the header.

use std::fmt;

macro_rules! id {
    ($name:ident, $prefix:literal, $what:literal) => {
        #[doc = concat!("The id of ", $what, ": `", $prefix, "` and a decimal number on the wire.")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl $name {
            /// Reads the text form; nothing but the exact form that [`fmt::Display`] prints is accepted.
            pub fn parse(text: &str) -> Option<Self> {
                parse_decimal(text.strip_prefix($prefix)?).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

id!(CapsuleId, "capsule_", "a capsule");
id!(MemoryId, "mem_", "a memory");
id!(BlobId, "blob_", "a blob");
id!(ObjectId, "object_", "an object in the host's bucket");
id!(AssetId, "asset_", "an asset within its memory");

/// The id of an invitation, a bare number on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InvitationId(pub u64);

/// The id of an upload session, a bare number on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

fn parse_decimal(digits: &str) -> Option<u64> {
    let canonical = digits == "0" || !digits.starts_with('0');
    let plain = digits.bytes().all(|b| b.is_ascii_digit());
    if canonical && plain { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_printed_form_parses() {
        assert_eq!(BlobId::parse("blob_17"), Some(BlobId(17)));
        assert_eq!(BlobId::parse(&BlobId(u64::MAX).to_string()), Some(BlobId(u64::MAX)));
        for bad in [
            "",
            "blob_",
            "blob_01",
            "blob_+1",
            "blob_-1",
            "blob_1 ",
            "BLOB_1",
            "mem_1",
            "blob_18446744073709551616",
        ] {
            assert_eq!(BlobId::parse(bad), None, "{bad}");
        }
    }
}
