//! Capsules between wire and core. Owns their mapping only.

use candid::Principal;
use keepsake_api::{Capsule, CapsuleHeader, CapsuleInfo, CapsuleMember, PersonRef, Role};
use keepsake_core::access;
use keepsake_core::capsule::{CapsuleView, Subject};

pub(crate) fn subject_in(subject: PersonRef) -> Subject {
    match subject {
        PersonRef::Principal(principal) => Subject::Principal(principal),
        PersonRef::Opaque(name) => Subject::Opaque(name),
    }
}

fn subject_out(subject: Subject) -> PersonRef {
    match subject {
        Subject::Principal(principal) => PersonRef::Principal(principal),
        Subject::Opaque(name) => PersonRef::Opaque(name),
    }
}

pub(crate) fn role_in(role: Role) -> access::Role {
    match role {
        Role::Owner => access::Role::Owner,
        Role::Admin => access::Role::Admin,
        Role::Member => access::Role::Member,
        Role::Guest => access::Role::Guest,
    }
}

fn role_out(role: access::Role) -> Role {
    match role {
        access::Role::Owner => Role::Owner,
        access::Role::Admin => Role::Admin,
        access::Role::Member => Role::Member,
        access::Role::Guest => Role::Guest,
    }
}

pub(crate) fn whole(view: CapsuleView, members: Vec<(Principal, access::Role)>) -> Capsule {
    let member = |(principal, role)| CapsuleMember { principal, role: role_out(role) };
    Capsule {
        id: view.id.to_string(),
        subject: subject_out(view.record.subject),
        members: members.into_iter().map(member).collect(),
        created_at: view.record.created_ns,
        updated_at: view.record.updated_ns,
        bytes_used: view.record.bytes_used,
        bytes_in_flight: view.record.bytes_in_flight,
        inline_bytes_used: view.record.inline_bytes,
        memory_count: view.record.memory_count,
    }
}

pub(crate) fn info(view: CapsuleView, caller: &Principal) -> CapsuleInfo {
    CapsuleInfo {
        capsule_id: view.id.to_string(),
        is_owner: view.role == access::Role::Owner,
        is_self_capsule: view.record.subject == Subject::Principal(*caller) && view.record.creator == *caller,
        role: role_out(view.role),
        subject: subject_out(view.record.subject),
        created_at: view.record.created_ns,
        updated_at: view.record.updated_ns,
        memory_count: view.record.memory_count,
    }
}

pub(crate) fn header(view: CapsuleView) -> CapsuleHeader {
    CapsuleHeader {
        id: view.id.to_string(),
        subject: subject_out(view.record.subject),
        role: role_out(view.role),
        created_at: view.record.created_ns,
        updated_at: view.record.updated_ns,
        memory_count: view.record.memory_count,
    }
}
