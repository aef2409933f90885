//! What a run is made of: small numbers that mean something in every world, so that runs can be cut shorter and
//! bytes from a fuzzer make runs too. Owns the weights.

use arbitrary::{Arbitrary, Result, Unstructured};

/// One step of a run. Callers, capsules, sessions, blobs and memories are named by an index into those that there
/// are; beyond them lies one that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // each is the message of the same name
pub enum Operation {
    CreateCapsule { who: u8, subject: u8 },
    DeleteCapsule { who: u8, capsule: u8 },
    Grant { who: u8, capsule: u8, to: u8, role: u8 },
    Revoke { who: u8, capsule: u8, from: u8 },
    Begin { who: u8, capsule: u8, key: u8, announce: u8 },
    Put { who: u8, session: u8, index: u8, bytes: Bytes },
    PutNext { session: u8 },
    Finish { who: u8, session: u8, claim: Claim },
    Abort { who: u8, session: u8 },
    Publish { who: u8, capsule: u8, sessions: [u8; 2], claim: Claim, key: u8, inline: u8 },
    Create { who: u8, capsule: u8, blob: u8, inline: u8, key: u8 },
    AddAsset { who: u8, memory: u8, blob: Option<u8>, kind: u8, key: u8 },
    RemoveAsset { who: u8, memory: u8, asset: u8 },
    Update { who: u8, memory: u8, title: u8 },
    Delete { who: u8, memory: u8, assets: bool },
    DeleteBulk { who: u8, capsule: u8, memories: [u8; 2], assets: bool },
    DeleteAll { who: u8, capsule: u8, assets: bool },
    DeleteBlob { who: u8, blob: u8 },
    Cleanup { who: u8 },
    Wait { hours: u8 },
    Restart,
}

/// Which bytes a put carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Bytes {
    Right,
    Other,
    Shorter,
    Longer,
    Empty,
    Oversized,
}

/// What a finish says of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Claim {
    Right,
    WrongHash,
    WrongLength,
    NoHash,
}

/// An operation, and whether it is delivered twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The operation.
    pub operation: Operation,
    /// The same message arrives again.
    pub twice: bool,
}

impl<'a> Arbitrary<'a> for Delivery {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let operation = operation(u)?;
        Ok(Self { operation, twice: u.ratio(1_u8, 5)? })
    }
}

fn who(u: &mut Unstructured<'_>) -> Result<u8> {
    // The first callers do most; the fifth is the anonymous one.
    Ok([0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 4][u.choose_index(11)?])
}

/// In the place of a caller: the one who began the session.
pub(super) const BEGINNER: u8 = u8::MAX;

fn uploader(u: &mut Unstructured<'_>) -> Result<u8> {
    if u.arbitrary()? { Ok(BEGINNER) } else { who(u) }
}

fn small(u: &mut Unstructured<'_>, below: u8) -> Result<u8> {
    u.int_in_range(0..=below - 1)
}

fn claim(u: &mut Unstructured<'_>) -> Result<Claim> {
    let claims = [Claim::Right; 9].into_iter().chain([Claim::WrongHash, Claim::WrongLength, Claim::NoHash]);
    let claims: Vec<_> = claims.collect();
    Ok(*u.choose(&claims)?)
}

fn bytes(u: &mut Unstructured<'_>) -> Result<Bytes> {
    let rare = [Bytes::Other, Bytes::Other, Bytes::Shorter, Bytes::Longer, Bytes::Empty, Bytes::Oversized];
    Ok(if u.ratio(3_u8, 4)? { Bytes::Right } else { *u.choose(&rare)? })
}

fn operation(u: &mut Unstructured<'_>) -> Result<Operation> {
    let at = u.int_in_range(0_u8..=99)?;
    let operation = match at {
        0..=3 => Operation::CreateCapsule { who: who(u)?, subject: small(u, 3)? },
        4 => Operation::DeleteCapsule { who: who(u)?, capsule: small(u, 5)? },
        5..=8 => {
            Operation::Grant { who: who(u)?, capsule: small(u, 5)?, to: small(u, 5)?, role: small(u, 4)? }
        }
        9..=10 => Operation::Revoke { who: who(u)?, capsule: small(u, 5)?, from: small(u, 5)? },
        11..=22 => Operation::Begin {
            who: who(u)?,
            capsule: small(u, 4)?,
            key: small(u, 6)?,
            announce: small(u, 13)?,
        },
        23..=35 => {
            Operation::Put { who: uploader(u)?, session: small(u, 8)?, index: small(u, 6)?, bytes: bytes(u)? }
        }
        36..=57 => Operation::PutNext { session: small(u, 8)? },
        58..=65 => Operation::Finish { who: uploader(u)?, session: small(u, 8)?, claim: claim(u)? },
        66..=67 => Operation::Abort { who: uploader(u)?, session: small(u, 8)? },
        68..=75 => Operation::Publish {
            who: who(u)?,
            capsule: small(u, 4)?,
            sessions: [small(u, 8)?, small(u, 12)?],
            claim: claim(u)?,
            key: small(u, 6)?,
            inline: small(u, 5)?,
        },
        76..=79 => Operation::Create {
            who: who(u)?,
            capsule: small(u, 4)?,
            blob: small(u, 6)?,
            inline: small(u, 5)?,
            key: small(u, 6)?,
        },
        80..=81 => {
            let blob = if u.arbitrary()? { Some(small(u, 6)?) } else { None };
            Operation::AddAsset {
                who: who(u)?,
                memory: small(u, 8)?,
                blob,
                kind: small(u, 7)?,
                key: small(u, 6)?,
            }
        }
        82..=83 => Operation::RemoveAsset { who: who(u)?, memory: small(u, 8)?, asset: small(u, 4)? },
        84..=85 => Operation::Update { who: who(u)?, memory: small(u, 8)?, title: small(u, 3)? },
        86..=88 => Operation::Delete { who: who(u)?, memory: small(u, 8)?, assets: u.arbitrary()? },
        89 => Operation::DeleteBulk {
            who: who(u)?,
            capsule: small(u, 4)?,
            memories: [small(u, 8)?, small(u, 8)?],
            assets: u.arbitrary()?,
        },
        90 => Operation::DeleteAll { who: who(u)?, capsule: small(u, 4)?, assets: u.arbitrary()? },
        91..=92 => Operation::DeleteBlob { who: who(u)?, blob: small(u, 6)? },
        93..=94 => Operation::Cleanup { who: who(u)? },
        95..=97 => Operation::Wait { hours: [1, 1, 5, 12, 30][u.choose_index(5)?] },
        _ => Operation::Restart,
    };
    Ok(operation)
}
