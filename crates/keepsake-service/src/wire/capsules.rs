//! Capsules between wire and core. Owns their mapping only.

use candid::Principal;
use ic_stable_structures::Memory;
use keepsake_api::{
    Capsule, CapsuleGift, CapsuleHeader, CapsuleInfo, CapsuleMember, LinkSight, PersonRef, Role,
};
use keepsake_core::capsule::{CapsuleRecord, CapsuleView, MemberView, Subject};
use keepsake_core::{Store, access};

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

pub(crate) fn role_out(role: access::Role) -> Role {
    match role {
        access::Role::Owner => Role::Owner,
        access::Role::Admin => Role::Admin,
        access::Role::Member => Role::Member,
        access::Role::Guest => Role::Guest,
    }
}

/// What a capsule is called: its name, or the name of whom it is about.
pub(crate) fn subject_name(record: CapsuleRecord) -> Option<String> {
    record.name.or(match record.subject {
        Subject::Opaque(name) => Some(name),
        Subject::Principal(_) => None,
    })
}

/// Who made a capsule and what they call themselves, for its members.
fn creator<R: Memory, H: Memory>(
    store: &Store<R, H>,
    view: &CapsuleView,
) -> (Option<Principal>, Option<String>) {
    let creator = view.is_member.then_some(view.record.creator);
    (creator, creator.and_then(|who| store.person(&who).name))
}

fn member<R: Memory, H: Memory>(store: &Store<R, H>, member: &MemberView) -> CapsuleMember {
    let person = store.person(&member.who);
    CapsuleMember {
        principal: member.who,
        role: role_out(member.role),
        accepted: member.is_accepted,
        name: person.name,
        colour: person.colour,
    }
}

pub(crate) fn whole<R: Memory, H: Memory>(
    store: &Store<R, H>,
    view: CapsuleView,
    members: &[MemberView],
) -> Capsule {
    let (creator, creator_name) = creator(store, &view);
    let given = view.record.given.filter(|_| view.is_member);
    Capsule {
        id: view.id.to_string(),
        subject: subject_out(view.record.subject),
        members: members.iter().map(|one| member(store, one)).collect(),
        created_at: view.record.created_ns,
        updated_at: view.record.updated_ns,
        bytes_used: view.record.bytes_used,
        bytes_in_flight: view.record.bytes_in_flight,
        inline_bytes_used: view.record.inline_bytes,
        memory_count: view.record.memory_count,
        name: view.record.name,
        is_self_capsule: view.is_own,
        accepted: view.is_accepted,
        creator,
        creator_name,
        given_by_operator: given.map(|given| CapsuleGift { to: given.to, by: given.by, at: given.at_ns }),
    }
}

pub(crate) fn info<R: Memory, H: Memory>(
    store: &Store<R, H>,
    view: CapsuleView,
    caller: &Principal,
) -> CapsuleInfo {
    let (creator, creator_name) = creator(store, &view);
    let link = store.link_of(caller).map(|link| LinkSight {
        some_memories: link.named.is_some(),
        download: link.originals,
        expires_at: link.expires_ns,
    });
    CapsuleInfo {
        capsule_id: view.id.to_string(),
        is_owner: view.role == access::Role::Owner,
        is_self_capsule: view.is_own,
        role: role_out(view.role),
        subject: subject_out(view.record.subject),
        created_at: view.record.created_ns,
        updated_at: view.record.updated_ns,
        memory_count: view.record.memory_count,
        name: view.record.name,
        accepted: view.is_accepted,
        creator,
        creator_name,
        link,
    }
}

pub(crate) fn header<R: Memory, H: Memory>(store: &Store<R, H>, view: CapsuleView) -> CapsuleHeader {
    let (creator, creator_name) = creator(store, &view);
    CapsuleHeader {
        id: view.id.to_string(),
        subject: subject_out(view.record.subject),
        role: role_out(view.role),
        created_at: view.record.created_ns,
        updated_at: view.record.updated_ns,
        memory_count: view.record.memory_count,
        name: view.record.name,
        is_self_capsule: view.is_own,
        accepted: view.is_accepted,
        creator,
        creator_name,
    }
}
