//! Wire types of invitations and links: ways for others into a capsule.

use crate::{CapsuleHeader, Role};
use candid::{CandidType, Principal};
use serde::{Deserialize, Serialize};

/// What a code lets in.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub enum InvitationInto {
    /// A device into an account: for `devices_join`.
    Account(Principal),
    /// A person into a capsule: for `invitations_redeem`.
    Capsule {
        /// Which.
        capsule_id: String,
        /// What its owners call it.
        name: Option<String>,
        /// The role that it gives.
        role: Role,
    },
    /// A person onto the host: for `invitations_redeem`.
    Host {
        /// Bytes of all capsules that they make, at most.
        quota_bytes: Option<u64>,
    },
}

/// An invitation. Its code is told once, when it is made.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Its number.
    pub id: u64,
    /// What it opens.
    pub into: InvitationInto,
    /// Who made it.
    pub invited_by: Principal,
    /// What they call themselves.
    pub invited_by_name: Option<String>,
    /// What they call it.
    pub label: String,
    /// When it was made, ns since 1970.
    pub created_at: u64,
    /// When it ends, ns since 1970; none: never by itself.
    pub expires_at: Option<u64>,
    /// How often it may be redeemed.
    pub uses_max: u32,
    /// How often it was.
    pub uses: u32,
}

/// What a code gave.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Redeemed {
    /// The invitation.
    pub invitation: Invitation,
    /// The capsule, where it is into one.
    pub capsule: Option<CapsuleHeader>,
}

/// What a link is to be like; what is left out is its default.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkOptions {
    /// The memories that it shows, at most 1,000; none: all of the capsule, those to come too.
    pub memories: Option<Vec<String>>,
    /// When it ends, ns since 1970; none: never by itself.
    pub expires_at: Option<u64>,
    /// It shows originals too. Default: yes.
    pub download: Option<bool>,
    /// It takes a password besides, which is part of the key: for whoever lists links. Default: no.
    pub password: Option<bool>,
    /// What its owner calls it, at most 256 bytes.
    pub label: Option<String>,
    /// Programs for chats and the like may show a title and a picture of it, where this host tells them: see [`Link::path`]. One
    /// with a password has none. Default: no.
    pub preview: Option<bool>,
}

/// A link: whoever has its secret sees what it covers.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The principal of the key that its secret makes.
    pub principal: Principal,
    /// The capsule.
    pub capsule_id: String,
    /// Who made it.
    pub created_by: Principal,
    /// When, ns since 1970.
    pub created_at: u64,
    /// When it ends, ns since 1970; none: never by itself.
    pub expires_at: Option<u64>,
    /// How many memories it names; none: it shows all of the capsule.
    pub memories: Option<u32>,
    /// It shows originals too.
    pub download: bool,
    /// It takes a password besides.
    pub password: bool,
    /// What its owner calls it.
    pub label: String,
    /// A title and a picture of it may be shown to whoever has its address, opened or not.
    pub preview: bool,
    /// Where this host tells them: the path of its address, before the fragment. None: the page's own address does.
    pub path: Option<String>,
}
