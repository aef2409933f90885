//! What somebody sees of people: who a key is, devices, invitations, links, the log of controllers; and what tokens open.

use super::{agree, ask, equal};
use crate::model::Subject;
use crate::model::people::DAY_NS;
use crate::model::state::{Bounds, Model, Opens, Token};
use crate::model::step::Signer;
use crate::people::preview_path;
use candid::Principal;
use keepsake_client::api::{self, Answer, Error, PersonRef, Role};
use serde_bytes::ByteBuf;

const LOG_PAGE: usize = 200;

impl Model {
    pub(super) fn compare_people(
        &self,
        subject: &mut impl Subject,
        who: Signer,
        bounds: &Bounds,
    ) -> Result<(), String> {
        let key = who.key;
        let seen: api::WhoAmI = ask(subject, key, "whoami", ())?;
        equal("whoami", &seen, &self.who_is(who, bounds, subject.now_ns()))?;
        let devices: Answer<Vec<api::Device>> = ask(subject, key, "devices_list", ())?;
        agree("devices_list", &devices, &self.devices(who))?;
        for id in self.capsules.keys().map(Some).chain([Some(&"capsule_999".to_owned()), None]) {
            let invitations: Answer<Vec<api::Invitation>> = ask(subject, key, "invitations_list", (id,))?;
            agree("invitations_list", &invitations, &self.invitations_to(&who.account, id))?;
            let Some(id) = id else { continue };
            let links: Answer<Vec<api::Link>> = ask(subject, key, "links_list", (id,))?;
            let links = links.map(|links| links.into_iter().map(without_path).collect());
            agree("links_list", &links, &self.links_into(&who.account, id))?;
        }
        let log: Answer<Vec<api::LogEntry>> = ask(subject, key, "admin_log", (None::<u64>,))?;
        let log = log.map(|rows| rows.into_iter().map(|row| (row.by, row.action)).collect());
        agree("admin_log", &log, &self.newest_log(&who.account))?;
        for token in &self.tokens {
            equal("a token", &is_shown(subject, token)?, &self.opens_now(token, subject.now_ns()))?;
        }
        Ok(())
    }

    fn who_is(&self, Signer { key, account }: Signer, bounds: &Bounds, now_ns: u64) -> api::WhoAmI {
        let anonymous = account == Principal::anonymous();
        let devices = if anonymous { 0 } else { self.living_devices(&account).len() };
        api::WhoAmI {
            principal: key,
            account,
            standing: self.standing(bounds, &key, now_ns),
            admission: if bounds.invited { api::Admission::Invited } else { api::Admission::Everybody },
            may_create_capsules: !anonymous
                && self.link(&account).is_none()
                && self.is_admitted(bounds, &account),
            is_controller: Self::is_controller(&account),
            name: None,
            colour: None,
            devices: u32::try_from(devices).expect("few"),
        }
    }

    fn devices(&self, Signer { key, account }: Signer) -> Answer<Vec<api::Device>> {
        Self::somebody(&account)?;
        let view = |(principal, device): (Principal, crate::model::state::Device)| api::Device {
            principal,
            name: device.name,
            added_at: Some(device.added_ns).filter(|at_ns| *at_ns > 0),
            last_upload_day: Some(device.seen_day * DAY_NS).filter(|day_ns| *day_ns > 0),
            is_passkey: false,
            is_this: principal == key,
        };
        Ok(self.living_devices(&account).into_iter().map(view).collect())
    }

    /// The invitations into a capsule, or onto the host, for those who may end them.
    fn invitations_to(&self, who: &Principal, capsule: Option<&String>) -> Answer<Vec<api::Invitation>> {
        match capsule {
            Some(id) => Self::somebody(who).and_then(|()| self.require(id, who, Role::Owner))?,
            None => Self::require_controller(who)?,
        }
        let is_its = |opens: &Opens| match capsule {
            Some(id) => opens.is_into(id),
            None => matches!(opens, Opens::Host(_)),
        };
        let found = self.invitations.iter().filter(|(_, invitation)| is_its(&invitation.opens));
        Ok(found.map(|(id, _)| self.invitation_view(*id)).collect())
    }

