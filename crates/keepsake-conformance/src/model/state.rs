//! The model's state: plain maps, and the rules of access and quota over them. Owns nothing of the system's layout.

use candid::Principal;
use keepsake_client::api::{self, Error, PersonRef, Role};
use std::collections::{BTreeMap, BTreeSet};

/// What a world is bounded by.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Quota of one capsule, bytes.
    pub capsule_bytes_max: u64,
    /// Bytes in flight of one caller.
    pub bytes_in_flight_per_caller_max: u64,
    /// Pending sessions of one caller.
    pub sessions_per_caller_max: u32,
    /// The blob heap, bytes.
    pub heap_bytes_max: u64,
    /// Records of one capsule's memories and blobs, bytes.
    pub capsule_record_bytes_max: u64,
    /// Memories that one message deletes of many.
    pub rows_max: u32,
    /// What the system says of itself.
    pub session_ttl_ns: u64,
    /// Only who was invited may come in.
    pub invited: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Capsule {
    pub(super) subject: PersonRef,
    pub(super) creator: Principal,
    pub(super) name: Option<String>,
    pub(super) given: Option<api::CapsuleGift>,
    pub(super) members: BTreeMap<Principal, Role>,
    /// Members that made it, or said yes to their role.
    pub(super) accepted: BTreeSet<Principal>,
    /// When each member came, as a number that grows.
    pub(super) grants: BTreeMap<Principal, u64>,
    /// In which order they said yes to them.
    pub(super) said_yes: BTreeMap<Principal, u64>,
    pub(super) created_ns: u64,
    pub(super) updated_ns: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SessionState {
    Pending,
    Finished(String),
    Aborted,
}

#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) capsule: String,
    pub(super) caller: Principal,
    pub(super) idem: String,
    pub(super) expected: u32,
    pub(super) options: api::BeginOptions,
    pub(super) chunks: BTreeMap<u32, Vec<u8>>,
    pub(super) last_seen_ns: u64,
    pub(super) state: SessionState,
}

impl Session {
    pub(super) fn is_pending(&self) -> bool {
        self.state == SessionState::Pending
    }

    fn tail(&self) -> u32 {
        self.expected - 1
    }

    /// Length of every chunk but the last, once one of them is here.
    pub(super) fn body_len(&self) -> Option<u64> {
        self.chunks.range(..self.tail()).next().map(|(_, bytes)| bytes.len() as u64)
    }

    pub(super) fn tail_len(&self) -> Option<u64> {
        self.chunks.get(&self.tail()).map(|bytes| bytes.len() as u64)
    }

    /// Bytes that it is charged for: what was announced, else what came.
    pub(super) fn charged(&self) -> u64 {
        if !self.is_pending() {
            return 0;
        }
        self.options.total_len.unwrap_or_else(|| self.received_bytes())
    }

    pub(super) fn received_bytes(&self) -> u64 {
        self.chunks.values().map(|bytes| bytes.len() as u64).sum()
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.chunks.values().flatten().copied().collect()
    }

    /// A chunk of `len` bytes at `index` can be part of a file cut as the interface says.
    pub(super) fn fits(&self, index: u32, len: u64) -> bool {
        let bodies = u64::from(self.tail());
        let tail = if index == self.tail() { Some(len) } else { self.tail_len() };
        let body = if index == self.tail() { self.body_len() } else { Some(len) };
        let equal = index == self.tail() || self.body_len().is_none_or(|body| body == len);
        let ordered = body.zip(tail).is_none_or(|(body, tail)| bodies == 0 || tail <= body);
        let Some(total) = self.options.total_len else { return equal && ordered };
        let adds_up = match (body, tail) {
            (_, Some(tail)) if bodies == 0 => tail == total,
            (Some(body), Some(tail)) => bodies * body + tail == total,
            (Some(body), None) => total > bodies * body && total - bodies * body <= body,
            (None, Some(tail)) => {
                total >= tail
                    && (total - tail) % bodies == 0
                    && ((total - tail) / bodies) >= tail
                    && (total - tail) / bodies <= 1_800_000
            }
            (None, None) => true,
        };
        equal && ordered && adds_up
    }
}

