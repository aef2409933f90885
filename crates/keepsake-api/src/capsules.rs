//! Wire types of capsules: who owns a container of memories, who may do what in it.

use candid::{CandidType, Principal};
use serde::{Deserialize, Serialize};

/// Whom a capsule is about.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PersonRef {
    /// Somebody with a key.
    Principal(Principal),
    /// Somebody known by a name only, at most 256 bytes.
    Opaque(String),
}

/// What a member may do. Each role may do all that the ones below it may.
#[derive(CandidType, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Also grants roles and deletes the capsule.
    Owner,
    /// Also updates and deletes any memory in the capsule.
    Admin,
    /// Also uploads and creates; updates and deletes the memories that it made itself.
    Member,
    /// Reads.
    Guest,
}

/// One member of a capsule.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct CapsuleMember {
    /// Who.
    pub principal: Principal,
    /// What they may do.
    pub role: Role,
    /// They made the capsule, or said yes to the role.
    pub accepted: bool,
    /// What they call themselves.
    pub name: Option<String>,
    /// Their colour, `0xrrggbb`.
    pub colour: Option<u32>,
}

/// What a link shows.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct LinkSight {
    /// It shows some memories, and not all of the capsule.
    pub some_memories: bool,
    /// It shows originals too.
    pub download: bool,
    /// When it ends, ns since 1970; none: never by itself.
    pub expires_at: Option<u64>,
}

/// An operator made somebody an owner of a capsule.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct CapsuleGift {
    /// Whom.
    pub to: Principal,
    /// Which controller.
    pub by: Principal,
    /// When, ns since 1970.
    pub at: u64,
}

/// A capsule with its members and counters, never its memories.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Capsule {
    /// `capsule_` + decimal number.
    pub id: String,
    /// Whom it is about.
    pub subject: PersonRef,
    /// Everybody with a role; the anonymous principal as Guest means: public. Whoever has no role of their own sees
    /// that entry only.
    pub members: Vec<CapsuleMember>,
    /// Creation time, ns since 1970.
    pub created_at: u64,
    /// Last change to the capsule or its memories, ns since 1970.
    pub updated_at: u64,
    /// Bytes of its finished blobs and inline assets.
    pub bytes_used: u64,
    /// Bytes reserved by its pending sessions.
    pub bytes_in_flight: u64,
    /// Bytes of inline assets, part of `bytes_used`.
    pub inline_bytes_used: u64,
    /// Number of memories.
    pub memory_count: u64,
    /// What its owners call it.
    pub name: Option<String>,
    /// The caller made it, about itself: nothing else is its own capsule, whatever the subject says.
    pub is_self_capsule: bool,
    /// The caller made it, or said yes to the role that somebody gave it. A role counts before that, too.
    pub accepted: bool,
    /// Who made it; none where the caller has no role of its own in it.
    pub creator: Option<Principal>,
    /// What they call themselves.
    pub creator_name: Option<String>,
    /// The last time that an operator made somebody its owner.
    pub given_by_operator: Option<CapsuleGift>,
}

/// A capsule as its members see it at a glance.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct CapsuleInfo {
    /// `capsule_` + decimal number.
    pub capsule_id: String,
    /// Whom it is about.
    pub subject: PersonRef,
    /// The caller is an owner.
    pub is_owner: bool,
    /// The caller made it, about itself: nothing else is its own capsule, whatever the subject says.
    pub is_self_capsule: bool,
    /// The caller's role.
    pub role: Role,
    /// Creation time, ns since 1970.
    pub created_at: u64,
    /// Last change, ns since 1970.
    pub updated_at: u64,
    /// Number of memories.
    pub memory_count: u64,
    /// What its owners call it.
    pub name: Option<String>,
    /// The caller made it, or said yes to the role that somebody gave it. A role counts before that, too.
    pub accepted: bool,
    /// Who made it; none where the caller has no role of its own in it.
    pub creator: Option<Principal>,
    /// What they call themselves.
    pub creator_name: Option<String>,
    /// Where the caller is a link: what it shows.
    pub link: Option<LinkSight>,
}

/// One row of `capsules_list`.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct CapsuleHeader {
    /// `capsule_` + decimal number.
    pub id: String,
    /// Whom it is about.
    pub subject: PersonRef,
    /// The caller's role.
    pub role: Role,
    /// Creation time, ns since 1970.
    pub created_at: u64,
    /// Last change, ns since 1970.
    pub updated_at: u64,
    /// Number of memories.
    pub memory_count: u64,
    /// What its owners call it.
    pub name: Option<String>,
    /// The caller made it, about itself: nothing else is its own capsule, whatever the subject says.
    pub is_self_capsule: bool,
    /// The caller made it, or said yes to the role that somebody gave it. A role counts before that, too.
    pub accepted: bool,
    /// Who made it; none where the caller has no role of its own in it.
    pub creator: Option<Principal>,
    /// What they call themselves.
    pub creator_name: Option<String>,
}
