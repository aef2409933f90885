//! A running module: one message at a time, and its memory and globals put back when it fails.
//!
//! Owns the instance and the heap as of the last commit. Decides nothing about what runs when.
//!
//! The heap is compared with its last committed state after each message, page by page. That counts the pages that
//! changed, and copies them one way to commit or the other to roll back. A memory that grew cannot shrink: such an
//! instance is made anew ([`Instance::revive`]).

use wasmtime::{Global, Instance as Wasm, Memory, Ref, Store, Table, Val};

use crate::cost::PAGE_BYTES;
use crate::error::Rejection;
use crate::module::{CanisterModule, MEMORY, TABLE, engine, global_name};
use crate::system::{Closure, Message, System};
use crate::weights;

/// What of the instance survives a message.
#[derive(Clone, Debug, Default)]
struct Committed {
    heap: Vec<u8>,
    globals: Vec<Val>,
}

pub(crate) struct Instance {
    store: Store<System>,
    wasm: Wasm,
    memory: Memory,
    table: Option<Table>,
    globals: Vec<Global>,
    committed: Committed,
}

/// Where a message enters.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    Export(String),
    Table(Closure),
}

impl Instance {
    /// A new instance over `system`; runs the module's start function, if there is one.
    pub(crate) fn start(module: &CanisterModule, system: System) -> Result<Self, Rejection> {
        let mut store = Store::new(engine(), system);
        let limit = store.data().message.kind.instructions_max();
        store.set_fuel(limit).expect("fuel is on");
        let failed = |error| Rejection::from_failure(&error);
        let wasm = module.instance.instantiate(&mut store).map_err(failed)?;
        let memory = wasm.get_memory(&mut store, MEMORY).expect("the export was added");
        let table = wasm.get_table(&mut store, TABLE);
        let globals = (0..module.mutable_globals)
            .map(|n| wasm.get_global(&mut store, &global_name(n)).expect("the export was added"))
            .collect();
        store.data_mut().memory = Some(memory);
        let mut instance = Self { store, wasm, memory, table, globals, committed: Committed::default() };
        instance.remember();
        Ok(instance)
    }

    pub(crate) fn system(&self) -> &System {
        self.store.data()
    }

    pub(crate) fn system_mut(&mut self) -> &mut System {
        self.store.data_mut()
    }

    pub(crate) fn heap_bytes(&self) -> u64 {
        self.memory.data_size(&self.store) as u64
    }

    /// Runs a message. What it changed is open until [`settle`](Self::settle).
    pub(crate) fn run(&mut self, entry: &Entry, message: Message) -> Result<(), Rejection> {
        self.store.data_mut().message = message;
        let limit = self.system().limit() + weights::ENTRY;
        self.store.set_fuel(limit).expect("fuel is on");
        let result = self.enter(entry).map_err(|error| Rejection::from_failure(&error));
        let used = limit - self.store.get_fuel().expect("fuel is on");
        let cost = &mut self.store.data_mut().message.cost;
        cost.wasm = used.saturating_sub(cost.charged() + weights::ENTRY);
        result
    }

    fn enter(&mut self, entry: &Entry) -> wasmtime::Result<()> {
        match entry {
            Entry::Export(name) => {
                self.wasm.get_typed_func::<(), ()>(&mut self.store, name)?.call(&mut self.store, ())
            }
            Entry::Table(closure) => {
                let slot = self.table.and_then(|table| table.get(&mut self.store, closure.function.into()));
                let Some(Ref::Func(Some(function))) = slot else {
                    wasmtime::bail!("no function {} in the module's table", closure.function);
                };
                let function = function.typed::<u32, ()>(&self.store)?;
                function.call(&mut self.store, closure.environment)
            }
        }
    }

    /// Makes permanent what the last message did, or takes it back; writes the number of changed heap pages into the
    /// message's cost. False when the instance cannot be taken back and must be revived.
    #[must_use]
    pub(crate) fn settle(&mut self, commit: bool) -> bool {
        let (heap, system) = self.memory.data_and_store_mut(&mut self.store);
        let before = &mut self.committed.heap;
        let grew = heap.len() > before.len();
        if commit {
            system.commit();
            before.resize(heap.len(), 0);
        } else {
            system.roll_back();
        }
        // What a rolled back message wrote into new pages counts as well.
        let (old, new) = heap.split_at_mut(before.len());
        let zeros = [0; PAGE_BYTES];
        let mut dirty = new.chunks(PAGE_BYTES).filter(|page| **page != zeros[..page.len()]).count();
        for (now, before) in old.chunks_mut(PAGE_BYTES).zip(before.chunks_mut(PAGE_BYTES)) {
            if now != before {
                dirty += 1;
                if commit { before.copy_from_slice(now) } else { now.copy_from_slice(before) }
            }
        }
        system.message.cost.dirty_heap_pages = dirty as u64;
        if commit {
            self.remember_globals();
        } else {
            self.restore_globals();
        }
        commit || !grew
    }

    /// A new instance in the last committed state.
    pub(crate) fn revive(self, module: &CanisterModule) -> Self {
        Self::restored(module, self.store.into_data(), self.committed)
    }

    /// Another instance in the last committed state.
    pub(crate) fn fork(&self, module: &CanisterModule) -> Self {
        Self::restored(module, self.system().clone(), self.committed.clone())
    }

    fn restored(module: &CanisterModule, system: System, committed: Committed) -> Self {
        let mut instance = Self::start(module, system).expect("it started before");
        let missing = committed.heap.len() - instance.committed.heap.len();
        let pages = (missing / 65_536) as u64;
        instance.memory.grow(&mut instance.store, pages).expect("it had that size before");
        instance.memory.data_mut(&mut instance.store).copy_from_slice(&committed.heap);
        instance.committed = committed;
        instance.restore_globals();
        instance
    }

    fn remember(&mut self) {
        self.committed.heap = self.memory.data(&self.store).to_vec();
        self.remember_globals();
    }

    fn remember_globals(&mut self) {
        self.committed.globals.clear();
        for global in &self.globals {
            self.committed.globals.push(global.get(&mut self.store));
        }
    }

    fn restore_globals(&mut self) {
        for (global, value) in self.globals.iter().zip(&self.committed.globals) {
            global.set(&mut self.store, *value).expect("the value was in it before");
        }
    }
}
