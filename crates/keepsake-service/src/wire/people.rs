//! People, invitations, links and operators between wire and core. Owns their mapping only.

use super::capsules::{role_out, subject_name};
use crate::host::Paths;
use crate::http::{preview, token};
use candid::Principal;
use ic_stable_structures::Memory;
use keepsake_api::{
    Admission, Answer, Device, Error, Invitation, InvitationInto, Link, LogEntry, Passkey, PersonName,
    Settings, Standing,
};
use keepsake_core::devices::{self, DeviceView};
use keepsake_core::ids::CapsuleId;
use keepsake_core::invitations::{InvitationView, Opens};
use keepsake_core::links::LinkView;
use keepsake_core::operator::{self, LogRecord};
use keepsake_core::people::NameRecord;
use keepsake_core::{Admission as CoreAdmission, Config, Store, door};
use serde_bytes::ByteBuf;

const NS_PER_DAY: u64 = 24 * 3_600 * 1_000_000_000;

pub(crate) fn code_out(code: [u8; 16]) -> String {
    token::text(&code)
}

/// A code from its text: 16 bytes in base64url, one spelling for each.
pub(crate) fn code_in(text: &str) -> Answer<[u8; 16]> {
    let bytes = token::bytes(text).and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
    bytes.ok_or_else(|| {
        Error::InvalidArgument("code_malformed: a code has 22 letters, digits, '-' and '_'".to_owned())
    })
}

pub(crate) fn standing(standing: door::Standing) -> Standing {
    match standing {
        door::Standing::Anonymous => Standing::Anonymous,
        door::Standing::Admitted => Standing::Admitted,
        door::Standing::Known => Standing::Known,
        door::Standing::Stranger => Standing::Stranger,
        door::Standing::Link => Standing::Link,
        door::Standing::LinkEnded => Standing::LinkExpired,
        door::Standing::Removed => Standing::Removed,
        door::Standing::Blocked => Standing::Blocked,
    }
}

pub(crate) fn admission_out(admission: CoreAdmission) -> Admission {
    match admission {
        CoreAdmission::Everybody => Admission::Everybody,
        CoreAdmission::Invited => Admission::Invited,
    }
}

/// Who may come in, from the wire.
pub fn admission_in(admission: Admission) -> CoreAdmission {
    match admission {
        Admission::Everybody => CoreAdmission::Everybody,
        Admission::Invited => CoreAdmission::Invited,
    }
}

pub(crate) fn device(device: DeviceView, signer: &Principal) -> Device {
    let day = u64::from(device.record.seen_day) * NS_PER_DAY;
    Device {
        principal: device.key,
        name: device.record.name,
        added_at: (device.record.added_ns > 0).then_some(device.record.added_ns),
        last_upload_day: (day > 0).then_some(day),
        is_passkey: device.record.credential.is_some(),
        is_this: device.key == *signer,
    }
}

pub(crate) fn passkey_in(passkey: Passkey) -> devices::Passkey {
    devices::Passkey {
        credential_id: passkey.credential_id.into_vec(),
        public_key: passkey.public_key.into_vec(),
    }
}

pub(crate) fn name_out((principal, name): (Principal, NameRecord)) -> PersonName {
    PersonName { principal, name: name.name, colour: name.colour }
}

pub(crate) fn invitation<R: Memory, H: Memory>(store: &Store<R, H>, view: InvitationView) -> Invitation {
    let record = view.record;
    let into = match (&record.opens, record.opens.role()) {
        (Opens::Account(account), _) => InvitationInto::Account(*account),
        (Opens::Host { quota_bytes }, _) => InvitationInto::Host { quota_bytes: *quota_bytes },
        (Opens::Capsule { .. }, role) => {
            let (id, role) = role.expect("it is into a capsule");
            let name =
                store.capsule(&record.creator, Some(id)).ok().and_then(|view| subject_name(view.record));
            InvitationInto::Capsule { capsule_id: id.to_string(), name, role: role_out(role) }
        }
    };
    Invitation {
        id: view.id.0,
        into,
        invited_by: record.creator,
        invited_by_name: store.person(&record.creator).name,
        label: record.label,
        created_at: record.created_ns,
        expires_at: record.expires_ns,
        uses_max: record.uses_max,
        uses: record.uses,
    }
}

pub(crate) fn link(view: LinkView, paths: Paths) -> Link {
    let path = if view.record.preview { preview::path_of(paths.previews, &view.key) } else { None };
    Link {
        principal: view.key,
        capsule_id: CapsuleId(view.record.capsule).to_string(),
        created_by: view.record.creator,
        created_at: view.record.created_ns,
        expires_at: view.record.expires_ns,
        memories: view.record.named,
        download: view.record.originals,
        password: view.record.password,
        label: view.record.label,
        preview: view.record.preview,
        path,
    }
}

pub(crate) fn settings_in(settings: &Settings) -> operator::Settings {
    operator::Settings {
        admission: settings.admission.map(admission_in),
        capsule_bytes_max: settings.capsule_bytes_max,
        bytes_in_flight_per_caller_max: settings.bytes_in_flight_per_caller_max,
        sessions_per_caller_max: settings.sessions_per_caller_max,
        heap_bytes_max: settings.heap_bytes_max,
        record_bytes_max: settings.record_bytes_max,
        capsule_record_bytes_max: settings.capsule_record_bytes_max,
    }
}

pub(crate) fn settings_out(config: &Config, admission: CoreAdmission) -> Settings {
    Settings {
        admission: Some(admission_out(admission)),
        capsule_bytes_max: Some(config.quotas.capsule_bytes_max),
        bytes_in_flight_per_caller_max: Some(config.quotas.bytes_in_flight_per_caller_max),
        sessions_per_caller_max: Some(config.quotas.sessions_per_caller_max),
        heap_bytes_max: Some(config.heap_bytes_max),
        record_bytes_max: Some(config.records.record_bytes_max),
        capsule_record_bytes_max: Some(config.records.capsule_record_bytes_max),
    }
}

pub(crate) fn log_entry((number, record): (u64, LogRecord)) -> LogEntry {
    LogEntry { number, at: record.at_ns, by: record.by, action: record.action, target: record.target }
}

/// Bytes of a wire buffer.
pub(crate) fn bytes_out(bytes: Vec<u8>) -> ByteBuf {
    ByteBuf::from(bytes)
}
