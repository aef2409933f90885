//! The endpoint table, once for every host: decode, core, encode; HTTP asset plans.
//!
//! Owns the mapping between Candid and the core; owns no rule and no I/O. A host holds a [`Service`] and passes
//! messages in; [`endpoints`] is the list of what there is.

pub mod endpoints;
pub mod host;
pub mod http;
pub mod settings;
mod wire;

/// A gateway's question, where the answer to `http_request` could not be proven: the one update that anybody may call.
pub const HTTP_UPDATE: &str = "http_request_update";

/// The one method that changes the site.
pub const SITE_UPDATE: &str = "site_set";

/// The query that tells what is left of each limit: a host says in [`Call::room_bytes`] what it can grow by.
pub const USAGE: &str = "usage";

pub use host::{
    Admission, Certification, Event, Install, Kind, OpenError, Quotas, RecordLimits, Reject, Reply, Service,
    Tick, Ticket, TicketError, TicketKey, Upkeep, open_ticket,
};
pub use host::{Gate, S3_PATH, reads_bytes};
pub use keepsake_api::Admission as WireAdmission;
pub use keepsake_core::check::{BytesReport, CheckReport};
pub use keepsake_core::door::OPERATOR;
pub use keepsake_core::ids::ObjectId;
pub use keepsake_core::limits::{CHUNK_BYTES_MAX, SESSION_TTL_NS};
pub use keepsake_core::objects;
pub use keepsake_core::{Call, Principal, is_nobody};
pub use settings::Settings;
pub use wire::people::admission_in;
