//! The registry of people: keys that stand for an account or a link, persons, names, codes, passkeys, what links cover, and the
//! log of operators. Owns one map for all of them, since each alone is small and a map of its own takes 2 MiB at least; the rules
//! are in `door`, `devices`, `invitations`, `links`, `people` and `operator`.
//!
//! ```text
//! key: tag u8 | what follows, zeroes up to 61 bytes                          value
//!   1 | principal (1 length + 29)                                            KeyRecord: a device, a link, or what was a link
//!   2 | account (30) | device (30)                                           -
//!   3 | account (30)                                                         PersonRecord
//!   4 | account (30) | person (30)                                           NameRecord: what the account calls them
//!   5 | invitation u64                                                       InvitationRecord
//!   6 | SHA-256 of a code                                                    invitation u64
//!   7 | capsule u64 (0: onto the host, into an account) | invitation u64     -
//!   8 | SHA-256 of a credential id                                           PasskeyRecord
//!   9 | capsule u64 | link (30)                                              -
//!  10 | link (30) | memory u64                                               -
//!  11 | number u64                                                           LogRecord
//!  12 | who made it (30) | capsule u64                                       -
//!  13 | account (30) | device that was removed (30)                          -
//!  14 | capsule u64 | link that ended (30)                                   -
//!  15 | capsule u64 | of these, one whose rows of kind 10 go in slices (30)  -
//! ```

use crate::ids::{CapsuleId, InvitationId, MemoryId};
use crate::layout::{Counter, Field, Map, Part, part};
use crate::record::{Record, encode, principal, principal_key, principal_of_key, u64_be};
use crate::tables::members::Role;
use ic_principal::Principal;
use ic_stable_structures::memory_manager::MemoryManager;
use ic_stable_structures::{Memory, Storable};
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use std::borrow::Cow;

const KEY_BYTES: usize = 61;
type Key = [u8; KEY_BYTES];

