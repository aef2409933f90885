//! The JSON of `capsule`.

use super::lower;
use keepsake_client::api::{Capsule, CapsuleHeader, PersonRef, Principal, Role};
use serde::Serialize;

/// One element of `capsule ls --json`.
#[derive(Serialize)]
pub(crate) struct CapsuleHeaderShape {
    pub(crate) id: String,
    pub(crate) subject: String,
    pub(crate) role: String,
    pub(crate) memory_count: u64,
    pub(crate) created_at: u64,
    pub(crate) updated_at: u64,
    pub(crate) name: Option<String>,
    pub(crate) is_self_capsule: bool,
    pub(crate) accepted: bool,
    pub(crate) creator: Option<String>,
}

impl From<CapsuleHeader> for CapsuleHeaderShape {
    fn from(capsule: CapsuleHeader) -> Self {
        Self {
            id: capsule.id,
            subject: person(&capsule.subject),
            role: role(capsule.role),
            memory_count: capsule.memory_count,
            created_at: capsule.created_at,
            updated_at: capsule.updated_at,
            name: capsule.name,
            is_self_capsule: capsule.is_self_capsule,
            accepted: capsule.accepted,
            creator: capsule.creator.map(|who| who.to_text()),
        }
    }
}

/// `capsule show --json` and `capsule create --json`.
#[derive(Serialize)]
pub(crate) struct CapsuleShape {
    pub(crate) id: String,
    pub(crate) subject: String,
    pub(crate) members: Vec<MemberShape>,
    pub(crate) memory_count: u64,
    pub(crate) bytes_used: u64,
    pub(crate) bytes_in_flight: u64,
    pub(crate) created_at: u64,
    pub(crate) updated_at: u64,
    pub(crate) name: Option<String>,
    pub(crate) is_self_capsule: bool,
    pub(crate) accepted: bool,
    pub(crate) creator: Option<String>,
    /// To whom an operator gave it, last, in words.
    pub(crate) given_by_operator: Option<String>,
}

/// A member in `capsule show --json`.
#[derive(Serialize)]
pub(crate) struct MemberShape {
    pub(crate) principal: String,
    pub(crate) role: String,
    /// The anonymous principal: everybody.
    pub(crate) public: bool,
    pub(crate) accepted: bool,
    pub(crate) name: Option<String>,
}

impl From<Capsule> for CapsuleShape {
    fn from(capsule: Capsule) -> Self {
        let members = capsule.members.into_iter().map(|member| MemberShape {
            principal: member.principal.to_text(),
            role: role(member.role),
            public: member.principal == Principal::anonymous(),
            accepted: member.accepted,
            name: member.name,
        });
        Self {
            id: capsule.id,
            subject: person(&capsule.subject),
            members: members.collect(),
            memory_count: capsule.memory_count,
            bytes_used: capsule.bytes_used,
            bytes_in_flight: capsule.bytes_in_flight,
            created_at: capsule.created_at,
            updated_at: capsule.updated_at,
            name: capsule.name,
            is_self_capsule: capsule.is_self_capsule,
            accepted: capsule.accepted,
            creator: capsule.creator.map(|who| who.to_text()),
            given_by_operator: capsule
                .given_by_operator
                .map(|gift| format!("to {} by operator {}", gift.to, gift.by)),
        }
    }
}

/// A role as a word.
pub(crate) fn role(role: Role) -> String {
    lower(role)
}

/// Whom a capsule is about.
fn person(person: &PersonRef) -> String {
    match person {
        PersonRef::Principal(principal) => principal.to_text(),
        PersonRef::Opaque(name) => name.clone(),
    }
}
