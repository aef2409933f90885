//! Wire types of people: who a key is, the devices of an account, passkeys, names.

use candid::{CandidType, Principal};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// What the host thinks of the key that asks.
#[derive(CandidType, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is no key: the message is anonymous.
    Anonymous,
    /// It may make capsules.
    Admitted,
    /// It has a role here, and may make no capsule of its own: the host is by invitation.
    Known,
    /// The host is by invitation, and the key has none: it may redeem a code and read what is public.
    Stranger,
    /// It is the key of a link.
    Link,
    /// It is the key of a link that ended: its time ran out, it was taken back, or who made it may not give it any more.
    LinkExpired,
    /// It was removed from the devices of its account.
    Removed,
    /// The operator shut its account out.
    Blocked,
}

/// Who may come in.
#[derive(CandidType, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Whoever has a key may make capsules.
    Everybody,
    /// Only who was invited, and whom the host knows already.
    Invited,
}

/// The key that asks, and whose it is.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct WhoAmI {
    /// The principal of the key.
    pub principal: Principal,
    /// The account that it acts for: the principal of the key that the account began with.
    pub account: Principal,
    /// What the host thinks of it.
    pub standing: Standing,
    /// Who may come in here.
    pub admission: Admission,
    /// It may make capsules.
    pub may_create_capsules: bool,
    /// It controls the host.
    pub is_controller: bool,
    /// What the account calls itself.
    pub name: Option<String>,
    /// Its colour, `0xrrggbb`.
    pub colour: Option<u32>,
    /// Devices of the account, this one too.
    pub devices: u32,
}

/// One key of an account.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The principal of its key.
    pub principal: Principal,
    /// What its owner calls it; empty where nobody said.
    pub name: String,
    /// When it joined, ns since 1970; none: the account began with it.
    pub added_at: Option<u64>,
    /// The day on which it last uploaded, as ns since 1970; none: it did not, or not since there are devices.
    pub last_upload_day: Option<u64>,
    /// It is a passkey that is found again by its credential id.
    pub is_passkey: bool,
    /// It is the one that asks.
    pub is_this: bool,
}

/// A passkey: where its public key is found by its credential id.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Passkey {
    /// The authenticator's name for it, 1 to 1,023 bytes.
    pub credential_id: ByteBuf,
    /// Its public key, DER with the COSE key in it: its principal is the key that signs.
    pub public_key: ByteBuf,
}

/// What the caller calls somebody.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct PersonName {
    /// Whom.
    pub principal: Principal,
    /// The name; at most 256 bytes.
    pub name: Option<String>,
    /// The colour, `0xrrggbb`.
    pub colour: Option<u32>,
}