/// What a key is, where it is not an account by itself alone.
#[derive(Encode, Decode, Clone, Debug, PartialEq, Eq)]
pub enum KeyRecord {
    /// One of the devices of an account.
    #[n(0)]
    Device(#[n(0)] DeviceRecord),
    /// The key that a link's secret makes.
    #[n(1)]
    Link(#[n(0)] LinkRecord),
    /// A link that ended had this key: whoever has its secret still is nobody, while the capsule is there.
    #[n(2)]
    EndedLink(#[n(0)] EndedLinkRecord),
}

/// What is kept of a link that ended, as long as its capsule is there.
#[derive(Encode, Decode, Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndedLinkRecord {
    /// The capsule.
    #[n(0)]
    pub capsule: u64,
    /// Rows of memories that it named, and that are not forgotten yet.
    #[n(1)]
    pub named: u32,
}

/// A device of an account. The account's first key has a record of its own once there is something to say about it.
#[derive(Encode, Decode, Clone, Debug, PartialEq, Eq)]
pub struct DeviceRecord {
    /// The account.
    #[cbor(n(0), with = "principal")]
    pub account: Principal,
    /// What its owner calls it.
    #[n(1)]
    pub name: String,
    /// When it joined, ns; 0 where the account began with it.
    #[n(2)]
    pub added_ns: u64,
    /// The day of its last change, days since 1970.
    #[n(3)]
    pub seen_day: u32,
    /// SHA-256 of the code that it joined by.
    #[n(4)]
    pub joined_by: Option<ByteArray<32>>,
    /// SHA-256 of its passkey's credential id.
    #[n(5)]
    pub credential: Option<ByteArray<32>>,
    /// It was removed, and is not an account by itself for that.
    #[n(6)]
    pub removed: bool,
    /// The operator shut the account out.
    #[n(7)]
    pub blocked: bool,
}

/// A link: whoever has its secret sees what it covers.
#[derive(Encode, Decode, Clone, Debug, PartialEq, Eq)]
pub struct LinkRecord {
    /// The capsule.
    #[n(0)]
    pub capsule: u64,
    /// Who made it.
    #[cbor(n(1), with = "principal")]
    pub creator: Principal,
    /// When, ns.
    #[n(2)]
    pub created_ns: u64,
    /// When it ends, ns; none: never by itself.
    #[n(3)]
    pub expires_ns: Option<u64>,
    /// How many memories it names; none: it covers the whole capsule.
    #[n(4)]
    pub named: Option<u32>,
    /// Originals are covered too.
    #[n(5)]
    pub originals: bool,
    /// The secret alone does not open it: a word of its owner's does too. The client's business.
    #[n(6)]
    pub password: bool,
    /// What its owner calls it.
    #[n(7)]
    pub label: String,
    /// Its address may be shown with a title and a picture, by whoever serves the page.
    #[cbor(n(8), default)]
    pub preview: bool,
    /// What its capsule is charged for it, bytes; 0 of a link that was made before links were charged.
    #[cbor(n(9), default)]
    pub charged: u64,
}

/// What an account says about itself, and what the operator says about it.
#[derive(Encode, Decode, Clone, Debug, Default, PartialEq, Eq)]
pub struct PersonRecord {
    /// What it calls itself.
    #[n(0)]
    pub name: Option<String>,
    /// Its colour, `0xrrggbb`.
    #[n(1)]
    pub colour: Option<u32>,
    /// It may make capsules, though the host is by invitation.
    #[n(2)]
    pub admitted: bool,
    /// Bytes of all capsules that it made, at most.
    #[n(3)]
    pub quota_bytes: Option<u64>,
    /// Why the operator shut it out; none where it did not.
    #[n(4)]
    pub blocked: Option<String>,
    /// Invitations of devices into it that were not used yet, oldest first.
    #[n(5)]
    pub waiting: Vec<u64>,
}

/// What an account calls somebody.
#[derive(Encode, Decode, Clone, Debug, Default, PartialEq, Eq)]
pub struct NameRecord {
    /// The name.
    #[n(0)]
    pub name: Option<String>,
    /// The colour, `0xrrggbb`.
    #[n(1)]
    pub colour: Option<u32>,
}

/// What a code lets in.
#[derive(Encode, Decode, Clone, Debug, PartialEq, Eq)]
pub enum Opens {
    /// A device into an account.
    #[n(0)]
    Account(#[cbor(n(0), with = "principal")] Principal),
    /// A person into a capsule, with a role as [`Role`] numbers them.
    #[n(1)]
    Capsule {
        /// Which.
        #[n(0)]
        capsule: u64,
        /// The role.
        #[n(1)]
        role: u8,
    },
    /// A person onto the host: it may make capsules.
    #[n(2)]
    Host {
        /// Bytes of all that it makes, at most.
        #[n(0)]
        quota_bytes: Option<u64>,
    },
}

impl Opens {
    /// The capsule and the role that it gives.
    pub fn role(&self) -> Option<(CapsuleId, Role)> {
        match self {
            Self::Capsule { capsule, role } => Some((CapsuleId(*capsule), Role::from_byte(*role))),
            _ => None,
        }
    }

    fn owner(&self) -> u64 {
        if let Self::Capsule { capsule, .. } = self { *capsule } else { 0 }
    }
}

/// An invitation. Its code is not kept.
#[derive(Encode, Decode, Clone, Debug, PartialEq, Eq)]
pub struct InvitationRecord {
    /// SHA-256 of its code.
    #[n(0)]
    pub code_sha256: ByteArray<32>,
    /// What it opens.
    #[n(1)]
    pub opens: Opens,
    /// Who made it.
    #[cbor(n(2), with = "principal")]
    pub creator: Principal,
    /// When, ns.
    #[n(3)]
    pub created_ns: u64,
    /// When it ends, ns; none: never by itself.
    #[n(4)]
    pub expires_ns: Option<u64>,
    /// How often it may be redeemed.
    #[n(5)]
    pub uses_max: u32,
    /// How often it was.
    #[n(6)]
    pub uses: u32,
    /// What its maker calls it.
    #[n(7)]
    pub label: String,
}

/// A passkey's public key, for a machine that knows only its credential id.
#[derive(Encode, Decode, Clone, Debug, PartialEq, Eq)]
pub struct PasskeyRecord {
    /// Its principal.
    #[cbor(n(0), with = "principal")]
    pub principal: Principal,
    /// DER, with the COSE key in it.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub public_key: Vec<u8>,
}

/// One use of an operator's right.
#[derive(Encode, Decode, Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// When, ns.
    #[n(0)]
    pub at_ns: u64,
    /// Who.
    #[cbor(n(1), with = "principal")]
    pub by: Principal,
    /// What, as one word.
    #[n(2)]
    pub action: String,
    /// To what or whom, and how.
    #[n(3)]
    pub target: String,
}

/// A value of the map, as its kind encodes it.
struct Value(Vec<u8>);

impl Storable for Value {
    const BOUND: ic_stable_structures::storable::Bound = ic_stable_structures::storable::Bound::Unbounded;

    fn to_bytes(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.0)
    }

    fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn from_bytes(bytes: Cow<[u8]>) -> Self {
        Self(bytes.into_owned())
    }
}

pub(crate) struct Registry<R: Memory> {
    rows: Map<Key, Value, R>,
    next_invitation: Counter<R>,
    next_log: Counter<R>,
}

impl<R: Memory> Registry<R> {
    pub(crate) fn open(manager: &MemoryManager<R>) -> Self {
        Self {
            rows: Map::open(part(manager, Part::Registry)),
            next_invitation: Counter::open(manager, Field::NextInvitation),
            next_log: Counter::open(manager, Field::NextLog),
        }
    }