    pub(in crate::model) fn invitation_view(&self, id: u64) -> api::Invitation {
        let invitation = &self.invitations[&id];
        let creator = invitation.creator;
        let into = match &invitation.opens {
            Opens::Account(account) => api::InvitationInto::Account(*account),
            Opens::Host(quota_bytes) => api::InvitationInto::Host { quota_bytes: *quota_bytes },
            Opens::Capsule(capsule, role) => api::InvitationInto::Capsule {
                capsule_id: capsule.clone(),
                name: self
                    .header(&creator, capsule)
                    .ok()
                    .and_then(|header| called(header.name, header.subject)),
                role: *role,
            },
        };
        api::Invitation {
            id,
            into,
            invited_by: creator,
            invited_by_name: None,
            label: invitation.label.clone(),
            created_at: invitation.created_ns,
            expires_at: invitation.expires_ns,
            uses_max: invitation.uses_max,
            uses: invitation.uses,
        }
    }

    fn links_into(&self, who: &Principal, capsule: &str) -> Answer<Vec<api::Link>> {
        Self::somebody(who)?;
        self.require(capsule, who, Role::Owner)?;
        let keys = self.keys.keys().filter(|key| self.link_into(capsule, key).is_some());
        Ok(keys.map(|key| self.link_view(key)).collect())
    }

    pub(in crate::model) fn link_view(&self, key: &Principal) -> api::Link {
        let link = self.link(key).expect("it is a link");
        api::Link {
            principal: *key,
            capsule_id: link.capsule.clone(),
            created_by: link.creator,
            created_at: link.created_ns,
            expires_at: link.expires_ns,
            memories: link.named.as_ref().map(|named| u32::try_from(named.len()).expect("few")),
            download: link.originals,
            password: false,
            label: String::new(),
            preview: link.preview,
            path: None,
        }
    }

    fn newest_log(&self, who: &Principal) -> Answer<Vec<(Principal, String)>> {
        Self::require_controller(who)?;
        let newest = self.log.iter().rev().take(LOG_PAGE);
        Ok(newest.map(|(by, action)| (*by, (*action).to_owned())).collect())
    }

    /// Whether a token shows its memory's original now.
    fn opens_now(&self, token: &Token, now_ns: u64) -> bool {
        let by_token = || {
            now_ns < token.expires_ns
                && self.sees_original(&self.acts_as(&token.key, now_ns), token.memory).is_ok()
        };
        self.sees_original(&Principal::anonymous(), token.memory).is_ok() || by_token()
    }
}

/// What a capsule is called.
fn called(name: Option<String>, subject: PersonRef) -> Option<String> {
    name.or(match subject {
        PersonRef::Opaque(name) => Some(name),
        PersonRef::Principal(_) => None,
    })
}

/// Whether whoever has a token is shown the original of its memory.
fn is_shown(subject: &mut impl Subject, token: &Token) -> Result<bool, String> {
    let request = api::HttpRequest {
        method: "GET".to_owned(),
        url: format!("/asset/mem_{}/original?token={}", token.memory, token.text),
        headers: Vec::new(),
        body: ByteBuf::new(),
        certificate_version: None,
    };
    let response: api::HttpResponse = ask(subject, Principal::anonymous(), "http_request", (request,))?;
    match response.status_code {
        200 => Ok(true),
        401 | 403 | 404 => Ok(false),
        other => Err(format!("a token: {}", Error::Internal(other.to_string()))),
    }
}

/// The link without the path of its address, which only some hosts have. A path that is not its own stays, and so disagrees.
pub(in crate::model) fn without_path(mut link: api::Link) -> api::Link {
    if link.preview && link.path == Some(preview_path(&link.principal)) {
        link.path = None;
    }
    link
}
