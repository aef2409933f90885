//! The reference model: the whole service in plain maps, and a runner that holds a real one to it.
//!
//! A run is a list of weighted [`Operation`]s over several keys, capsules and sessions. What signs is a key, what acts is an account. After each one, model and
//! system must agree on every observable, and the system's own check must find nothing. A failing run is made
//! shorter, then printed with its seed; the same seed makes the same run on every host.
//!
//! Promises asserted as such: *isolation* and *atomicity* (everything that an operation does not own must look as
//! before), *conservation* ([`Subject::violations`]), *barrier* (the next message sees it), *idempotency* (an operation
//! may be delivered twice; the second must change nothing).

pub mod in_process;
mod invitations;
mod memories;
mod observe;
mod operation;
mod operator;
mod people;
mod run;
mod state;
mod step;
mod uploads;
mod usage;

pub use operation::{Bytes, Carried, Claim, Delivery, Operation, PeopleOperation};
pub use run::{Failure, Outcomes, Report, RunOptions, operations, replay, replay_command, run};
pub use state::{Bounds, Model};
pub use step::{KEYS, PEOPLE, controller, key_of, person, public_key};

use candid::Principal;

/// A running service, as the model's runner needs it: one message at a time, a clock that stands still between
/// them unless told.
pub trait Subject {
    /// Sends an update message; the Candid reply, or why there is none.
    ///
    /// # Errors
    /// What the host says.
    fn update(&mut self, caller: Principal, method: &'static str, arg: &[u8]) -> Result<Vec<u8>, String>;

    /// Sends a query message.
    ///
    /// # Errors
    /// What the host says.
    fn query(&mut self, caller: Principal, method: &'static str, arg: &[u8]) -> Result<Vec<u8>, String>;

    /// Sends a chunk without an envelope, by an upload ticket; none on a host that has no such road.
    ///
    /// # Errors
    /// What the host says.
    fn put(
        &mut self,
        ticket: &str,
        session: u64,
        index: u32,
        bytes: &[u8],
    ) -> Result<Option<Vec<u8>>, String>;

    /// The time that the next message will see, ns since 1970.
    fn now_ns(&self) -> u64;

    /// Moves the clock on.
    fn advance(&mut self, by_ns: u64);

    /// Stops the service and starts it again on the same data; on the IC: an upgrade.
    fn restart(&mut self);

    /// What the system itself finds broken in its store, where it can look; on a host that has to stop for it, what was
    /// found at the restarts so far.
    fn violations(&mut self) -> Vec<String>;

    /// What this world is bounded by.
    fn bounds(&self) -> Bounds;
}