#[derive(Clone, Debug)]
pub(super) struct Blob {
    pub(super) capsule: String,
    pub(super) creator: Principal,
    pub(super) bytes: Vec<u8>,
    /// Chunks that it came in.
    pub(super) chunks: u64,
    pub(super) mime_type: Option<String>,
    pub(super) created_ns: u64,
    pub(super) expires_ns: Option<u64>,
    pub(super) memory: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Source {
    Inline(Vec<u8>),
    Blob(String),
}

impl Source {
    /// Bytes that it takes of the inline budget.
    pub(super) fn inline_bytes(&self) -> u64 {
        match self {
            Self::Inline(bytes) => bytes.len() as u64,
            Self::Blob(_) => 0,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Asset {
    pub(super) id: String,
    pub(super) kind: api::AssetType,
    pub(super) source: Source,
    pub(super) key: Option<(Principal, String, String)>,
}

#[derive(Clone, Debug)]
pub(super) struct MemoryState {
    pub(super) capsule: String,
    pub(super) creator: Principal,
    pub(super) metadata: api::MemoryMetadata,
    pub(super) assets: Vec<Asset>,
    pub(super) next_asset: u64,
    pub(super) updated_ns: u64,
}

/// What a key is, where it is no account by itself alone.
#[derive(Clone, Debug)]
pub(super) enum KeyState {
    Device(Device),
    Link(Link),
    /// Was a link's into this capsule, and is nobody's while that is there.
    EndedLink(String),
}

/// A key by which an account is reached.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Device {
    pub(super) account: Principal,
    pub(super) name: String,
    pub(super) added_ns: u64,
    /// The day of its last upload, days since 1970.
    pub(super) seen_day: u64,
    pub(super) joined_by: Option<String>,
    pub(super) removed: bool,
    pub(super) blocked: bool,
}

/// A key that only looks.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Link {
    pub(super) capsule: String,
    pub(super) creator: Principal,
    pub(super) created_ns: u64,
    pub(super) expires_ns: Option<u64>,
    /// The memories that it shows; none: all of the capsule.
    pub(super) named: Option<BTreeSet<u64>>,
    pub(super) originals: bool,
    pub(super) preview: bool,
}

/// What the host knows of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) admitted: bool,
    pub(super) quota_bytes: Option<u64>,
    pub(super) blocked: bool,
    /// Invitations of devices into it, the oldest first.
    pub(super) waiting: Vec<u64>,
}

/// What a code lets in.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Opens {
    Account(Principal),
    Capsule(String, Role),
    Host(Option<u64>),
}

impl Opens {
    pub(super) fn is_into(&self, id: &str) -> bool {
        matches!(self, Self::Capsule(capsule, _) if capsule == id)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Invitation {
    pub(super) code: String,
    pub(super) opens: Opens,
    pub(super) creator: Principal,
    pub(super) created_ns: u64,
    pub(super) expires_ns: Option<u64>,
    pub(super) uses_max: u32,
    pub(super) uses: u32,
    pub(super) label: String,
}

/// A token for a memory, by whoever has this key.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) key: Principal,
    pub(super) memory: u64,
    pub(super) expires_ns: u64,
    pub(super) text: String,
}

/// A ticket for chunks of a session, by whoever has this key.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    pub(super) key: Principal,
    pub(super) session: u64,
    pub(super) expires_ns: u64,
    pub(super) text: String,
}

