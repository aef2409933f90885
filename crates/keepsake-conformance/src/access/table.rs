//! Who may do what, as data: every method of the interface, every caller, every state of the thing it asks for.
//! Owns the expectations; the walk is in [`super`].
//!
//! One letter per caller, in the order of [`crate::Who::COLUMNS`]: owner, admin, member (made the thing),
//! colleague (another member), guest, stranger, anonymous, controller.
//! ```text
//! o  Ok             p  Ok, and it is there (or was done)     4  HTTP status 401
//! n  NotFound       a  Ok, and it is not there (or nothing was done)
//! u  Unauthorized    i  NotImplemented: what the row says counts where the host has it
//! c  Conflict       e  InvalidArgument
//! ```
//! Four more callers have no letters of their own, see [`Who::STAND_INS`](crate::Who::STAND_INS): a device is its account, one
//! that was removed a stranger, who is blocked is nobody, a link is a guest that only looks.

use crate::api::{
    AssetMetadata, AssetType, Attestation, BlobHosting, BlobRef, HttpRequest, LinkOptions, MemoryUpdateData,
    Passkey, PersonRef, PublishRequest, Role, Settings, SiteFileInput, TokenRequest,
};
use crate::samples::{asset, blob, inline, link_key, memory, session, sha256};
use crate::world::{BLOB, CHUNK, Things};
use candid::Principal;
use candid::utils::ArgumentEncoder;
use serde_bytes::{ByteBuf, Bytes};

/// Which of the things a row asks for; its id is the one that goes missing or malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// None.
    Nothing,
    /// The capsule.
    Capsule,
    /// A memory in it.
    Memory,
    /// An asset of the memory.
    Asset,
    /// A blob.
    Blob,
    /// A session.
    Session,
}

/// One method and the thing it asks for.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The method.
    pub method: &'static str,
    /// What it asks for.
    pub of: Of,
    /// Who may what.
    pub rights: Rights,
    /// The arguments: things, and an idempotency key that is new.
    pub args: fn(&Things, &str) -> Vec<u8>,
}

/// The letters of a row.
#[derive(Clone, Copy, Debug)]
pub struct Rights {
    /// The thing is there.
    pub exists: &'static str,
    /// The thing is there, in a capsule whose guest is the anonymous principal: stranger, anonymous, controller.
    pub public: &'static str,
    /// No such thing.
    pub missing: &'static str,
    /// No thing can have this id.
    pub malformed: &'static str,
}

const fn rights(
    exists: &'static str,
    public: &'static str,
    missing: &'static str,
    malformed: &'static str,
) -> Rights {
    Rights { exists, public, missing, malformed }
}

// The anonymous principal may not call updates at all and hears so, whether the thing is there or not; an id that
// no thing can have is NotFound for everybody.
const NOBODYS: &str = "nnnnnnnn";
const ANYBODY: Rights = rights("oooooooo", "ooo", NOBODYS, NOBODYS);
const SOMEBODY: Rights = rights("oooooouo", "ouo", NOBODYS, NOBODYS);
const READ: Rights = rights("ooooonnn", "ooo", NOBODYS, NOBODYS);
const PRESENCE: Rights = rights("pppppaaa", "ppp", "aaaaaaaa", "aaaaaaaa");
const MAKE: Rights = rights("oooounun", "uuu", "nnnnnnun", NOBODYS);
const MAKE_OF_BLOB: Rights = rights("oooounun", "uuu", "nnnnunun", NOBODYS);
const CHANGE: Rights = rights("ooouunun", "uuu", "nnnnnnun", NOBODYS);
const CHANGE_PART: Rights = rights("ooouunun", "uuu", "nnnuunun", NOBODYS);
const DELETE_BLOB: Rights = CHANGE;
const ADMIN: Rights = rights("oouuunun", "uuu", "nnnnnnun", NOBODYS);
const OWNER: Rights = rights("ouuuunun", "uuu", "nnnnnnun", NOBODYS);
const OWN_SESSION: Rights = rights("nnonnnun", "nun", "nnnnnnun", "nnnnnnun");
const PUBLISH_SESSION: Rights = rights("nnonunun", "uuu", "nnnnunun", "nnnnunun");
const PUBLISH: Rights = rights("nnonunun", "uuu", "nnnnnnun", NOBODYS);
const BULK: Rights = rights("pppaunun", "uuu", "aaaaunun", "aaaaunun");
const BULK_IN: Rights = rights("pppaunun", "uuu", "nnnnnnun", NOBODYS);
const CONTROLLER: Rights = rights("uuuuuuuo", "uuo", NOBODYS, NOBODYS);
const CODE: Rights = rights("ccccccuc", "cuc", NOBODYS, NOBODYS);
const NOT_ONES_OWN: Rights = rights("nnnnnnun", "nun", NOBODYS, NOBODYS);
const OWN_ROLE: Rights = rights("ooooonun", "nun", "nnnnnnun", NOBODYS);
const LEAVE: Rights = rights("coooonun", "nun", "nnnnnnun", NOBODYS);
const OPERATE: Rights = rights("uuuuuuuo", "uuo", "uuuuuuun", "uuuuuuun");
/// For whoever keeps the keys of the host's bucket, and nobody here.
const GATE: Rights = rights("uuuuuuuu", "uuu", "uuuuuuuu", "uuuuuuuu");
const HTTP: Rights = rights("44444444", "ooo", "44444444", "44444444");

