//! Sessions whose bytes go to the host's bucket: what may be signed for them, and what the host says that it found there.
//! Owns the arithmetic of parts and these rules; the objects themselves are `objects`'.
//!
//! Such a session takes no chunk. Whoever keeps the bucket's keys signs addresses for its owner ([`Store::upload_grant`]),
//! looks by itself whether the bytes arrived, and says so ([`Store::upload_attest`]): from then on everything is there, as
//! after the last chunk, and finish and publish are what they are for every session.

use super::{BeginOptions, SessionRecord, SessionState, Store, UploadError, checked_sha256};
use crate::access::Denied;
use crate::call::Call;
use crate::ids::{BlobId, ObjectId, SessionId};
use crate::limits::{
    GRANT_TTL_NS, OBJECT_BYTES_MAX, OBJECT_PART_BYTES_MIN, OBJECT_PARTS_MAX, OBJECT_PUT_BYTES_MAX,
    OBJECT_TEXT_BYTES_MAX,
};
use crate::objects::{Holder, ObjectRecord, ObjectView};
use ic_stable_structures::Memory;

/// Parts are whole MiB long.
const MIB: u64 = 1 << 20;

/// Bytes of each part but the last of a file of `len` bytes; all of it where it goes in one. Equal parts, as some servers
/// take no others.
pub fn part_bytes(len: u64) -> u64 {
    if len <= OBJECT_PUT_BYTES_MAX {
        return len.max(1);
    }
    len.div_ceil(u64::from(OBJECT_PARTS_MAX)).next_multiple_of(MIB).max(OBJECT_PART_BYTES_MIN)
}

/// What the host found in the bucket, by looking itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attestation {
    /// Bytes of the object.
    pub len: u64,
    /// SHA-256 of them.
    pub sha256: Vec<u8>,
    /// The bucket's name for these very bytes, where it keeps versions.
    pub version: Option<String>,
}

impl<R: Memory, H: Memory> Store<R, H> {
    /// The object that a session's bytes go to, for whoever signs addresses for it. The session's owner asks, and so keeps it
    /// alive; that is written before anything is signed. O(1).
    ///
    /// # Errors
    /// [`UploadError`].
    pub fn upload_grant(&mut self, call: &Call, id: SessionId) -> Result<ObjectView, UploadError> {
        let mut session = self.writable_session(call, id)?;
        let (object, mut record) = self.pending_object(&session)?;
        session.touch(call.now_ns);
        self.sessions.put(id, &session);
        record.signed_until_ns = record.signed_until_ns.max(call.now_ns.saturating_add(GRANT_TTL_NS));
        self.objects.put(object, &record);
        Ok(ObjectView { mime_type: session.mime_type, ..self.object_view(object, record) })
    }

    /// The same, for whoever only looks: nothing is kept alive, and nothing may be signed by it. O(1).
    ///
    /// # Errors
    /// [`UploadError`].
    pub fn upload_granted(&self, call: &Call, id: SessionId) -> Result<ObjectView, UploadError> {
        let session = self.writable_session(call, id)?;
        let (object, record) = self.pending_object(&session)?;
        Ok(ObjectView { mime_type: session.mime_type, ..self.object_view(object, record) })
    }

    /// Keeps the bucket's name for the parts of a session; the first one stays. Gives back the one that is kept.
    ///
    /// # Errors
    /// [`UploadError`].
    pub fn upload_multipart(
        &mut self,
        call: &Call,
        id: SessionId,
        upload_id: &str,
    ) -> Result<String, UploadError> {
        let session = self.attested_session(call, id)?;
        let (object, mut record) = self.pending_object(&session)?;
        if let Some(known) = record.upload_id {
            return Ok(known);
        }
        if upload_id.is_empty() || upload_id.len() > OBJECT_TEXT_BYTES_MAX {
            return Err(UploadError::ObjectTextLength(upload_id.len()));
        }
        record.upload_id = Some(upload_id.to_owned());
        self.objects.put(object, &record);
        Ok(upload_id.to_owned())
    }

