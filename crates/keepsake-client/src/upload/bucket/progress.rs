//! Bytes of an original that the bucket has or is being sent. Owns the sum over its parts, and how often it is told.

use super::parts::PartCut;
use crate::upload::events::{EventSender, UploadEvent};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Progress within a part is told this often, bytes.
const TOLD_BYTES: u64 = 1 << 20;

/// The sum. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct PartsProgress {
    state: Arc<Mutex<State>>,
    events: Option<EventSender>,
}

#[derive(Debug)]
struct State {
    there: u64,
    /// Bytes that went out of parts under way.
    within: HashMap<u32, u64>,
    told: u64,
}

impl PartsProgress {
    pub(super) fn new(cut: &PartCut, missing: &[u32], events: Option<EventSender>) -> Self {
        let lacking: u64 = missing.iter().map(|number| cut.len(*number)).sum();
        let there = cut.total_len() - lacking;
        let state = State { there, within: HashMap::new(), told: there };
        Self { state: Arc::new(Mutex::new(state)), events }
    }

    pub(super) fn within(&self, number: u32, bytes: u64) {
        self.change(|state| {
            state.within.insert(number, bytes);
            state.sum() >= state.told + TOLD_BYTES
        });
    }

    /// It goes out anew.
    pub(super) fn failed(&self, number: u32) {
        self.change(|state| state.within.remove(&number).is_some_and(|bytes| bytes > 0));
    }

    pub(super) fn arrived(&self, number: u32, bytes: u64) {
        self.change(|state| {
            state.within.remove(&number);
            state.there += bytes;
            true
        });
    }

    fn change(&self, change: impl FnOnce(&mut State) -> bool) {
        let Some(events) = &self.events else { return };
        let state = &mut *self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if change(state) {
            state.told = state.sum();
            events.send(UploadEvent::PartsMoved { bytes: state.told });
        }
    }
}

impl State {
    fn sum(&self) -> u64 {
        self.there + self.within.values().sum::<u64>()
    }
}