/// Methods on a session, asked by its own caller after its role in the capsule became guest, and after it was revoked:
/// looking and aborting stay with the caller, because the session takes from its quotas.
pub const ROLE_LOST: [(&str, [char; 2]); 6] = [
    ("uploads_put_chunk", ['u', 'n']),
    ("mint_upload_ticket", ['u', 'n']),
    ("uploads_finish", ['u', 'n']),
    ("uploads_publish", ['u', 'n']),
    ("uploads_status", ['o', 'o']),
    ("uploads_abort", ['o', 'o']),
];

const fn row(method: &'static str, of: Of, rights: Rights, args: fn(&Things, &str) -> Vec<u8>) -> Row {
    Row { method, of, rights, args }
}

/// The whole interface.
pub const TABLE: &[Row] = &[
    row("capsules_create", Of::Nothing, SOMEBODY, |_, _| encode((None::<PersonRef>,))),
    row("capsules_list", Of::Nothing, ANYBODY, |_, _| encode(())),
    row("capsules_read_basic", Of::Capsule, READ, |t, _| encode((Some(&t.capsule),))),
    row("capsules_read_full", Of::Capsule, READ, |t, _| encode((Some(&t.capsule),))),
    row("capsules_delete", Of::Capsule, OWNER, |t, _| encode((&t.capsule,))),
    row("capsules_grant", Of::Capsule, OWNER, |t, _| encode((&t.capsule, someone(), Role::Guest))),
    row("capsules_revoke", Of::Capsule, OWNER, |t, _| encode((&t.capsule, someone()))),
    row("capsules_accept", Of::Capsule, OWN_ROLE, |t, _| encode((&t.capsule,))),
    row("capsules_leave", Of::Capsule, LEAVE, |t, _| encode((&t.capsule,))),
    row("capsules_rename", Of::Capsule, OWNER, |t, _| encode((&t.capsule, Some("Family")))),
    row("whoami", Of::Nothing, ANYBODY, |_, _| encode(())),
    row("devices_invite", Of::Nothing, SOMEBODY, |_, _| encode(("Phone",))),
    row("devices_join", Of::Nothing, CODE, |_, _| encode((GUESS, "Phone"))),
    row("devices_list", Of::Nothing, SOMEBODY, |_, _| encode(())),
    row("devices_rename", Of::Nothing, NOT_ONES_OWN, |_, _| encode((someone(), "Phone"))),
    row("devices_remove", Of::Nothing, NOT_ONES_OWN, |_, _| encode((someone(),))),
    row("passkeys_register", Of::Nothing, rights("eeeeeeue", "eue", NOBODYS, NOBODYS), |_, _| {
        encode((passkey(),))
    }),
    row("passkeys_find", Of::Nothing, rights(NOBODYS, "nnn", NOBODYS, NOBODYS), |_, _| {
        encode((Bytes::new(b"none"),))
    }),
    row("profile_set", Of::Nothing, SOMEBODY, |_, _| encode((Some("Anna"), Some(7_u32)))),
    row("people_name", Of::Nothing, SOMEBODY, |_, _| encode((someone(), Some("Aunt"), None::<u32>))),
    row("people_list", Of::Nothing, ANYBODY, |_, _| encode(())),
    row("invitations_create", Of::Capsule, OWNER, |t, _| {
        encode((&t.capsule, Role::Guest, 1_u32, None::<u64>, None::<String>))
    }),
    row("invitations_read", Of::Nothing, rights("cccccccc", "ccc", NOBODYS, NOBODYS), |_, _| {
        encode((GUESS,))
    }),
    row("invitations_redeem", Of::Nothing, CODE, |_, _| encode((GUESS,))),
    row("invitations_list", Of::Nothing, CONTROLLER, |_, _| encode((None::<String>,))),
    row("invitations_list", Of::Capsule, OWNER, |t, _| encode((Some(&t.capsule),))),
    row("invitations_revoke", Of::Nothing, NOT_ONES_OWN, |_, _| encode((987_654_321_u64,))),
    row("links_create", Of::Capsule, OWNER, |t, idem| {
        encode((&t.capsule, link_key(idem), None::<LinkOptions>))
    }),
    row("links_list", Of::Capsule, OWNER, |t, _| encode((&t.capsule,))),
    row("links_revoke", Of::Capsule, OWNER, |t, _| encode((&t.capsule, someone()))),
    row("admin_settings", Of::Nothing, CONTROLLER, |_, _| encode(())),
    row("admin_set", Of::Nothing, CONTROLLER, |_, _| encode((Settings::default(),))),
    row("admin_invite", Of::Nothing, CONTROLLER, |_, _| {
        encode((1_u32, None::<u64>, None::<String>, None::<u64>))
    }),
    row("admin_evict", Of::Session, OPERATE, |t, _| encode((t.session,))),
    row("admin_remove", Of::Memory, OPERATE, |t, _| encode((&t.memory,))),
    row("admin_remove", Of::Capsule, OPERATE, |t, _| encode((&t.capsule,))),
    row("admin_block", Of::Nothing, CONTROLLER, |_, _| encode((someone(), None::<String>))),
    row("admin_unblock", Of::Nothing, CONTROLLER, |_, _| encode((someone(),))),
    row("admin_quota", Of::Nothing, CONTROLLER, |_, _| encode((someone(), Some(7_u64)))),
    row("admin_give", Of::Capsule, OPERATE, |t, _| encode((&t.capsule, someone()))),
    row("admin_log", Of::Nothing, CONTROLLER, |_, _| encode((None::<u64>,))),
    row("usage", Of::Nothing, SOMEBODY, |_, _| encode((None::<String>,))),
    row("usage", Of::Capsule, MAKE, |t, _| encode((Some(&t.capsule),))),
    row("upload_config", Of::Nothing, ANYBODY, |_, _| encode(())),
    row("uploads_begin", Of::Capsule, MAKE, |t, idem| encode((&t.capsule, 1_u32, idem))),
    row("uploads_put_chunk", Of::Session, OWN_SESSION, |t, _| encode((t.session, 0_u32, Bytes::new(CHUNK)))),
    row("mint_upload_ticket", Of::Session, OWN_SESSION, |t, _| encode((t.session, 60_u32))),
    row("uploads_status", Of::Session, OWN_SESSION, |t, _| encode((t.session,))),
    row("uploads_finish", Of::Session, OWN_SESSION, |t, _| {
        encode((t.session, ByteBuf::from(sha256(CHUNK)), CHUNK.len() as u64))
    }),
    row("uploads_abort", Of::Session, OWN_SESSION, |t, _| encode((t.session,))),
    row("uploads_publish", Of::Session, PUBLISH_SESSION, publish),
    row("uploads_publish", Of::Capsule, PUBLISH, publish),
    row("uploads_publish", Of::Capsule, MAKE, publish_carried),
    row("sessions_list", Of::Nothing, ANYBODY, |_, _| encode(())),
    row("sessions_stats", Of::Nothing, ANYBODY, |_, _| encode(())),
    row("sessions_cleanup_expired", Of::Nothing, SOMEBODY, |_, _| encode(())),
    row("_probe_sessions", Of::Nothing, ANYBODY, |_, _| encode(())),
    row("uploads_grant", Of::Nothing, GATE, |_, _| encode(("no ticket",))),
    row("uploads_granted", Of::Nothing, GATE, |_, _| encode(("no ticket",))),
    row("uploads_multipart", Of::Session, GATE, |t, _| encode((t.session, "upload"))),
    row("uploads_attest", Of::Session, GATE, |t, _| encode((t.session, attestation(CHUNK)))),
    row("objects_list", Of::Nothing, GATE, |_, _| encode((None::<u64>,))),
    row("objects_removable", Of::Nothing, GATE, |_, _| encode(())),
    row("objects_removed", Of::Nothing, GATE, |_, _| encode((vec![1_u64],))),
    row("objects_movable", Of::Nothing, GATE, |_, _| encode((None::<String>, u64::MAX, 0_u64))),
    row("objects_move", Of::Blob, GATE, |t, _| encode((&t.blob,))),
    row("objects_moved", Of::Blob, GATE, |t, _| encode((&t.blob, attestation(BLOB)))),
    row("blob_get_meta", Of::Blob, READ, |t, _| encode((&t.blob,))),
    row("blob_read", Of::Blob, READ, |t, _| encode((&t.blob,))),
    row("blob_read_chunk", Of::Blob, READ, |t, _| encode((&t.blob, 0_u32))),
    row("blob_read_range", Of::Blob, READ, |t, _| encode((&t.blob, 1_u64, 2_u32))),
    row("blob_delete", Of::Blob, DELETE_BLOB, |t, _| encode((&t.blob,))),
    row("memories_create", Of::Capsule, MAKE, |t, idem| create(t, idem, Some(b"inline"), None)),
    row("memories_create", Of::Blob, MAKE_OF_BLOB, |t, idem| create(t, idem, None, Some(&t.blob))),
    row("memories_create_with_internal_blobs", Of::Capsule, MAKE, create_of_blob),
    row("memories_create_with_internal_blobs", Of::Blob, MAKE_OF_BLOB, create_of_blob),
    row("memories_create_with_internal_blobs_and_inline_assets", Of::Capsule, MAKE, create_mixed),
    row("memories_create_with_internal_blobs_and_inline_assets", Of::Blob, MAKE_OF_BLOB, create_mixed),
    row("memories_add_asset", Of::Memory, CHANGE, add_blob),
    row("memories_add_asset", Of::Blob, CHANGE_PART, add_blob),
    row("memories_add_inline_asset", Of::Memory, CHANGE, |t, idem| {
        encode((&t.memory, inline(AssetType::Thumbnail, b"small"), idem))
    }),
    row("memories_read", Of::Memory, READ, |t, _| encode((&t.memory,))),
    row("memories_read_asset", Of::Memory, READ, |t, _| encode((&t.memory, 0_u32))),
    row("asset_get_by_id", Of::Memory, READ, |t, _| encode((&t.memory, &t.asset))),
    row("asset_get_by_id", Of::Asset, READ, |t, _| encode((&t.memory, &t.asset))),
    row("memories_list", Of::Capsule, READ, |t, _| encode((&t.capsule,))),
    row("memories_list_by_capsule", Of::Capsule, READ, |t, _| encode((&t.capsule,))),
    row("memories_list_assets", Of::Memory, READ, |t, _| encode((&t.memory,))),
    row("memories_ping", Of::Memory, PRESENCE, |t, _| encode((vec![&t.memory],))),
    row("memories_find", Of::Capsule, READ, |t, _| {
        encode((&t.capsule, vec![ByteBuf::from(sha256(CHUNK)), ByteBuf::from(sha256(b"tiny"))]))
    }),
    row("memories_update", Of::Memory, CHANGE, |t, _| {
        encode((&t.memory, MemoryUpdateData { title: Some("New".into()), ..MemoryUpdateData::default() }))
    }),
    row("memories_delete", Of::Memory, CHANGE, |t, _| encode((&t.memory, true))),
    row("memories_delete_bulk", Of::Memory, BULK, delete_bulk),
    row("memories_delete_bulk", Of::Capsule, BULK_IN, delete_bulk),
    row("memories_delete_all", Of::Capsule, ADMIN, |t, _| encode((&t.capsule, true))),
    row("asset_remove_by_id", Of::Memory, CHANGE, |t, _| encode((&t.memory, &t.asset))),
    row("asset_remove_by_id", Of::Asset, CHANGE_PART, |t, _| encode((&t.memory, &t.asset))),
    row("http_request", Of::Memory, HTTP, |t, _| encode((get(&format!("/asset/{}/original", t.memory)),))),
    row("http_request_update", Of::Memory, HTTP, |t, _| {
        encode((get(&format!("/asset/{}/original", t.memory)),))
    }),
    row("mint_http_token", Of::Memory, READ, |t, _| {
        encode((&t.memory, Vec::<String>::new(), None::<Vec<String>>, 60_u32))
    }),
    row("mint_http_tokens_bulk", Of::Memory, PRESENCE, |t, _| {
        let request = TokenRequest { memory_id: t.memory.clone(), variants: Vec::new(), asset_ids: None };
        encode((vec![request], 60_u32))
    }),
    row("site_set", Of::Nothing, CONTROLLER, |_, _| encode((Vec::<SiteFileInput>::new(),))),
    row("site_list", Of::Nothing, ANYBODY, |_, _| encode(())),
];