    /// What is broken in the tree below, in words. O(pages).
    pub(crate) fn check_trees(&self, wrong: &mut Vec<String>) {
        self.rows.check_tree("registry of people", wrong);
    }

    /// Bytes of the pages that it takes.
    pub(crate) fn bytes(&self) -> u64 {
        self.rows.bytes()
    }

    /// What a key is; none where it is an account by itself alone, or unknown. O(log rows).
    pub(crate) fn key(&self, who: &Principal) -> Option<KeyRecord> {
        self.record(&one(1, who))
    }

    pub(crate) fn device(&self, who: &Principal) -> Option<DeviceRecord> {
        match self.key(who)? {
            KeyRecord::Device(device) => Some(device),
            KeyRecord::Link(_) | KeyRecord::EndedLink(_) => None,
        }
    }

    pub(crate) fn link(&self, who: &Principal) -> Option<LinkRecord> {
        match self.key(who)? {
            KeyRecord::Link(link) => Some(link),
            KeyRecord::Device(_) | KeyRecord::EndedLink(_) => None,
        }
    }

    /// Whether this is, or was, the key of a link.
    pub(crate) fn is_link(&self, who: &Principal) -> bool {
        matches!(self.key(who), Some(KeyRecord::Link(_) | KeyRecord::EndedLink(_)))
    }

    pub(crate) fn put_device(&mut self, who: &Principal, device: &DeviceRecord) {
        let row = listed(who, device);
        if let Some(before) = self.device(who).map(|before| listed(who, &before)).filter(|at| *at != row) {
            self.rows.remove(&before);
        }
        self.put_row(row, Vec::new());
        self.put_row(one(1, who), encode(&KeyRecord::Device(device.clone())));
    }

    /// Keys with a record whose account this is, by principal; of those that were removed, the account's first key alone.
    /// O(devices).
    pub(crate) fn devices_of(&self, account: &Principal) -> Vec<(Principal, DeviceRecord)> {
        self.devices_under(2, account)
    }

    /// Keys that were removed from an account and are remembered, but for its first key, by principal. O(keys).
    pub(crate) fn removed_from(&self, account: &Principal) -> Vec<(Principal, DeviceRecord)> {
        self.devices_under(13, account)
    }

    /// How many these are. O(keys).
    pub(crate) fn removed_count(&self, account: &Principal) -> usize {
        self.followers(one(13, account), 31).count()
    }

    fn devices_under(&self, tag: u8, account: &Principal) -> Vec<(Principal, DeviceRecord)> {
        let of = self.followers(one(tag, account), 31).map(|key| principal_of_key(&key[31..]));
        of.map(|who| (who, self.device(&who).expect("a device that is listed has a record"))).collect()
    }