/// Where the first answer to a key is kept: scope, caller, capsule, key.
pub(super) type Key = (&'static str, Principal, String, String);

/// The service in plain maps.
#[derive(Clone, Debug, Default)]
pub struct Model {
    pub(super) capsules: BTreeMap<String, Capsule>,
    /// The capsule that somebody made about itself.
    pub(super) own: BTreeMap<Principal, String>,
    pub(super) sessions: BTreeMap<u64, Session>,
    pub(super) blobs: BTreeMap<String, Blob>,
    pub(super) memories: BTreeMap<u64, MemoryState>,
    /// Arguments and answer, both as text.
    pub(super) answers: BTreeMap<Key, (String, String)>,
    /// Grants and revocations so far.
    pub(super) grants: u64,
    /// Keys that are no accounts by themselves alone.
    pub(super) keys: BTreeMap<Principal, KeyState>,
    /// What the host knows of accounts.
    pub(super) persons: BTreeMap<Principal, Person>,
    pub(super) invitations: BTreeMap<u64, Invitation>,
    /// Invitations so far.
    pub(super) invited: u64,
    /// Every code that was ever told.
    pub(super) codes: Vec<String>,
    /// Uses of a controller's rights: who, and what.
    pub(super) log: Vec<(Principal, &'static str)>,
    /// HTTP tokens and upload tickets, the newest last.
    pub(super) tokens: Vec<Token>,
    pub(super) tickets: Vec<Ticket>,
    /// Messages so far.
    pub(super) sent: u64,
    /// Every id that was ever given out.
    pub(super) ids: BTreeSet<String>,
    /// What messages were answered, and how often.
    pub(super) outcomes: BTreeMap<String, u64>,
}

impl Model {
    /// One of the capsule's owners.
    pub(super) fn owner(&self, capsule: &str) -> Option<Principal> {
        let members = &self.capsules.get(capsule)?.members;
        members.iter().find(|(_, role)| **role == Role::Owner).map(|(who, _)| *who)
    }

    pub(super) fn role(&self, capsule: &str, who: &Principal) -> Option<Role> {
        let whole = || self.link_into(capsule, who).is_some_and(|link| link.named.is_none());
        self.own_role(capsule, who).or_else(|| whole().then_some(Role::Guest))
    }

    /// As [`Self::role`], but for links.
    pub(super) fn own_role(&self, capsule: &str, who: &Principal) -> Option<Role> {
        let members = &self.capsules.get(capsule)?.members;
        members.get(who).or_else(|| members.get(&Principal::anonymous())).copied()
    }

    pub(super) fn require(&self, capsule: &str, who: &Principal, need: Role) -> Result<(), Error> {
        match self.role(capsule, who) {
            None => Err(Error::NotFound),
            Some(role) if role <= need => Ok(()),
            Some(_) => Err(Error::Unauthorized),
        }
    }

    pub(super) fn references(&self, blob: &str) -> u32 {
        let sources = self.memories.values().flat_map(|memory| &memory.assets);
        let found = sources.filter(|asset| matches!(&asset.source, Source::Blob(id) if id == blob)).count();
        u32::try_from(found).expect("a small world")
    }

    pub(super) fn inline_used(&self, capsule: &str) -> u64 {
        let memories = self.memories.values().filter(|memory| memory.capsule == capsule);
        memories.flat_map(|memory| &memory.assets).map(|asset| asset.source.inline_bytes()).sum()
    }

    pub(super) fn bytes_used(&self, capsule: &str) -> u64 {
        let blobs = self.blobs.values().filter(|blob| blob.capsule == capsule);
        blobs.map(|blob| blob.bytes.len() as u64).sum::<u64>() + self.inline_used(capsule)
    }

    pub(super) fn in_flight(&self, capsule: &str) -> u64 {
        self.sessions.values().filter(|session| session.capsule == capsule).map(Session::charged).sum()
    }

    pub(super) fn caller_in_flight(&self, who: &Principal) -> u64 {
        self.sessions.values().filter(|session| session.caller == *who).map(Session::charged).sum()
    }

    pub(super) fn pending_of(&self, who: &Principal) -> usize {
        self.sessions.values().filter(|session| session.caller == *who && session.is_pending()).count()
    }

    pub(super) fn quota_allows(&self, bounds: &Bounds, capsule: &str, more: u64) -> bool {
        let creator = self.capsules.get(capsule).map(|capsule| capsule.creator);
        let of_account = creator.and_then(|creator| self.account_quota(&creator));
        self.bytes_used(capsule) + self.in_flight(capsule) + more <= bounds.capsule_bytes_max
            && of_account.is_none_or(|(used, max)| used + more <= max)
    }

    /// Bytes that the heap takes at most, in whole pages: twice what came of a pending session, and one chunk.
    pub(super) fn heap_used(&self) -> u64 {
        let pages = |len: u64| len.next_multiple_of(4_096);
        let chunks =
            |session: &Session| session.chunks.values().map(|bytes| pages(bytes.len() as u64)).sum::<u64>();
        let session = |session: &Session| 2 * chunks(session) + pages(session.body_len().unwrap_or(0));
        let pending = self.sessions.values().filter(|session| session.is_pending()).map(session).sum::<u64>();
        let blob = |blob: &Blob| pages(blob.bytes.len() as u64) + 4_096 * blob.chunks;
        pending + self.blobs.values().map(blob).sum::<u64>()
    }

    pub(super) fn somebody(who: &Principal) -> Result<(), Error> {
        if *who == Principal::anonymous() { Err(Error::Unauthorized) } else { Ok(()) }
    }

    /// What time alone ends: sessions, their traces, unreferenced blobs.
    pub(super) fn expire(&mut self, now_ns: u64, ttl_ns: u64) -> u32 {
        let late = |at_ns: u64| at_ns.saturating_add(ttl_ns) < now_ns;
        let gone = |session: &Session| late(session.last_seen_ns);
        let evicted = self.sessions.values().filter(|session| session.is_pending() && gone(session)).count();
        self.sessions.retain(|_, session| !gone(session));
        self.blobs.retain(|_, blob| blob.expires_ns.is_none_or(|at_ns| at_ns >= now_ns));
        self.forget_invitations(|invitation| invitation.is_forgotten(now_ns));
        u32::try_from(evicted).expect("a small world")
    }

    pub(super) fn drop_capsule(&mut self, id: &str) {
        self.capsules.remove(id);
        self.own.retain(|_, capsule| capsule != id);
        self.sessions.retain(|_, session| session.capsule != id);
        self.blobs.retain(|_, blob| blob.capsule != id);
        self.memories.retain(|_, memory| memory.capsule != id);
        self.answers.retain(|(_, _, capsule, _), _| capsule != id);
        self.forget_invitations(|invitation| invitation.opens.is_into(id));
        self.keys.retain(|_, key| match key {
            KeyState::Link(link) => link.capsule != id,
            KeyState::EndedLink(capsule) => capsule != id,
            KeyState::Device(_) => true,
        });
    }
}