fn encode<A: ArgumentEncoder>(args: A) -> Vec<u8> {
    candid::encode_args(args).expect("samples encode")
}

/// A code that nobody made.
const GUESS: &str = "AAAAAAAAAAAAAAAAAAAAAA";

/// A passkey that is nobody's.
fn passkey() -> Passkey {
    Passkey { credential_id: ByteBuf::from(b"none"), public_key: ByteBuf::from(b"none") }
}

fn attestation(bytes: &[u8]) -> Attestation {
    Attestation { len: bytes.len() as u64, sha256: ByteBuf::from(sha256(bytes)), version: None }
}

/// The principal of a key that is in no other message.
/// Somebody who plays no other part.
fn someone() -> Principal {
    Principal::self_authenticating([77; 32])
}

/// A `GET` without headers.
pub fn get(url: &str) -> HttpRequest {
    HttpRequest {
        method: "GET".into(),
        url: url.into(),
        headers: Vec::new(),
        body: ByteBuf::new(),
        certificate_version: None,
    }
}

fn publish(t: &Things, idem: &str) -> Vec<u8> {
    encode((PublishRequest {
        capsule_id: t.capsule.clone(),
        metadata: memory("Published"),
        sessions: vec![session(AssetType::Original, t.session, CHUNK)],
        inline_assets: Vec::new(),
        carried_assets: None,
        if_present: None,
        idem: idem.into(),
    },))
}

