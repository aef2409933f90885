//! The part of the check that looks at objects in the host's bucket: whoever names one is its holder, and whoever is said to hold
//! one names it. Owns no repair, and looks at no bucket.

use super::Tally;
use crate::ids::{BlobId, ObjectId, SessionId};
use crate::objects::{Holder, ObjectRecord};
use crate::store::Store;
use crate::tables::sessions::SessionState;
use ic_stable_structures::Memory;

impl<R: Memory, H: Memory> Store<R, H> {
    pub(super) fn check_objects(&self, tally: &mut Tally) {
        for (id, object) in self.objects.from(ObjectId(0)) {
            tally.report.objects += 1;
            tally.expect(self.is_held(id, &object), || format!("{id} is not named by {:?}", object.holder));
            if matches!(object.holder, Holder::Nobody(_)) {
                tally.capsule(object.capsule).leaving_bytes += object.len;
            }
        }
        for (id, session) in self.sessions.iter() {
            let Some(object) = session.object.map(ObjectId) else { continue };
            let holds = self.objects.get(object).is_some_and(|record| record.holder == Holder::Session(id.0));
            tally.expect(holds, || format!("session {} names {object}, which it does not hold", id.0));
        }
        for (id, blob) in self.blobs.iter() {
            let Some(object) = blob.object.map(ObjectId) else { continue };
            let holds = self.objects.get(object).is_some_and(|record| record.holder == Holder::Blob(id.0));
            tally.expect(holds, || format!("{id} names {object}, which it does not hold"));
        }
    }

    fn is_held(&self, id: ObjectId, object: &ObjectRecord) -> bool {
        match object.holder {
            Holder::Nobody(_) => true,
            Holder::Session(session) => self.sessions.get(SessionId(session)).is_some_and(|session| {
                let announced = (session.capsule, session.total_len, session.sha256);
                session.state == SessionState::Pending
                    && session.object == Some(id.0)
                    && announced == (object.capsule, Some(object.len), Some(object.sha256))
            }),
            Holder::Blob(blob) => self.blobs.get(BlobId(blob)).is_some_and(|blob| {
                let has = (blob.capsule, blob.len, blob.sha256);
                blob.object == Some(id.0) && has == (object.capsule, object.len, object.sha256)
            }),
        }
    }
}
