//! The core through its public interface, as one program. Heap in use has a program of its own, `flat_memory.rs`: it
//! counts what the whole process allocates.

#[path = "../support/counting_memory.rs"]
mod counting_memory;
#[path = "../support/fault_memory.rs"]
mod fault_memory;
#[path = "../support/fixture.rs"]
mod fixture;
#[path = "../support/inputs.rs"]
mod inputs;
#[path = "../support/map_operations.rs"]
mod map_operations;
#[path = "../support/scenario.rs"]
mod scenario;
#[path = "../support/small_store.rs"]
mod small_store;
#[path = "../support/sparse_memory.rs"]
mod sparse_memory;

mod bounded_cost;
mod carried;
mod certified;
mod faults;
mod freeing;
mod golden;
mod golden_uploads;
mod many_runs;
mod map;
mod objects;
mod people;
mod placement;
mod records;
mod rights;
mod site;
mod uploads;
mod ways_in;
