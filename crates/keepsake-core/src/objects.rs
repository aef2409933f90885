//! Objects in the host's bucket: bytes of this store that lie elsewhere. Owns when one may be removed, what is told to whoever
//! keeps the bucket's keys, and the move of a blob from the heap into the bucket. No I/O: the host asks what is to be done, does
//! it, and says what it did.
//!
//! An object is written by addresses that were signed before, so it stays for as long as one of them works: removed earlier, it
//! could come back and belong to nobody.

use crate::access::Denied;
use crate::blob::BlobRecord;
use crate::call::Call;
use crate::charge::OBJECT_BYTES;
use crate::ids::{BlobId, CapsuleId, ObjectId, SessionId};
use crate::limits::{
    GRANT_MARGIN_NS, GRANT_TTL_NS, MOVES_LOOKED_AT_MAX, OBJECT_TEXT_BYTES_MAX, OBJECTS_LISTED_MAX,
    READ_TTL_NS,
};
use crate::record::principal_key;
use crate::refusal::{Refusal, RefusalKind};
use crate::room::Exhausted;
use crate::site::NO_CAPSULE;
use crate::store::Store;
use crate::tables::due::DueKind;
pub use crate::tables::objects::{Holder, ObjectRecord};
use hmac::{Hmac, KeyInit, Mac};
use ic_stable_structures::Memory;
use sha2::Sha256;

/// An object, as whoever keeps the bucket's keys sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectView {
    /// Its number.
    pub id: ObjectId,
    /// Its key in the bucket, below the host's prefix.
    pub key: String,
    /// MIME type of its bytes, where it is known.
    pub mime_type: Option<String>,
    /// Its record.
    pub record: ObjectRecord,
}

/// What the records say of an object's place in the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectStanding {
    /// It has to be there: for this blob, or this session.
    Needed(String),
    /// It may be there, and need not: its bytes come in, or are here still.
    Open,
    /// It is nobody's: it is removed, or was.
    Leaving,
}

/// Bytes of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectRange {
    /// The object's key, below the host's prefix.
    pub key: String,
    /// The bucket's name for these very bytes, where it keeps versions.
    pub version: Option<String>,
    /// Offset, bytes.
    pub offset: u64,
    /// Length, bytes.
    pub len: u64,
}

/// Why an operation on objects is refused. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// Not somebody who may say what is in the bucket, or no such thing.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// No room for the record.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// Its bytes are not here, or it is no capsule's.
    #[error("blob_not_movable: {0} has no bytes here that could go to the bucket")]
    NotMovable(BlobId),
    /// What was put is not what the blob has.
    #[error("attested_differs: the object has another length or SHA-256 than what it was to have")]
    Differs,
}

impl Refusal for ObjectError {
    fn kind(&self) -> RefusalKind {
        match self {
            Self::Denied(denied) => denied.kind(),
            Self::Exhausted(exhausted) => exhausted.kind(),
            Self::NotMovable(_) => RefusalKind::Conflict,
            Self::Differs => RefusalKind::InvalidArgument,
        }
    }
}

impl<R: Memory, H: Memory> Store<R, H> {
    /// Objects that are nobody's and may be removed now, at most [`OBJECTS_LISTED_MAX`].
    ///
    /// # Errors
    /// [`ObjectError::Denied`].
    pub fn objects_to_remove(&self, call: &Call) -> Result<Vec<ObjectView>, ObjectError> {
        self.require_attestor(call)?;
        let ids = self.objects.to_remove(call.now_ns).take(OBJECTS_LISTED_MAX);
        Ok(ids.filter_map(|id| Some(self.object_view(id, self.objects.get(id)?))).collect())
    }

    /// The host saw that these are gone from the bucket. Those that are somebody's are left alone. Says how many it forgot.
    ///
    /// # Errors
    /// [`ObjectError::Denied`].
    pub fn objects_removed(&mut self, call: &Call, ids: &[u64]) -> Result<u64, ObjectError> {
        self.require_attestor(call)?;
        let mut forgotten = 0;
        for id in ids.iter().take(OBJECTS_LISTED_MAX).map(|id| ObjectId(*id)) {
            let Some(record) = self.objects.get(id) else { continue };
            if matches!(record.holder, Holder::Nobody(at_ns) if at_ns < call.now_ns) {
                self.objects.remove(id);
                self.discharge_leaving(CapsuleId(record.capsule), record.len);
                forgotten += 1;
            }
        }
        Ok(forgotten)
    }

    /// All objects from a number on, at most [`OBJECTS_LISTED_MAX`]: to compare the bucket with.
    ///
    /// # Errors
    /// [`ObjectError::Denied`].
    pub fn objects_list(&self, call: &Call, first: ObjectId) -> Result<Vec<ObjectView>, ObjectError> {
        self.require_attestor(call)?;
        Ok(self.objects_from(first).take(OBJECTS_LISTED_MAX).collect())
    }

