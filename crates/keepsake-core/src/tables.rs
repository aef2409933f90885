//! The tables: each owns the records of one family, their keys, and the maps and counters that they lie in. Nobody else
//! reads or writes those maps. A table keeps its own indexes true and checks them; what two families promise each other
//! belongs to the rules above (`upload`, `capsule`, `memory`, …) and to `check`.

pub(crate) mod blobs;
pub(crate) mod callers;
pub(crate) mod capsules;
pub(crate) mod contents;
pub(crate) mod due;
pub mod idem;
pub(crate) mod members;
pub(crate) mod memories;
pub(crate) mod objects;
pub(crate) mod registry;
pub(crate) mod runs;
pub(crate) mod sessions;

pub(crate) use blobs::Blobs;
pub(crate) use callers::Callers;
pub(crate) use capsules::Capsules;
pub(crate) use contents::Contents;
pub(crate) use due::Due;
pub(crate) use idem::Idem;
pub(crate) use members::Members;
pub(crate) use memories::Memories;
pub(crate) use objects::Objects;
pub(crate) use registry::Registry;
pub(crate) use runs::Runs;
pub(crate) use sessions::Sessions;
