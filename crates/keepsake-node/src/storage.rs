//! The two memories of the native host, as files.
//!
//! Owns how pages and blob bytes get to disk and when they count as written; knows nothing of
//! messages, callers or Candid.
//!
//! ```text
//!              one message        one batch = one commit         disk
//! records   message overlay  →  batch overlay  →  in flight  →  records.redb, table "pages"
//!                                                               (4080-byte pages, all zero if absent)
//! heap      pwrite in place, only to extents that no committed state refers to → heap.bin
//! reserve   nothing: disk space that only what makes room may take → reserve.bin
//! ```
//!
//! Order of a commit: heap bytes are synced, then one redb transaction takes the pages, both memory
//! sizes, the request statuses and the commit's number (its *epoch*). Whatever happens before that
//! transaction is durable leaves the state of the last commit: the heap may hold bytes that nothing
//! refers to, and be longer than committed.

pub mod epochs;
pub mod fault;
pub mod heap_file;
pub mod heap_memory;
mod holes;
pub mod outcome;
pub mod page;
pub mod pages;
pub mod records;
pub mod requests;
pub mod reserve;
pub mod snapshot;
pub mod space;
pub mod views;