    /// All objects from a number on: for whoever has the store itself.
    pub fn objects_from(&self, first: ObjectId) -> impl Iterator<Item = ObjectView> + '_ {
        self.objects.from(first).map(|(id, record)| self.object_view(id, record))
    }

    /// An object, whoever asks: for whoever has the store itself.
    pub fn object(&self, number: u64) -> Option<ObjectView> {
        let id = ObjectId(number);
        Some(self.object_view(id, self.objects.get(id)?))
    }

    /// Numbers of objects are below this one.
    pub fn object_numbers(&self) -> u64 {
        self.objects.next_id().0
    }

    /// Whether the bucket has to have it.
    pub fn object_standing(&self, object: &ObjectView) -> ObjectStanding {
        match object.record.holder {
            Holder::Nobody(_) => ObjectStanding::Leaving,
            Holder::Session(id) if self.upload_is_attested(SessionId(id)) => {
                ObjectStanding::Needed(format!("session {id}"))
            }
            Holder::Blob(id) if self.blobs.get(BlobId(id)).is_some_and(|blob| blob.elsewhere().is_some()) => {
                ObjectStanding::Needed(BlobId(id).to_string())
            }
            Holder::Session(_) | Holder::Blob(_) => ObjectStanding::Open,
        }
    }

    /// Where some bytes of a blob lie in the bucket; none where they are here.
    pub fn object_range(&self, blob: &BlobRecord, offset: u64, len: u64) -> Option<ObjectRange> {
        let id = blob.elsewhere()?;
        let record = self.objects.get(id).expect("a blob's object has a record");
        Some(ObjectRange { key: record.key(id), version: record.version, offset, len })
    }

    /// Blobs from a number on whose bytes could go to the bucket: begun at or before `created_ns`, of `len_min` bytes at least,
    /// and referred to. Gives them, and the number to go on from; none where there is nothing more. Looks at
    /// [`MOVES_LOOKED_AT_MAX`] blobs.
    ///
    /// # Errors
    /// [`ObjectError::Denied`].
    pub fn blobs_to_move(
        &self,
        call: &Call,
        first: BlobId,
        created_ns: u64,
        len_min: u64,
    ) -> Result<(Vec<BlobId>, Option<BlobId>), ObjectError> {
        self.require_attestor(call)?;
        let mut rows = self.blobs.from(first);
        let mut found = Vec::new();
        for (id, blob) in rows.by_ref().take(MOVES_LOOKED_AT_MAX) {
            let is_old = blob.created_ns <= created_ns && blob.len >= len_min;
            if is_old && blob.references > 0 && is_movable(&blob) {
                found.push(id);
            }
        }
        Ok((found, rows.next().map(|(id, _)| id)))
    }

    /// A blob gets an object, before the host writes that: its bytes stay here meanwhile. Again: the same object.
    ///
    /// # Errors
    /// [`ObjectError`].
    pub fn blob_move_begin(&mut self, call: &Call, id: BlobId) -> Result<ObjectView, ObjectError> {
        self.require_attestor(call)?;
        let mut blob = self.blobs.get(id).ok_or(Denied::NotFound)?;
        // Certified answers are made of bytes that are here.
        if !is_movable(&blob) || !self.config().uncertified {
            return Err(ObjectError::NotMovable(id));
        }
        let object = if let Some(object) = blob.object {
            ObjectId(object)
        } else {
            self.object_of(call, id, &mut blob)?
        };
        let mut record = self.objects.get(object).expect("a blob's object has a record");
        // As long as the host may write it.
        record.signed_until_ns = call.now_ns.saturating_add(GRANT_TTL_NS);
        self.objects.put(object, &record);
        Ok(ObjectView { mime_type: blob.mime_type, ..self.object_view(object, record) })
    }

    /// The host wrote the object, read it back and hashed it: the blob's bytes are there from now on, and their place in the heap is
    /// free once nobody reads it. Again: `Ok`.
    ///
    /// # Errors
    /// [`ObjectError`].
    pub fn blob_moved(
        &mut self,
        call: &Call,
        id: BlobId,
        sha256: &[u8],
        len: u64,
        version: Option<String>,
    ) -> Result<(), ObjectError> {
        self.require_attestor(call)?;
        let mut blob = self.blobs.get(id).ok_or(Denied::NotFound)?;
        let object = blob.object.map(ObjectId).ok_or(ObjectError::NotMovable(id))?;
        if blob.sha256.as_slice() != sha256 || blob.len != len {
            return Err(ObjectError::Differs);
        }
        if blob.elsewhere().is_some() {
            return Ok(());
        }
        let mut record = self.objects.get(object).expect("a blob's object has a record");
        record.version = version.filter(|version| version.len() <= OBJECT_TEXT_BYTES_MAX);
        self.objects.put(object, &record);
        self.free_place(call, &blob);
        (blob.extents, blob.runs) = (Vec::new(), None);
        self.blobs.put(id, &blob);
        Ok(())
    }

    /// A new object of a blob whose bytes are here; its capsule is charged for it.
    fn object_of(&mut self, call: &Call, id: BlobId, blob: &mut BlobRecord) -> Result<ObjectId, ObjectError> {
        self.require_record_room(OBJECT_BYTES)?;
        let object = self.add_object(blob.capsule, blob.len, *blob.sha256, call.now_ns, Holder::Blob(id.0));
        let was = self.charged_for_blob(id, blob);
        blob.object = Some(object.0);
        let is = self.charged_for_blob(id, blob);
        self.blobs.put(id, blob);
        self.capsules.update(CapsuleId(blob.capsule), |c| c.record_bytes += is - was);
        Ok(object)
    }

    fn require_attestor(&self, call: &Call) -> Result<(), Denied> {
        if self.is_attestor(&call.caller) { Ok(()) } else { Err(Denied::Unauthorized) }
    }

    /// A new object, under a key that nobody can guess.
    pub(crate) fn add_object(
        &mut self,
        capsule: u64,
        len: u64,
        sha256: [u8; 32],
        now_ns: u64,
        holder: Holder,
    ) -> ObjectId {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.header.token_secret())
            .expect("HMAC takes a key of any length");
        mac.update(b"object");
        mac.update(&principal_key(&self.config().canister_id));
        mac.update(&self.objects.next_id().0.to_be_bytes());
        mac.update(&now_ns.to_be_bytes());
        let tag: [u8; 32] = mac.finalize().into_bytes().into();
        let name: [u8; 16] = *tag.first_chunk().expect("a tag has 32 bytes");
        self.objects.add(&ObjectRecord {
            capsule,
            name: name.into(),
            len,
            sha256: sha256.into(),
            upload_id: None,
            version: None,
            signed_until_ns: 0,
            holder,
        })
    }

    pub(crate) fn hand_object(&mut self, id: ObjectId, holder: Holder) {
        let mut record = self.objects.get(id).expect("an object that is held has a record");
        record.holder = holder;
        self.objects.put(id, &record);
    }

    /// A session gives up its object. What was never signed for was never written, and is forgotten at once.
    pub(crate) fn give_up_object(&mut self, call: &Call, id: ObjectId, is_attested: bool) {
        let record = self.objects.get(id).expect("an object that is held has a record");
        if is_attested || record.signed_until_ns > 0 || record.upload_id.is_some() {
            self.leave_object(call, id);
        } else {
            self.objects.remove(id);
        }
    }

    /// Nobody has this object any more. It goes once no address works by which somebody could read it or write it again; until it
    /// is gone its bytes are charged to whom they were.
    pub(crate) fn leave_object(&mut self, call: &Call, id: ObjectId) {
        let mut record = self.objects.get(id).expect("an object that is held has a record");
        let read = call.now_ns.saturating_add(READ_TTL_NS);
        let at_ns = record.signed_until_ns.max(read).saturating_add(GRANT_MARGIN_NS);
        record.holder = Holder::Nobody(at_ns);
        self.objects.put(id, &record);
        self.charge_leaving(CapsuleId(record.capsule), record.len);
    }

    /// Bytes that may stay in the bucket for a while count for the capsule, and where that is deleted for whoever made it: else
    /// bytes could be sent and given up again and again, beyond any quota.
    fn charge_leaving(&mut self, id: CapsuleId, len: u64) {
        let mut capsule = self.capsules.get(id);
        capsule.leaving_bytes += len;
        self.capsules.put(id, &capsule);
        if !self.members.any(id) {
            self.callers.update(&capsule.creator, |c| c.leaving_bytes += len);
        }
    }

    fn discharge_leaving(&mut self, id: CapsuleId, len: u64) {
        let mut capsule = self.capsules.get(id);
        capsule.leaving_bytes -= len;
        self.capsules.put(id, &capsule);
        if !self.members.any(id) {
            self.callers.update(&capsule.creator, |c| c.leaving_bytes -= len);
            if capsule.leaving_bytes == 0 {
                self.due.add(0, DueKind::Capsule, id.0);
            }
        }
    }

    pub(crate) fn object_view(&self, id: ObjectId, record: ObjectRecord) -> ObjectView {
        let mime_type = match record.holder {
            Holder::Blob(blob) => self.blobs.get(BlobId(blob)).and_then(|blob| blob.mime_type),
            Holder::Session(_) | Holder::Nobody(_) => None,
        };
        ObjectView { id, key: record.key(id), mime_type, record }
    }
}

/// Its bytes are here, and a capsule's.
fn is_movable(blob: &BlobRecord) -> bool {
    blob.elsewhere().is_none() && blob.capsule != NO_CAPSULE && blob.len > 0
}