    /// All bytes of a session are in the bucket: whoever keeps its keys looked, and says what it found. Again: `Ok`.
    ///
    /// # Errors
    /// [`UploadError::AttestedDiffers`] where that is not what was announced; else [`UploadError`].
    pub fn upload_attest(
        &mut self,
        call: &Call,
        id: SessionId,
        found: &Attestation,
    ) -> Result<(), UploadError> {
        let sha256 = checked_sha256(&found.sha256)?;
        let mut session = self.attested_session(call, id)?;
        if let SessionState::Finished(blob) = session.state {
            let blob = self.blobs.get(BlobId(blob)).ok_or(Denied::NotFound)?;
            return if (*blob.sha256, blob.len) == (sha256, found.len) {
                Ok(())
            } else {
                Err(UploadError::AttestedDiffers)
            };
        }
        let (object, mut record) = self.pending_object(&session)?;
        if (*record.sha256, record.len) != (sha256, found.len) {
            return Err(UploadError::AttestedDiffers);
        }
        session.received = session.expected;
        session.bytes_received = record.len;
        session.touch(call.now_ns);
        self.sessions.put(id, &session);
        record.upload_id = None;
        record.version = found.version.clone().filter(|version| version.len() <= OBJECT_TEXT_BYTES_MAX);
        self.objects.put(object, &record);
        Ok(())
    }

    /// The host found all bytes of a pending session in the bucket.
    pub fn upload_is_attested(&self, id: SessionId) -> bool {
        self.sessions.get(id).is_some_and(|session| session.object.is_some() && session.received > 0)
    }

    /// A session that whoever keeps the bucket's keys speaks of.
    fn attested_session(&self, call: &Call, id: SessionId) -> Result<SessionRecord, UploadError> {
        if !self.is_attestor(&call.caller) {
            return Err(Denied::Unauthorized.into());
        }
        let session = self.sessions.get(id).filter(|session| session.state != SessionState::Aborted);
        Ok(session.ok_or(Denied::NotFound)?)
    }

    fn pending_object(&self, session: &SessionRecord) -> Result<(ObjectId, ObjectRecord), UploadError> {
        match session.state {
            SessionState::Aborted => return Err(Denied::NotFound.into()),
            SessionState::Finished(blob) => return Err(UploadError::Finished(BlobId(blob))),
            SessionState::Pending => {}
        }
        let object = session.object.map(ObjectId).ok_or(UploadError::NotElsewhere)?;
        Ok((object, self.objects.get(object).expect("a session's object has a record")))
    }

    /// The object of a session that begins. The session is checked.
    pub(super) fn object_of_new(&mut self, call: &Call, session: &SessionRecord, id: SessionId) -> ObjectId {
        let (Some(len), Some(sha256)) = (session.total_len, session.sha256) else {
            unreachable!("a session whose bytes go elsewhere announced length and hash");
        };
        self.add_object(session.capsule, len, *sha256, call.now_ns, Holder::Session(id.0))
    }
}

/// What goes to the bucket is known whole before it is sent: its host signs nothing else.
pub(super) fn check_announced(expected: u32, options: &BeginOptions) -> Result<(), UploadError> {
    let Some(len) = options.total_len else { return Err(UploadError::NotAnnounced("total_len")) };
    if options.sha256.is_none() {
        return Err(UploadError::NotAnnounced("sha256"));
    }
    if len == 0 || len > OBJECT_BYTES_MAX {
        return Err(UploadError::ObjectLength(len));
    }
    let part_bytes = part_bytes(len);
    let parts = len.div_ceil(part_bytes);
    if u64::from(expected) != parts {
        return Err(UploadError::ExpectedParts { given: expected, parts, part_bytes });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_equal_whole_mebibytes_and_never_too_many() {
        assert_eq!(part_bytes(OBJECT_PUT_BYTES_MAX), OBJECT_PUT_BYTES_MAX);
        assert_eq!(part_bytes(OBJECT_PUT_BYTES_MAX + 1), 16 * MIB);
        assert_eq!(part_bytes(160_000 * MIB), 16 * MIB);
        assert_eq!(part_bytes(160_000 * MIB + 1), 17 * MIB);
        for len in [OBJECT_PUT_BYTES_MAX + 1, 1 << 38, OBJECT_BYTES_MAX] {
            let part = part_bytes(len);
            assert!(
                part.is_multiple_of(MIB) && len.div_ceil(part) <= OBJECT_PARTS_MAX.into(),
                "{len}: {part}"
            );
        }
    }
}
