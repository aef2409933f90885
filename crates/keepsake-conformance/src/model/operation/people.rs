//! The operations of people: devices, invitations, links, operators. Owns their weights.

use super::{ENTITLED, actor, small, thing, who};
use arbitrary::{Result, Unstructured};

/// One step about people. Keys are numbered as by [`person`](crate::model::person).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // each is the message of a like name
pub enum PeopleOperation {
    InviteDevice {
        who: u8,
    },
    Join {
        key: u8,
        code: u8,
    },
    RemoveDevice {
        who: u8,
        key: u8,
    },
    Invite {
        who: u8,
        capsule: u8,
        role: u8,
        uses: u8,
        hours: u8,
    },
    InviteOntoHost {
        who: u8,
        uses: u8,
        hours: u8,
        quota: u8,
    },
    Redeem {
        who: u8,
        code: u8,
    },
    RevokeInvitation {
        who: u8,
        invitation: u8,
    },
    Leave {
        who: u8,
        capsule: u8,
    },
    Accept {
        who: u8,
        capsule: u8,
    },
    Rename {
        who: u8,
        capsule: u8,
        name: u8,
    },
    Link {
        who: u8,
        capsule: u8,
        key: u8,
        memories: Option<[u8; 2]>,
        originals: bool,
        hours: u8,
        preview: bool,
    },
    RevokeLink {
        who: u8,
        capsule: u8,
        key: u8,
    },
    Block {
        who: u8,
        whom: u8,
        back: bool,
    },
    Quota {
        who: u8,
        whom: u8,
        bytes: u8,
    },
    Give {
        who: u8,
        capsule: u8,
        to: u8,
    },
    Evict {
        who: u8,
        session: u8,
    },
    RemoveMemory {
        who: u8,
        memory: u8,
    },
    RemoveCapsule {
        who: u8,
        capsule: u8,
    },
    MintToken {
        who: u8,
        memory: u8,
    },
    MintTicket {
        who: u8,
        session: u8,
    },
    PutByTicket {
        ticket: u8,
    },
}

/// How many choices there are.
pub(super) const CHOICES: u8 = 49;

pub(super) fn operation(u: &mut Unstructured<'_>, at: u8) -> Result<PeopleOperation> {
    Ok(match at {
        0..=3 => PeopleOperation::InviteDevice { who: who(u)? },
        4..=9 => PeopleOperation::Join { key: joiner(u)?, code: thing(u)? },
        10..=12 => PeopleOperation::RemoveDevice { who: actor(u)?, key: small(u, 8)? },
        13..=16 => PeopleOperation::Invite {
            who: actor(u)?,
            capsule: thing(u)?,
            role: small(u, 4)?,
            uses: small(u, 4)?,
            hours: hours(u)?,
        },
        17 => PeopleOperation::InviteOntoHost {
            who: operator(u)?,
            uses: small(u, 4)?,
            hours: hours(u)?,
            quota: small(u, 3)?,
        },
        18..=22 => PeopleOperation::Redeem { who: small(u, 12)?, code: thing(u)? },
        23 => PeopleOperation::RevokeInvitation { who: actor(u)?, invitation: thing(u)? },
        24..=25 => PeopleOperation::Leave { who: actor(u)?, capsule: thing(u)? },
        26..=27 => PeopleOperation::Accept { who: actor(u)?, capsule: thing(u)? },
        28 => PeopleOperation::Rename { who: actor(u)?, capsule: thing(u)?, name: small(u, 4)? },
        29..=33 => PeopleOperation::Link {
            who: actor(u)?,
            capsule: thing(u)?,
            key: if u.ratio(1_u8, 8)? { small(u, 12)? } else { LINKS + small(u, 3)? },
            memories: if u.arbitrary()? { Some([thing(u)?, thing(u)?]) } else { None },
            originals: u.arbitrary()?,
            hours: hours(u)?,
            preview: u.arbitrary()?,
        },
        34 => PeopleOperation::RevokeLink { who: actor(u)?, capsule: thing(u)?, key: LINKS + small(u, 3)? },
        35..=36 => PeopleOperation::Block { who: operator(u)?, whom: small(u, 12)?, back: u.ratio(3_u8, 5)? },
        37 => PeopleOperation::Quota { who: operator(u)?, whom: small(u, 8)?, bytes: small(u, 4)? },
        38 => PeopleOperation::Give { who: operator(u)?, capsule: thing(u)?, to: small(u, 12)? },
        39 => PeopleOperation::Evict { who: operator(u)?, session: thing(u)? },
        40 if u.ratio(1_u8, 4)? => PeopleOperation::RemoveCapsule { who: operator(u)?, capsule: thing(u)? },
        40 => PeopleOperation::RemoveMemory { who: operator(u)?, memory: thing(u)? },
        41..=42 => PeopleOperation::MintToken { who: minter(u)?, memory: thing(u)? },
        43..=45 => PeopleOperation::MintTicket { who: actor(u)?, session: thing(u)? },
        _ => PeopleOperation::PutByTicket { ticket: thing(u)? },
    })
}

/// The first of the keys that are made into links.
const LINKS: u8 = 9;
/// The key that controls the host.
pub(in crate::model) const CONTROLLER: u8 = 8;

/// Mostly a key that is nobody yet.
fn joiner(u: &mut Unstructured<'_>) -> Result<u8> {
    Ok([5, 5, 5, 6, 6, 6, 7, 7, 7, 0, 1, 2, 3, CONTROLLER, LINKS][u.choose_index(15)?])
}

/// Mostly whoever controls the host.
fn operator(u: &mut Unstructured<'_>) -> Result<u8> {
    Ok(if u.ratio(1_u8, 6)? { who(u)? } else { CONTROLLER })
}

/// An owner by one of its devices, or a link.
fn minter(u: &mut Unstructured<'_>) -> Result<u8> {
    if u.ratio(1_u8, 3)? { Ok(LINKS + small(u, 3)?) } else { actor(u) }
}

/// How long something is good for; none: without end.
fn hours(u: &mut Unstructured<'_>) -> Result<u8> {
    Ok([0, 0, 1, 5, 24, ENTITLED][u.choose_index(6)?])
}