    pub(crate) fn person(&self, account: &Principal) -> PersonRecord {
        self.record(&one(3, account)).unwrap_or_default()
    }

    /// An empty record is not kept.
    pub(crate) fn update_person(&mut self, account: &Principal, change: impl FnOnce(&mut PersonRecord)) {
        let mut person = self.person(account);
        change(&mut person);
        self.keep(one(3, account), &person);
    }

    pub(crate) fn name(&self, account: &Principal, person: &Principal) -> Option<NameRecord> {
        self.record(&two(4, account, person))
    }

    /// An empty record is not kept.
    pub(crate) fn set_name(&mut self, account: &Principal, person: &Principal, name: &NameRecord) {
        self.keep(two(4, account, person), name);
    }

    /// Whom an account has names for, by principal. O(names).
    pub(crate) fn names_of(&self, account: &Principal) -> Vec<(Principal, NameRecord)> {
        let of = self.followers(one(4, account), 31).map(|key| principal_of_key(&key[31..]));
        of.map(|who| (who, self.name(account, &who).expect("a name that is listed has a record"))).collect()
    }

    pub(crate) fn next_invitation(&self) -> InvitationId {
        InvitationId(self.next_invitation.read() + 1)
    }

    pub(crate) fn add_invitation(&mut self, invitation: &InvitationRecord) -> InvitationId {
        let id = self.next_invitation();
        self.next_invitation.set(id.0);
        self.put_row(numbers(7, invitation.opens.owner(), id.0), Vec::new());
        self.put_row(hashed(6, &invitation.code_sha256), id.0.to_be_bytes().to_vec());
        self.put_invitation(id, invitation);
        id
    }

    pub(crate) fn put_invitation(&mut self, id: InvitationId, invitation: &InvitationRecord) {
        self.put_row(numbers(5, id.0, 0), encode(invitation));
    }

    pub(crate) fn invitation(&self, id: InvitationId) -> Option<InvitationRecord> {
        self.record(&numbers(5, id.0, 0))
    }

    pub(crate) fn invitation_by_code(
        &self,
        code_sha256: &[u8; 32],
    ) -> Option<(InvitationId, InvitationRecord)> {
        let id = InvitationId(u64_be(&self.rows.get(&hashed(6, code_sha256))?.0));
        Some((id, self.invitation(id).expect("a code names an invitation")))
    }

    pub(crate) fn remove_invitation(&mut self, id: InvitationId) {
        let Some(invitation) = self.invitation(id) else { return };
        self.rows.remove(&numbers(7, invitation.opens.owner(), id.0));
        self.rows.remove(&hashed(6, &invitation.code_sha256));
        self.rows.remove(&numbers(5, id.0, 0));
    }

    /// Invitations into a capsule, or those that are into none, by number. O(invitations).
    pub(crate) fn invitations_of(
        &self,
        capsule: Option<CapsuleId>,
    ) -> impl Iterator<Item = InvitationId> + '_ {
        let owner = capsule.map_or(0, |id| id.0);
        self.followers(numbers(7, owner, 0), 9).map(|key| InvitationId(u64_be(&key[9..17])))
    }

    pub(crate) fn passkey(&self, credential_sha256: &[u8; 32]) -> Option<PasskeyRecord> {
        self.record(&hashed(8, credential_sha256))
    }

    pub(crate) fn put_passkey(&mut self, credential_sha256: &[u8; 32], passkey: &PasskeyRecord) {
        self.put_row(hashed(8, credential_sha256), encode(passkey));
    }

    pub(crate) fn remove_passkey(&mut self, credential_sha256: &[u8; 32]) {
        self.rows.remove(&hashed(8, credential_sha256));
    }

    /// A new link. `named` are the memories that it covers, where it does not cover all.
    pub(crate) fn add_link(&mut self, who: &Principal, link: &LinkRecord, named: &[MemoryId]) {
        self.put_row(numbered(9, link.capsule, who), Vec::new());
        for memory in named {
            self.put_row(covered(who, *memory), Vec::new());
        }
        self.put_link(who, link);
    }

