//! Links: secrets that let whoever has one look. Owns what a link covers, who makes and ends it, and when. The secret stays with
//! clients: they make a key of it, and the service knows the key's principal alone. How much a link shows is in
//! [`crate::access`], that it ends with its time at the door ([`crate::door`]), and what its address tells those who have not opened
//! it in `links/preview.rs`.

mod preview;

use crate::access::{Denied, require_somebody};
use crate::call::Call;
use crate::charge;
use crate::ids::{CapsuleId, MemoryId};
use crate::limits::{LINK_MEMORIES_MAX, LINKS_PER_CAPSULE_MAX, TICK_SLICE};
use crate::people::{NameError, check_label};
use crate::refusal::{Refusal, RefusalKind};
use crate::room::Exhausted;
use crate::store::Store;
use crate::tables::due::DueKind;
pub use crate::tables::registry::LinkRecord;
use ic_principal::Principal;
use ic_stable_structures::Memory;
pub use preview::{LINK_ID_BYTES, LinkPreview, link_id};
use std::collections::BTreeSet;

/// How the public key of a link's secret begins: DER, as in the envelopes that it signs, of Ed25519
/// ([RFC 8410](https://www.rfc-editor.org/rfc/rfc8410#section-4)). 32 bytes follow.
const ED25519_DER: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A link to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewLink {
    /// The memories that it shows; none: all of the capsule, those to come too.
    pub memories: Option<Vec<MemoryId>>,
    /// When it ends, ns.
    pub expires_ns: Option<u64>,
    /// It shows originals too.
    pub originals: bool,
    /// It takes a password besides; the client's business.
    pub password: bool,
    /// What its owner calls it; may be empty.
    pub label: String,
    /// Its address may tell a title and show a picture before it is opened. One with a password tells nothing all the same.
    pub preview: bool,
}

/// A link as the owners of its capsule see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkView {
    /// The principal of the key that its secret makes.
    pub key: Principal,
    /// Its record.
    pub record: LinkRecord,
}

/// Why an operation on links is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// No role, or too small a one, or no such memory in the capsule.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The label is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// There is no room.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// It would end before it begins.
    #[error("expires_in_the_past: {0} ns; give a time to come, or none")]
    Past(u64),
    /// Too many links.
    #[error("too_many_items: links has {0}, allowed {LINKS_PER_CAPSULE_MAX}; end those that are not needed")]
    Links(usize),
    /// No memory, or too many.
    #[error("too_many_items: memories has {0}, allowed 1..={LINK_MEMORIES_MAX}")]
    Memories(usize),
    /// The key is none that a secret made.
    #[error(
        "link_key_malformed: {0} bytes; give the public key that the link's secret makes, Ed25519 in DER, 44 bytes"
    )]
    Key(usize),
    /// The key is somebody's, or another link's.
    #[error("link_key_taken: this key is known here; make the link with a fresh secret")]
    KeyTaken,
}

impl Refusal for LinkError {
    fn kind(&self) -> RefusalKind {
        match self {
            Self::Denied(denied) => denied.kind(),
            Self::Name(name) => name.kind(),
            Self::Exhausted(exhausted) => exhausted.kind(),
            Self::KeyTaken => RefusalKind::Conflict,
            _ => RefusalKind::InvalidArgument,
        }
    }
}

