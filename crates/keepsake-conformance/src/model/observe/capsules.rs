//! What somebody sees of capsules: lists, members, counters, and which memories are in them.

use super::{agree, ask, number};
use crate::model::Subject;
use crate::model::state::{Capsule, Model};
use crate::model::step::Signer;
use candid::Principal;
use keepsake_client::api::{self, Answer, PersonRef, Role};

impl Model {
    pub(super) fn compare_capsules(&self, subject: &mut impl Subject, who: Signer) -> Result<(), String> {
        let Signer { key, account: who } = who;
        let listed: Vec<api::CapsuleHeader> = ask(subject, key, "capsules_list", ())?;
        agree("capsules_list", &Ok(listed), &Ok(self.listed(&who)))?;
        for id in self.capsules.keys().chain([&"capsule_999".to_owned()]) {
            let seen: Answer<api::Capsule> = ask(subject, key, "capsules_read_full", (Some(id),))?;
            agree(id, &seen, &self.capsule_view(&who, id))?;
            let page: Answer<api::Page> =
                ask(subject, key, "memories_list", (id, None::<String>, Some(100_u32)))?;
            let page = page.map(|page| page.items.into_iter().map(|row| row.id).collect::<Vec<_>>());
            agree("memories_list", &page, &self.memory_ids(&who, id))?;
        }
        Ok(())
    }

    fn listed(&self, who: &Principal) -> Vec<api::CapsuleHeader> {
        if let Some(link) = self.link(who) {
            return self.header(who, &link.capsule).into_iter().collect();
        }
        let mut own: Vec<_> =
            self.capsules.iter().filter(|(_, capsule)| capsule.members.contains_key(who)).collect();
        own.retain(|_| *who != Principal::anonymous());
        // Those that the caller made by id, then those that it said yes to, then the others in the order of the grants.
        own.sort_by_key(|(id, capsule)| {
            if capsule.creator == *who {
                return (0, number(id));
            }
            capsule.said_yes.get(who).map_or_else(|| (2, capsule.grants[who]), |at| (1, *at))
        });
        own.into_iter().map(|(id, _)| self.header(who, id).expect("a member sees it")).collect()
    }

    /// A capsule as a row of somebody's list.
    pub(in crate::model) fn header(&self, who: &Principal, id: &str) -> Answer<api::CapsuleHeader> {
        let view = self.capsule_view(who, id)?;
        Ok(api::CapsuleHeader {
            id: view.id,
            subject: view.subject,
            // Whoever sees some memories by a link is a guest too.
            role: self.role(id, who).unwrap_or(Role::Guest),
            created_at: view.created_at,
            updated_at: view.updated_at,
            memory_count: view.memory_count,
            name: view.name,
            is_self_capsule: view.is_self_capsule,
            accepted: view.accepted,
            creator: view.creator,
            creator_name: view.creator_name,
        })
    }

    fn capsule_view(&self, who: &Principal, id: &str) -> Answer<api::Capsule> {
        let in_part = self.sight(id, who)?.is_some_and(|link| link.named.is_some());
        let capsule = &self.capsules[id];
        let is_member = *who != Principal::anonymous() && capsule.members.contains_key(who);
        let whole = |bytes: u64| if in_part { 0 } else { bytes };
        Ok(api::Capsule {
            id: id.to_owned(),
            subject: capsule.subject.clone(),
            members: members(capsule, is_member),
            created_at: capsule.created_ns,
            updated_at: capsule.updated_ns,
            bytes_used: whole(self.bytes_used(id)),
            bytes_in_flight: whole(self.in_flight(id)),
            inline_bytes_used: whole(self.inline_used(id)),
            memory_count: self.memory_ids(who, id)?.len() as u64,
            name: capsule.name.clone(),
            is_self_capsule: capsule.creator == *who && capsule.subject == PersonRef::Principal(*who),
            accepted: !is_member || capsule.accepted.contains(who),
            creator: is_member.then_some(capsule.creator),
            creator_name: None,
            given_by_operator: capsule.given.clone().filter(|_| is_member),
        })
    }

    /// The memories of a capsule that somebody sees, newest first.
    fn memory_ids(&self, who: &Principal, capsule: &str) -> Answer<Vec<String>> {
        let named = self.sight(capsule, who)?.and_then(|link| link.named.as_ref());
        let own = self.memories.iter().rev().filter(|(_, memory)| memory.capsule == capsule);
        let seen = own.filter(|(id, _)| named.is_none_or(|named| named.contains(*id)));
        Ok(seen.map(|(id, _)| format!("mem_{id}")).collect())
    }
}

/// Visitors of a public capsule see that it is public, not who its members are.
fn members(capsule: &Capsule, to_member: bool) -> Vec<api::CapsuleMember> {
    let shown = capsule.members.iter().filter(|(who, _)| to_member || **who == Principal::anonymous());
    let mut members: Vec<_> = shown
        .map(|(principal, role)| api::CapsuleMember {
            principal: *principal,
            role: *role,
            accepted: capsule.accepted.contains(principal),
            name: None,
            colour: None,
        })
        .collect();
    members.sort_by_key(|member| (member.principal.as_slice().len(), member.principal));
    members
}
