//! A publish of a file that is there already: answered with the memory that has it, and nothing is made. Owns what is asked
//! for and what becomes of the sessions; the index is in `contents.rs`.

use super::carried::Carried;
use super::{PublishError, PublishSession, Published, describe};
use crate::call::Call;
use crate::ids::{CapsuleId, MemoryId, SessionId};
use crate::memory::{AssetKind, NewAsset, NewSource};
use crate::store::Store;
use crate::upload::{Rolling, SessionState};
use ic_stable_structures::Memory;
use minicbor::Encode;

/// What a publish does where the capsule has a memory with the same original.
#[derive(Encode, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IfPresent {
    /// It makes another one.
    #[default]
    #[n(0)]
    Duplicate,
    /// It answers with that one.
    #[n(1)]
    Return,
}

impl<R: Memory, H: Memory> Store<R, H> {
    /// The oldest memory that has the original of this publish, as far as memories are indexed.
    pub(super) fn present(
        &self,
        capsule: CapsuleId,
        sessions: &[PublishSession],
        carried: &[Carried],
        inline: &[NewAsset],
    ) -> Option<MemoryId> {
        let of_session = sessions.iter().find(|session| session.meta.kind == AssetKind::Original);
        let of_session = of_session.and_then(|session| <[u8; 32]>::try_from(&session.sha256[..]).ok());
        let carried =
            || carried.iter().find(|one| one.meta.kind == AssetKind::Original).map(|one| one.sha256);
        let inline = || match &inline.iter().find(|asset| asset.meta.kind == AssetKind::Original)?.source {
            NewSource::Inline(bytes) => Some(hash(bytes)),
            NewSource::Blob(_) | NewSource::External { .. } => None,
        };
        self.contents.first(capsule, &of_session.or_else(carried).or_else(inline)?)
    }

    /// Answers with a memory that is there, and gives up the sessions: those that are pending are aborted, so that nothing is
    /// left of them; one that is aborted was given up by this message before; a blob stays until it expires.
    pub(super) fn return_present(
        &mut self,
        call: &Call,
        capsule: CapsuleId,
        memory: MemoryId,
        sessions: &[PublishSession],
    ) -> Result<Published, PublishError> {
        let mut pending = Vec::with_capacity(sessions.len());
        for session in sessions {
            let id = SessionId(session.session);
            if self.session_in(call, capsule, id)?.state == SessionState::Pending {
                pending.push(id);
            }
        }
        for id in pending {
            self.upload_abort(call, id)?;
        }
        let record = self.memories.get(memory).expect("an indexed memory has a record");
        Ok(Published { already: true, ..describe(memory, &record) })
    }
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    let mut hash = Rolling::new();
    hash.update(bytes);
    hash.digest()
}