    /// A link as it is from now on.
    pub(crate) fn put_link(&mut self, who: &Principal, link: &LinkRecord) {
        self.put_row(one(1, who), encode(&KeyRecord::Link(link.clone())));
    }

    /// Ends a link. Its key stays known as one, and the memories that it names until [`Self::forget_named`].
    pub(crate) fn end_link(&mut self, who: &Principal, link: &LinkRecord) -> EndedLinkRecord {
        let ended = EndedLinkRecord { capsule: link.capsule, named: link.named.unwrap_or(0) };
        self.rows.remove(&numbered(9, link.capsule, who));
        self.put_row(numbered(14, link.capsule, who), Vec::new());
        if ended.named > 0 {
            self.put_row(numbered(15, link.capsule, who), Vec::new());
        }
        self.put_row(one(1, who), encode(&KeyRecord::EndedLink(ended)));
        ended
    }

    /// A link of this capsule that ended, and names memories still.
    pub(crate) fn ended_with_names(&self, capsule: CapsuleId) -> Option<Principal> {
        self.followers(numbers(15, capsule.0, 0), 9).next().map(|key| principal_of_key(&key[9..]))
    }

    /// Forgets what a link that ended names, at most so many rows. How many it took.
    pub(crate) fn forget_named(&mut self, who: &Principal, most: usize) -> u32 {
        let Some(KeyRecord::EndedLink(ended)) = self.key(who) else { return 0 };
        let named: Vec<_> = self.covered_by(who, 0, u64::MAX).take(most).collect();
        for memory in &named {
            self.rows.remove(&covered(who, *memory));
        }
        let taken = u32::try_from(named.len()).expect("a link names a thousand memories at most");
        let left = EndedLinkRecord { named: ended.named - taken, ..ended };
        if left.named == 0 {
            self.rows.remove(&numbered(15, ended.capsule, who));
        }
        self.put_row(one(1, who), encode(&KeyRecord::EndedLink(left)));
        taken
    }

    /// A link of this capsule that ended.
    pub(crate) fn first_ended(&self, capsule: CapsuleId) -> Option<Principal> {
        self.followers(numbers(14, capsule.0, 0), 9).next().map(|key| principal_of_key(&key[9..]))
    }

    /// The key of a link that ended, and names nothing any more, is as any other from now on.
    pub(crate) fn forget_ended(&mut self, capsule: CapsuleId, who: &Principal) {
        self.rows.remove(&numbered(14, capsule.0, who));
        self.rows.remove(&one(1, who));
    }

    /// The link whose key's principal begins with these bytes, which are a hash.
    pub(crate) fn link_by_front(&self, front: &[u8]) -> Option<(Principal, LinkRecord)> {
        let from = key(1, &[&[29], front]);
        let mut keys = self.followers(from, 2 + front.len()).map(|key| principal_of_key(&key[1..31]));
        keys.find_map(|who| Some((who, self.link(&who)?)))
    }

