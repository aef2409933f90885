//! Which commits readers may still see. Owns the one number that decides when freed heap bytes may be
//! overwritten; reads nothing itself.
//!
//! A reader registers at the newest durable epoch *before* it opens its snapshot, so its snapshot is of
//! that epoch or a later one. An extent freed in commit k is in no snapshot of epoch ≥ k. Hence it may be
//! reused when k ≤ the newest durable epoch and k ≤ the epoch of every registered reader.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Debug, Default)]
struct State {
    durable: u64,
    /// Epoch → readers registered at it.
    readers: BTreeMap<u64, usize>,
}

/// The newest durable epoch and the epochs that readers hold. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Epochs {
    state: Arc<Mutex<State>>,
}

/// A registered reader; extents freed after its epoch stay as they are until it is dropped.
#[derive(Debug)]
pub struct EpochGuard {
    epochs: Epochs,
    epoch: u64,
}

impl Epochs {
    /// Starts at `durable`, the epoch found in the records.
    pub fn new(durable: u64) -> Self {
        let epochs = Self::default();
        epochs.lock().durable = durable;
        epochs
    }

    /// Registers a reader. Do this before opening the snapshot.
    pub fn register(&self) -> EpochGuard {
        let mut state = self.lock();
        let epoch = state.durable;
        *state.readers.entry(epoch).or_default() += 1;
        EpochGuard { epochs: self.clone(), epoch }
    }

    /// Says that commit `epoch` is durable.
    pub fn committed(&self, epoch: u64) {
        let mut state = self.lock();
        debug_assert!(epoch >= state.durable, "epochs never go back");
        state.durable = epoch;
    }

    /// The newest durable epoch.
    pub fn durable(&self) -> u64 {
        self.lock().durable
    }

    /// Extents freed at or before this epoch may be overwritten.
    pub fn reusable_through(&self) -> u64 {
        let state = self.lock();
        let oldest = state.readers.keys().next().copied();
        oldest.map_or(state.durable, |oldest| oldest.min(state.durable))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EpochGuard {
    /// The registered epoch: the reader sees this commit or a later one.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }
}

impl Drop for EpochGuard {
    fn drop(&mut self) {
        let mut state = self.epochs.lock();
        if let Some(count) = state.readers.get_mut(&self.epoch) {
            *count -= 1;
            if *count == 0 {
                state.readers.remove(&self.epoch);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_live_reader_holds_back_reuse() {
        let epochs = Epochs::new(4);
        assert_eq!(epochs.reusable_through(), 4);
        let old = epochs.register();
        epochs.committed(5);
        let new = epochs.register();
        epochs.committed(6);
        assert_eq!((old.epoch(), new.epoch()), (4, 5));
        assert_eq!(epochs.reusable_through(), 4);
        drop(old);
        assert_eq!(epochs.reusable_through(), 5);
        drop(new);
        assert_eq!(epochs.reusable_through(), 6);
    }

    #[test]
    fn two_readers_of_one_epoch_both_count() {
        let epochs = Epochs::new(1);
        let first = epochs.register();
        let second = epochs.register();
        epochs.committed(2);
        drop(first);
        assert_eq!(epochs.reusable_through(), 1);
        drop(second);
        assert_eq!(epochs.reusable_through(), 2);
    }
}
