//! What a run is made of: small numbers that mean something in every world, so that runs can be cut shorter and
//! bytes from a fuzzer make runs too. Owns the weights.

mod people;

pub use people::PeopleOperation;

pub(super) use people::CONTROLLER;

use arbitrary::{Arbitrary, Result, Unstructured};

/// One step of a run. Callers, capsules, sessions, blobs and memories are named by numbers, counted round over those
/// that there are; the largest number means somebody entitled, or a thing that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // each is the message of the same name
pub enum Operation {
    CreateCapsule {
        who: u8,
        subject: u8,
    },
    DeleteCapsule {
        who: u8,
        capsule: u8,
    },
    Grant {
        who: u8,
        capsule: u8,
        to: u8,
        role: u8,
    },
    Revoke {
        who: u8,
        capsule: u8,
        from: u8,
    },
    Begin {
        who: u8,
        capsule: u8,
        key: u8,
        announce: u8,
    },
    Put {
        who: u8,
        session: u8,
        index: u8,
        bytes: Bytes,
    },
    PutNext {
        session: u8,
    },
    Finish {
        who: u8,
        session: u8,
        claim: Claim,
    },
    Abort {
        who: u8,
        session: u8,
    },
    Publish {
        who: u8,
        capsule: u8,
        sessions: [u8; 2],
        claim: Claim,
        key: u8,
        inline: u8,
        carried: Carried,
        find: bool,
    },
    Create {
        who: u8,
        capsule: u8,
        blob: u8,
        inline: u8,
        key: u8,
    },
    AddAsset {
        who: u8,
        memory: u8,
        blob: Option<u8>,
        kind: u8,
        key: u8,
    },
    RemoveAsset {
        who: u8,
        memory: u8,
        asset: u8,
    },
    Update {
        who: u8,
        memory: u8,
        title: u8,
    },
    Delete {
        who: u8,
        memory: u8,
        assets: bool,
    },
    DeleteBulk {
        who: u8,
        capsule: u8,
        memories: [u8; 2],
        assets: bool,
    },
    DeleteAll {
        who: u8,
        capsule: u8,
        assets: bool,
    },
    DeleteBlob {
        who: u8,
        blob: u8,
    },
    Cleanup {
        who: u8,
    },
    Wait {
        hours: u8,
    },
    Restart,
    /// About people.
    People(PeopleOperation),
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

/// Which files come along with a publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Carried {
    None,
    /// Beside the sessions.
    Beside,
    /// Two, and no session.
    Alone,
    Empty,
    Oversized,
    /// No session either.
    Nothing,
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
    // The first callers do most; the fifth is the anonymous one, and behind it come the keys of devices, of the one who controls
    // the host, and of links.
    Ok(match [0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 4, 5][u.choose_index(12)?] {
        5 => 5 + small(u, 7)?,
        other => other,
    })
}

/// In the place of a caller: somebody who may, such as the one who began the session or an owner of the capsule.
pub(super) const ENTITLED: u8 = u8::MAX;
/// In the place of a thing: one that is not there.
pub(super) const NOWHERE: u8 = u8::MAX;

fn actor(u: &mut Unstructured<'_>) -> Result<u8> {
    if u.ratio(2_u8, 3)? { Ok(ENTITLED) } else { who(u) }
}

/// One of those that there are, counted round; sometimes none.
fn thing(u: &mut Unstructured<'_>) -> Result<u8> {
    if u.ratio(1_u8, 24)? { Ok(NOWHERE) } else { u.int_in_range(0..=NOWHERE - 1) }
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

fn carried(u: &mut Unstructured<'_>) -> Result<Carried> {
    let rare = [Carried::Empty, Carried::Oversized, Carried::Nothing];
    Ok(match u.int_in_range(0..=31_u8)? {
        0..=19 => Carried::None,
        20..=23 => Carried::Beside,
        24..=29 => Carried::Alone,
        _ => *u.choose(&rare)?,
    })
}

fn operation(u: &mut Unstructured<'_>) -> Result<Operation> {
    Ok(match u.int_in_range(0..=199 + people::CHOICES)? {
        at @ 0..=19 => of_capsules(u, at)?,
        20..=43 => Operation::Begin {
            who: actor(u)?,
            capsule: thing(u)?,
            key: small(u, 6)?,
            announce: small(u, 13)?,
        },
        44..=61 => {
            Operation::Put { who: actor(u)?, session: thing(u)?, index: small(u, 6)?, bytes: bytes(u)? }
        }
        62..=111 => Operation::PutNext { session: small(u, 8)? },
        112..=125 => Operation::Finish { who: actor(u)?, session: thing(u)?, claim: claim(u)? },
        126..=128 => Operation::Abort { who: actor(u)?, session: thing(u)? },
        129..=150 => Operation::Publish {
            who: actor(u)?,
            capsule: thing(u)?,
            sessions: [thing(u)?, if u.arbitrary()? { thing(u)? } else { NOWHERE }],
            claim: claim(u)?,
            key: small(u, 20)?,
            inline: small(u, 10)?,
            carried: carried(u)?,
            find: u.ratio(1_u8, 4)?,
        },
        151..=160 => Operation::Create {
            who: actor(u)?,
            capsule: thing(u)?,
            blob: thing(u)?,
            inline: small(u, 10)?,
            key: small(u, 20)?,
        },
        161..=167 => Operation::AddAsset {
            who: actor(u)?,
            memory: thing(u)?,
            blob: if u.arbitrary()? { Some(thing(u)?) } else { None },
            kind: small(u, 7)?,
            key: small(u, 20)?,
        },
        at @ 168..=187 => of_memories(u, at)?,
        188..=190 => Operation::Cleanup { who: who(u)? },
        191..=194 => Operation::Wait { hours: [1, 1, 5, 12, 30][u.choose_index(5)?] },
        195..=199 => Operation::Restart,
        at => Operation::People(people::operation(u, at - 200)?),
    })
}

/// Whom a role is given or taken.
fn to(u: &mut Unstructured<'_>) -> Result<u8> {
    if u.ratio(1_u8, 6)? { small(u, 12) } else { small(u, 5) }
}

fn of_capsules(u: &mut Unstructured<'_>, at: u8) -> Result<Operation> {
    Ok(match at {
        0..=4 => Operation::CreateCapsule { who: who(u)?, subject: small(u, 3)? },
        5 => Operation::DeleteCapsule { who: actor(u)?, capsule: thing(u)? },
        6..=14 => Operation::Grant { who: actor(u)?, capsule: thing(u)?, to: to(u)?, role: small(u, 4)? },
        _ => Operation::Revoke { who: actor(u)?, capsule: thing(u)?, from: to(u)? },
    })
}

fn of_memories(u: &mut Unstructured<'_>, at: u8) -> Result<Operation> {
    Ok(match at {
        168..=171 => Operation::RemoveAsset { who: actor(u)?, memory: thing(u)?, asset: small(u, 4)? },
        172..=175 => Operation::Update { who: actor(u)?, memory: thing(u)?, title: small(u, 3)? },
        176..=179 => Operation::Delete { who: actor(u)?, memory: thing(u)?, assets: u.arbitrary()? },
        180..=181 => Operation::DeleteBulk {
            who: actor(u)?,
            capsule: thing(u)?,
            memories: [thing(u)?, thing(u)?],
            assets: u.arbitrary()?,
        },
        182 => Operation::DeleteAll { who: actor(u)?, capsule: thing(u)?, assets: u.arbitrary()? },
        _ => Operation::DeleteBlob { who: actor(u)?, blob: thing(u)? },
    })
}