    pub(crate) fn links_of(&self, capsule: CapsuleId) -> impl Iterator<Item = Principal> + '_ {
        self.followers(numbers(9, capsule.0, 0), 9).map(|key| principal_of_key(&key[9..]))
    }

    pub(crate) fn covers(&self, link: &Principal, memory: MemoryId) -> bool {
        self.rows.contains_key(&covered(link, memory))
    }

    /// Memories that a link names, with numbers from `first` to before `end`.
    pub(crate) fn covered_by(
        &self,
        link: &Principal,
        first: u64,
        end: u64,
    ) -> impl DoubleEndedIterator<Item = MemoryId> + '_ {
        let range = covered(link, MemoryId(first))..covered(link, MemoryId(end));
        self.rows.keys_range(range).map(|key| MemoryId(u64_be(&key[31..39])))
    }

    /// Notes who made a capsule, in place of who did so before. Capsules of before layout 6 have no row.
    pub(crate) fn set_maker(
        &mut self,
        capsule: CapsuleId,
        before: Option<&Principal>,
        maker: Option<&Principal>,
    ) {
        if let Some(before) = before {
            self.rows.remove(&made(before, capsule));
        }
        if let Some(maker) = maker {
            self.put_row(made(maker, capsule), Vec::new());
        }
    }

    /// Capsules that an account made and that are there, by id; of before layout 6, none.
    pub(crate) fn made_by(&self, account: &Principal) -> impl Iterator<Item = CapsuleId> + '_ {
        self.followers(made(account, CapsuleId(0)), 31).map(|key| CapsuleId(u64_be(&key[31..39])))
    }

    /// Notes a use of an operator's right; of the oldest, one beyond `most` is forgotten.
    pub(crate) fn add_log(&mut self, entry: &LogRecord, most: u64) {
        let number = self.next_log.next();
        self.put_log(number, entry);
        if let Some(old) = number.checked_sub(most) {
            self.rows.remove(&numbers(11, old, 0));
        }
    }

    pub(crate) fn put_log(&mut self, number: u64, entry: &LogRecord) {
        self.put_row(numbers(11, number, 0), encode(entry));
    }

    /// Entries of the log before number `before`, newest first.
    pub(crate) fn log(&self, before: u64) -> impl Iterator<Item = (u64, LogRecord)> + '_ {
        let range = numbers(11, 0, 0)..numbers(11, before, 0);
        self.rows.range(range).rev().map(|(key, value)| (u64_be(&key[1..9]), decode(value)))
    }

    /// What is broken within the table, in words. O(rows).
    pub(crate) fn check(&self, wrong: &mut Vec<String>) {
        for (key, value) in &self.rows {
            let has = |other: Key| self.rows.contains_key(&other);
            let right = match key[0] {
                1 => match decode::<KeyRecord>(value) {
                    KeyRecord::Device(device) => {
                        let who = principal_of_key(&key[1..]);
                        let finds = |credential: ByteArray<32>| {
                            self.passkey(&credential).is_some_and(|passkey| passkey.principal == who)
                        };
                        has(listed(&who, &device)) && device.credential.is_none_or(finds)
                    }
                    KeyRecord::EndedLink(ended) => {
                        let who = principal_of_key(&key[1..]);
                        has(numbered(14, ended.capsule, &who))
                            && has(numbered(15, ended.capsule, &who)) == (ended.named > 0)
                            && self.covered_by(&who, 0, u64::MAX).count() == ended.named as usize
                    }
                    KeyRecord::Link(link) => {
                        let who = principal_of_key(&key[1..]);
                        let named = self.covered_by(&who, 0, u64::MAX).count();
                        has(numbered(9, link.capsule, &who))
                            && link.named.is_none_or(|count| count as usize == named)
                    }
                },
                2 | 13 => {
                    let who = principal_of_key(&key[31..]);
                    self.device(&who).is_some_and(|device| listed(&who, &device) == key)
                }
                3 | 4 | 12 => true,
                5 => {
                    let invitation: InvitationRecord = decode(value);
                    has(hashed(6, &invitation.code_sha256))
                        && has(numbers(7, invitation.opens.owner(), u64_be(&key[1..9])))
                }
                6 => self
                    .invitation(InvitationId(u64_be(&value.0)))
                    .is_some_and(|invitation| hashed(6, &invitation.code_sha256) == key),
                7 => self
                    .invitation(InvitationId(u64_be(&key[9..17])))
                    .is_some_and(|invitation| invitation.opens.owner() == u64_be(&key[1..9])),
                8 => self
                    .device(&decode::<PasskeyRecord>(value).principal)
                    .and_then(|device| device.credential)
                    .is_some_and(|credential| hashed(8, &credential) == key),
                9 => self
                    .link(&principal_of_key(&key[9..]))
                    .is_some_and(|link| link.capsule == u64_be(&key[1..9])),
                10 => match self.key(&principal_of_key(&key[1..])) {
                    Some(KeyRecord::Link(link)) => link.named.is_some(),
                    Some(KeyRecord::EndedLink(ended)) => ended.named > 0,
                    _ => false,
                },
                14 | 15 => matches!(self.key(&principal_of_key(&key[9..])), Some(KeyRecord::EndedLink(ended))
                    if ended.capsule == u64_be(&key[1..9]) && (key[0] == 14 || ended.named > 0)),
                11 => u64_be(&key[1..9]) < self.next_log.read(),
                _ => false,
            };
            if !right {
                wrong.push(format!("the registry has a row of kind {} that nothing else names", key[0]));
            }
        }
    }

    /// Every invitation, by number.
    pub(crate) fn invitations(&self) -> impl Iterator<Item = (InvitationId, InvitationRecord)> + '_ {
        self.rows_of(5).map(|(key, value)| (InvitationId(u64_be(&key[1..9])), decode(value)))
    }

    /// Every account that there is something to say about, by principal.
    pub(crate) fn persons(&self) -> impl Iterator<Item = (Principal, PersonRecord)> + '_ {
        self.rows_of(3).map(|(key, value)| (principal_of_key(&key[1..31]), decode(value)))
    }

    /// Every capsule that is noted under who made it.
    pub(crate) fn makers(&self) -> impl Iterator<Item = (Principal, CapsuleId)> + '_ {
        self.rows_of(12).map(|(key, _)| (principal_of_key(&key[1..31]), CapsuleId(u64_be(&key[31..39]))))
    }

    /// Every key that is not an account by itself alone.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (Principal, KeyRecord)> + '_ {
        self.rows_of(1).map(|(key, value)| (principal_of_key(&key[1..31]), decode(value)))
    }

    fn rows_of(&self, tag: u8) -> impl Iterator<Item = (Key, Value)> + '_ {
        self.rows.range(key(tag, &[])..key(tag + 1, &[]))
    }

    fn record<T: Encode<()> + for<'b> Decode<'b, ()>>(&self, key: &Key) -> Option<T> {
        self.rows.get(key).map(decode)
    }

    fn keep<T: Encode<()> + Default + PartialEq>(&mut self, key: Key, record: &T) {
        if *record == T::default() {
            self.rows.remove(&key);
        } else {
            self.put_row(key, encode(record));
        }
    }

    fn put_row(&mut self, key: Key, value: Vec<u8>) {
        self.rows.insert(key, Value(value));
    }

    /// Keys that have their first `len` bytes from `from`, in order.
    fn followers(&self, from: Key, len: usize) -> impl Iterator<Item = Key> + '_ {
        self.rows.keys_range(from..).take_while(move |key| key[..len] == from[..len])
    }
}

