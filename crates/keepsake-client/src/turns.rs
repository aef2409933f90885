//! Equal files take turns, so that the later ones find what the first one made: those of one run by their SHA-256, and one file
//! of several processes by a lock on the file itself. Owns the waiting; what is in a capsule is [`crate::originals`]' task.

use crate::upload::hash::Sha;
use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OwnedMutexGuard;

/// The contents that a run has met. Clones share them. About 150 bytes each.
#[derive(Clone, Debug, Default)]
pub struct Turns(Arc<Mutex<HashMap<Sha, Slot>>>);

/// Held by whoever's turn it is; the memory that was made of the content.
type Slot = Arc<tokio::sync::Mutex<Option<String>>>;

/// A file's turn, until it is dropped.
#[derive(Debug)]
pub struct Turn(OwnedMutexGuard<Option<String>>);

impl Turns {
    /// Waits until no file with the same content is under way.
    pub async fn of(&self, sha256: &[u8; 32]) -> Turn {
        let slot = {
            let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(slots.entry(*sha256).or_default())
        };
        Turn(slot.lock_owned().await)
    }
}

impl Turn {
    /// The memory that a file before this one became.
    pub fn memory_id(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// Tells those who come later.
    pub fn made(&mut self, memory_id: &str) {
        *self.0 = Some(memory_id.to_owned());
    }
}

/// A file that no other process uploads, until it is dropped: an advisory lock, which hinders nobody else and leaves nothing
/// behind. Where there is no such lock, as on some network disks, everybody has it.
#[derive(Debug)]
pub struct Claim(#[expect(dead_code, reason = "held until the end of the upload")] Option<File>);

impl Claim {
    /// None where another process has it. Blocks on the disk.
    pub fn of(file: &Path) -> Option<Self> {
        // To open a pipe would wait for its other end.
        let file = file.is_file().then(|| File::open(file).ok()).flatten();
        let Some(file) = file else { return Some(Self(None)) };
        if is_locked_by_another(&file) { None } else { Some(Self(Some(file))) }
    }
}

#[cfg(unix)]
fn is_locked_by_another(file: &File) -> bool {
    let locked = rustix::fs::flock(file, rustix::fs::FlockOperation::NonBlockingLockExclusive);
    locked == Err(rustix::io::Errno::WOULDBLOCK)
}

/// Locks are not advisory here: nobody else could read the file.
#[cfg(not(unix))]
fn is_locked_by_another(_: &File) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn only_files_of_one_content_wait_for_each_other_and_are_told_what_was_made() {
        let turns = Turns::default();
        let mut first = turns.of(&[1; 32]).await;
        assert_eq!(first.memory_id(), None);
        turns.of(&[2; 32]).now_or_never().expect("another content waits for nobody");
        assert!(turns.of(&[1; 32]).now_or_never().is_none(), "the first one is under way");
        first.made("mem_1");
        drop(first);
        assert_eq!(turns.of(&[1; 32]).await.memory_id(), Some("mem_1"));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_is_claimed_once_until_it_is_let_go() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a");
        std::fs::write(&file, "a").unwrap();
        let claim = Claim::of(&file).expect("it is free");
        assert!(Claim::of(&file).is_none());
        assert_eq!(std::fs::read(&file).unwrap(), b"a", "others may read it");
        drop(claim);
        assert!(Claim::of(&file).is_some());
        assert!(Claim::of(&dir.path().join("none")).is_some(), "what is not there is not claimed by others");
    }
}
