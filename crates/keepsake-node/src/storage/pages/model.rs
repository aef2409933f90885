//! The layered records memory against a plain model: whole copies of the memory, one per layer.

use super::WriterPages;
use crate::engine::guard::{Fault, guarded};
use crate::storage::fault::StorageError;
use crate::storage::page::{PAGE_BYTES, WASM_PAGE_BYTES};
use crate::storage::records::{Commit, Committed, Records};
use crate::storage::snapshot::SnapshotMemory;
use crate::storage::views::View;
use ic_stable_structures::Memory;
use proptest::prelude::*;

const PAGES_MAX: u64 = 4;

#[derive(Clone, Debug)]
enum Operation {
    Grow(u64),
    /// At this thousandth of the memory.
    Write(usize, Vec<u8>),
    Keep,
    Drop,
    HandOver,
    Durable,
    Lost,
    Reopen,
}

fn operation() -> impl Strategy<Value = Operation> {
    let len = prop_oneof![4 => 1..40usize, 2 => PAGE_BYTES - 3..PAGE_BYTES * 2 + 3];
    prop_oneof![
        2 => (1..2u64).prop_map(Operation::Grow),
        12 => (0..1000usize, len, 1..=255u8).prop_map(|(at, len, byte)| Operation::Write(at, vec![byte; len])),
        5 => Just(Operation::Keep),
        2 => Just(Operation::Drop),
        3 => Just(Operation::HandOver),
        3 => Just(Operation::Durable),
        1 => Just(Operation::Lost),
        1 => Just(Operation::Reopen),
    ]
}

/// Each layer as a whole memory.
#[derive(Default)]
struct Model {
    message: Vec<u8>,
    batch: Vec<u8>,
    in_flight: Option<Vec<u8>>,
    committed: Vec<u8>,
}

struct System {
    records: Records,
    pages: WriterPages,
    job: Option<Commit>,
    epoch: u64,
}

impl System {
    fn new(dir: &std::path::Path) -> Self {
        let records = Records::open(&dir.join("records.redb"), 1 << 20).unwrap();
        // The smallest cache, so that pages are evicted.
        let pages = WriterPages::new(records.snapshot().unwrap(), 0);
        Self { records, pages, job: None, epoch: 0 }
    }

    fn apply(&mut self, model: &mut Model, operation: &Operation) {
        match operation {
            Operation::Grow(more) if self.pages.size() + more <= PAGES_MAX => {
                assert_eq!(self.pages.grow(*more), i64::try_from(self.pages.size() - more).unwrap());
                model.message.resize(usize::try_from(self.pages.size() * WASM_PAGE_BYTES).unwrap(), 0);
            }
            Operation::Write(at, bytes) if !model.message.is_empty() => {
                let at = (model.message.len() * at / 1000).min(model.message.len() - bytes.len());
                self.pages.write(at as u64, bytes);
                model.message[at..at + bytes.len()].copy_from_slice(bytes);
            }
            Operation::Keep => {
                self.pages.commit_message();
                model.batch.clone_from(&model.message);
            }
            Operation::Drop => {
                self.pages.rollback_message();
                model.message.clone_from(&model.batch);
            }
            Operation::HandOver if self.job.is_none() && model.message == model.batch => {
                self.pages.commit_message();
                let state =
                    Committed { epoch: self.epoch + 1, records_pages: self.pages.size(), heap_pages: 0 };
                let pages = self.pages.take_batch();
                self.job = Some(Commit { state, pages, requests: Vec::new(), now_ns: 0 });
                model.in_flight = Some(model.batch.clone());
            }
            Operation::Durable => self.durable(model),
            Operation::Lost => {
                self.job = None;
                self.pages.reset(self.records.snapshot().unwrap());
                model.in_flight = None;
                model.message.clone_from(&model.committed);
                model.batch.clone_from(&model.committed);
            }
            Operation::Reopen => assert_eq!(self.records.reopen().unwrap().epoch, self.epoch),
            Operation::Grow(_) | Operation::Write(..) | Operation::HandOver => {}
        }
        if let Operation::Reopen = operation {
            // The writer's snapshot died with the old database: back to the commit, as after a loss.
            self.apply(model, &Operation::Lost);
        }
    }

    fn durable(&mut self, model: &mut Model) {
        let Some(commit) = self.job.take() else { return };
        self.records.commit(&commit).unwrap();
        self.epoch += 1;
        self.pages.committed(self.records.snapshot().unwrap());
        model.committed = model.in_flight.take().unwrap();
    }
}

fn read_all(memory: &impl Memory) -> Vec<u8> {
    let mut bytes = vec![1; usize::try_from(memory.size() * WASM_PAGE_BYTES).unwrap()];
    memory.read(0, &mut bytes);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_layers_behave_as_whole_copies(operations in prop::collection::vec(operation(), 1..80)) {
        let dir = tempfile::tempdir().unwrap();
        let mut system = System::new(dir.path());
        let mut model = Model::default();
        for operation in &operations {
            system.apply(&mut model, operation);
            prop_assert!(read_all(&system.pages) == model.message, "writer after {operation:?}");
            let snapshot = SnapshotMemory::new(std::sync::Arc::new(View::alone(system.records.snapshot().unwrap())));
            prop_assert!(read_all(&snapshot) == model.committed, "reader after {operation:?}");
        }
    }
}

#[test]
fn a_message_changes_no_more_pages_than_it_may_and_the_bound_ends_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let pages = System::new(dir.path()).pages;
    pages.grow(1);
    let write = |page: usize| guarded(|| pages.write((page * PAGE_BYTES) as u64, &[1]));
    let refused = |page| matches!(write(page), Err(Fault::Storage(StorageError::TooManyPages(2))));
    for end in [
        |pages: &WriterPages| assert!(pages.commit_message()),
        |pages: &WriterPages| pages.rollback_message(),
    ] {
        pages.bound_message(2);
        write(0).unwrap();
        write(1).unwrap();
        assert!(refused(2));
        write(1).unwrap();
        end(&pages);
        (0..3).for_each(|page| write(page).unwrap());
        pages.rollback_message();
    }
    assert_eq!(read_all(&pages)[PAGE_BYTES], 1);
    assert_eq!(read_all(&pages)[2 * PAGE_BYTES], 0);
}