impl<R: Memory, H: Memory> Store<R, H> {
    /// Makes a link: from now on whoever signs with the key of `public_key` sees what it covers, and changes nothing. Owners only.
    /// Repeated: the same link. O(memories).
    ///
    /// Others know somebody's principal, and not the public key that it is the hash of. So whoever makes a link has made its key,
    /// and nobody makes one of another's.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn link_create(
        &mut self,
        call: &Call,
        capsule: CapsuleId,
        public_key: &[u8],
        new: NewLink,
    ) -> Result<LinkView, LinkError> {
        self.require_owner(call, capsule)?;
        check_label("label", &new.label)?;
        if let Some(at_ns) = new.expires_ns.filter(|at_ns| *at_ns <= call.now_ns) {
            return Err(LinkError::Past(at_ns));
        }
        let key = &principal_of(public_key)?;
        let named = self.named_memories(capsule, new.memories.as_deref())?;
        let record = LinkRecord {
            capsule: capsule.0,
            creator: call.caller,
            created_ns: call.now_ns,
            expires_ns: new.expires_ns,
            named: named.as_ref().map(|named| u32::try_from(named.len()).expect("at most a thousand")),
            originals: new.originals,
            password: new.password,
            label: new.label,
            // Of what takes a password nothing is shown without it.
            preview: new.preview && !new.password,
            charged: 0,
        };
        let record = LinkRecord { charged: charge::of_link(&record), ..record };
        if let Some(known) = self.registry.link(key) {
            let same = LinkRecord { created_ns: known.created_ns, charged: known.charged, ..record };
            let names_same = self.registry.covered_by(key, 0, u64::MAX).eq(named.into_iter().flatten());
            return if known == same && names_same {
                Ok(LinkView { key: *key, record: known })
            } else {
                Err(LinkError::KeyTaken)
            };
        }
        let is_person = self.registry.person(key) != crate::people::PersonRecord::default();
        if self.registry.key(key).is_some() || is_person || self.knows(key) {
            return Err(LinkError::KeyTaken);
        }
        let links = self.registry.links_of(capsule).count();
        if links >= LINKS_PER_CAPSULE_MAX {
            return Err(LinkError::Links(links));
        }
        self.capsule_records(&self.capsules.get(capsule)).take(record.charged)?;
        self.require_record_room(record.charged)?;
        let named: Vec<_> = named.into_iter().flatten().collect();
        self.registry.add_link(key, &record, &named);
        self.capsules.update(capsule, |capsule| capsule.record_bytes += record.charged);
        Ok(LinkView { key: *key, record })
    }

    /// The memories that a link is to name, each once, in order: they are there, and in the capsule.
    fn named_memories(
        &self,
        capsule: CapsuleId,
        memories: Option<&[MemoryId]>,
    ) -> Result<Option<BTreeSet<MemoryId>>, LinkError> {
        let Some(memories) = memories else { return Ok(None) };
        if memories.is_empty() || memories.len() > LINK_MEMORIES_MAX {
            return Err(LinkError::Memories(memories.len()));
        }
        if memories.iter().any(|id| self.memories.capsule_of(*id) != Some(capsule)) {
            return Err(Denied::NotFound.into());
        }
        Ok(Some(memories.iter().copied().collect()))
    }

    /// The link that a key is, where it is one.
    pub fn link_of(&self, key: &Principal) -> Option<LinkRecord> {
        self.registry.link(key)
    }

    /// The links into a capsule, by key; those whose time ran out too. Owners only.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn link_list(&self, call: &Call, capsule: CapsuleId) -> Result<Vec<LinkView>, Denied> {
        self.require_owner(call, capsule)?;
        Ok(self.links_into(capsule).into_iter().map(|(key, record)| LinkView { key, record }).collect())
    }

    /// Ends a link, at once and on every road; nothing happens where there is none. Owners only.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn link_revoke(&mut self, call: &Call, capsule: CapsuleId, key: &Principal) -> Result<(), Denied> {
        require_somebody(&call.caller)?;
        self.require_owner(call, capsule)?;
        if let Some(link) = self.link_into(capsule, key) {
            self.end_links(call, capsule, &[(*key, link)]);
        }
        Ok(())
    }

    /// The links into a capsule that are not ended, by key.
    pub(crate) fn links_into(&self, capsule: CapsuleId) -> Vec<(Principal, LinkRecord)> {
        let record = |key| self.registry.link(&key).expect("a link that is listed has a record");
        self.registry.links_of(capsule).map(|key| (key, record(key))).collect()
    }

    /// Ends these links of a capsule, at once; what they name goes now where it is little, and slice by slice where it is much.
    pub(crate) fn end_links(&mut self, call: &Call, capsule: CapsuleId, links: &[(Principal, LinkRecord)]) {
        for (key, link) in links {
            self.close_link(key, link);
        }
        if !self.forget_named(capsule, &mut call.rows(TICK_SLICE)) {
            self.due.add(0, DueKind::Links, capsule.0);
        }
    }

    /// Whoever has this link is nobody from now on.
    pub(crate) fn close_link(&mut self, key: &Principal, link: &LinkRecord) {
        let costs = charge::of_ended_link(&self.registry.end_link(key, link));
        self.capsules.update(CapsuleId(link.capsule), |capsule| {
            capsule.record_bytes = capsule.record_bytes + costs - link.charged;
        });
    }

    /// Forgets at most so many rows of what links of this capsule named that ended. True where none is left.
    pub(crate) fn forget_named(&mut self, capsule: CapsuleId, rows: &mut u32) -> bool {
        while let Some(key) = self.registry.ended_with_names(capsule) {
            if *rows == 0 {
                return false;
            }
            let taken = self.registry.forget_named(&key, *rows as usize);
            *rows -= taken;
            let costed = charge::of_named(taken);
            self.capsules.update(capsule, |capsule| capsule.record_bytes -= costed);
        }
        true
    }

    /// Forgets at most so many rows of links into a capsule that was deleted. True where all are gone: their keys are as any
    /// others then.
    pub(crate) fn purge_links(&mut self, capsule: CapsuleId, rows: &mut u32) -> bool {
        // Of a capsule that was deleted before links ended with it.
        for (key, link) in self.links_into(capsule) {
            self.close_link(&key, &link);
        }
        if !self.forget_named(capsule, rows) {
            return false;
        }
        while let Some(key) = self.registry.first_ended(capsule) {
            if *rows == 0 {
                return false;
            }
            *rows -= 1;
            self.registry.forget_ended(capsule, &key);
        }
        true
    }
}

/// The principal of a link's key.
fn principal_of(public_key: &[u8]) -> Result<Principal, LinkError> {
    let is_ed25519 = public_key.len() == ED25519_DER.len() + 32 && public_key.starts_with(&ED25519_DER);
    if is_ed25519 {
        Ok(Principal::self_authenticating(public_key))
    } else {
        Err(LinkError::Key(public_key.len()))
    }
}