fn decode<T: Encode<()> + for<'b> Decode<'b, ()>>(value: Value) -> T {
    Record::<T>::from_bytes(Cow::Owned(value.0)).0
}

fn key(tag: u8, parts: &[&[u8]]) -> Key {
    let mut key = [0; KEY_BYTES];
    key[0] = tag;
    let mut at = 1;
    for part in parts {
        key[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    }
    key
}

fn one(tag: u8, who: &Principal) -> Key {
    key(tag, &[&principal_key(who)])
}

fn two(tag: u8, account: &Principal, who: &Principal) -> Key {
    key(tag, &[&principal_key(account), &principal_key(who)])
}

/// Under which row a device is listed.
fn listed(who: &Principal, device: &DeviceRecord) -> Key {
    let is_gone = device.removed && device.account != *who;
    two(if is_gone { 13 } else { 2 }, &device.account, who)
}

fn numbers(tag: u8, first: u64, second: u64) -> Key {
    key(tag, &[&first.to_be_bytes(), &second.to_be_bytes()])
}

fn numbered(tag: u8, number: u64, who: &Principal) -> Key {
    key(tag, &[&number.to_be_bytes(), &principal_key(who)])
}

fn hashed(tag: u8, sha256: &[u8; 32]) -> Key {
    key(tag, &[sha256])
}

fn made(maker: &Principal, capsule: CapsuleId) -> Key {
    key(12, &[&principal_key(maker), &capsule.0.to_be_bytes()])
}

fn covered(link: &Principal, memory: MemoryId) -> Key {
    key(10, &[&principal_key(link), &memory.0.to_be_bytes()])
}