/// A photo in one message: no session has to be the caller's.
fn publish_carried(t: &Things, idem: &str) -> Vec<u8> {
    encode((PublishRequest {
        capsule_id: t.capsule.clone(),
        metadata: memory("In one message"),
        sessions: Vec::new(),
        inline_assets: Vec::new(),
        carried_assets: Some(vec![inline(AssetType::Original, CHUNK)]),
        if_present: None,
        idem: idem.into(),
    },))
}

fn create(t: &Things, idem: &str, bytes: Option<&[u8]>, locator: Option<&str>) -> Vec<u8> {
    let blob = locator.map(|locator| BlobRef { locator: locator.into(), len: 0, hash: None });
    let metadata: AssetMetadata = asset(AssetType::Original, "image/jpeg");
    let nothing = (None::<BlobHosting>, None::<String>, None::<String>, None::<u64>, None::<ByteBuf>);
    let (location, storage_key, url, size, hash) = nothing;
    let bytes = bytes.map(ByteBuf::from);
    encode((&t.capsule, bytes, blob, location, storage_key, url, size, hash, metadata, idem))
}

fn create_of_blob(t: &Things, idem: &str) -> Vec<u8> {
    encode((&t.capsule, memory("Of a blob"), vec![blob(AssetType::Original, &t.blob)], idem))
}

fn create_mixed(t: &Things, idem: &str) -> Vec<u8> {
    let inline = vec![inline(AssetType::Placeholder, b"tiny")];
    encode((&t.capsule, memory("Mixed"), vec![blob(AssetType::Original, &t.blob)], inline, idem))
}

fn add_blob(t: &Things, idem: &str) -> Vec<u8> {
    encode((&t.memory, blob(AssetType::Display, &t.blob), idem))
}

fn delete_bulk(t: &Things, _: &str) -> Vec<u8> {
    encode((&t.capsule, vec![&t.memory], true))
}
