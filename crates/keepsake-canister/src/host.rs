//! One message: its context from the system, the service, its answer to the system. Owns the one service that this
//! module holds open.

use crate::memory::{Heap, Regions};
use crate::timer;
use candid::Principal;
use ic_stable_structures::DefaultMemoryImpl;
use ic_stable_structures::memory_manager::VirtualMemory;
use keepsake_service::{Call, Event, HTTP_UPDATE, Reject, Reply, Service, USAGE};
use std::cell::{Cell, RefCell};

/// The service over stable memory.
pub type Canister = Service<VirtualMemory<DefaultMemoryImpl>, Heap<DefaultMemoryImpl>>;

/// What lasts from one message to the next: handles to stable memory, no data.
pub struct Host {
    /// Stable memory.
    pub regions: Regions<DefaultMemoryImpl>,
    /// The service over it.
    pub service: Canister,
}

/// A gateway's question, as a query.
const HTTP: &str = "http_request";

impl Host {
    fn run(&mut self, call: &Call, method: &str, argument: &[u8]) -> Result<Reply, Reject> {
        let reply = self.service.update(call, method, argument);
        if method == HTTP_UPDATE && self.service.certification_waits() {
            // The gateway asks for the next piece as soon as it has this one.
            self.service.certify_wanted();
        }
        self.show_certified(call);
        reply
    }

    /// Gives the system what it is to certify, where a message changed it.
    pub fn show_certified(&mut self, call: &Call) {
        if let Some(root) = self.service.changed_certified_data() {
            ic_cdk::api::certified_data_set(root);
        }
        if self.service.certification_waits() {
            timer::arm(call.now_ns);
        }
    }
}

thread_local! {
    static HOST: RefCell<Option<Host>> = const { RefCell::new(None) };
    /// The argument's buffer is kept: a fresh one would be filled with zeros first, an instruction for each byte.
    static ARGUMENT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// From now on, messages go to `host`.
pub fn set(host: Host) {
    HOST.set(Some(host));
}

/// Runs `work` on the host.
///
/// # Panics
/// Before install, which the system does not let happen.
pub fn with<T>(work: impl FnOnce(&mut Host) -> T) -> T {
    HOST.with_borrow_mut(|host| work(host.as_mut().expect("install and upgrade open the store first")))
}

/// The context of this message. A message is a transaction over the heap too, so what is freed can be used again at
/// once, and the number of the commit says nothing.
pub fn call() -> Call {
    Call {
        caller: ic_cdk::api::msg_caller(),
        now_ns: ic_cdk::api::time(),
        epoch: 0,
        reusable_through: u64::MAX,
        room_bytes: u64::MAX,
        rows_max: u32::MAX,
    }
}

/// Runs an update method of the table, where there is room for what it may write.
pub fn update(method: &str) {
    message(method, false);
}

/// Runs an update method that makes room: where there is no more memory, on what the records keep in hand.
pub fn freeing_update(method: &str) {
    message(method, true);
}

fn message(method: &str, is_freeing: bool) {
    catch_panics();
    let call = call();
    let adds = !is_freeing && (call.caller != Principal::anonymous() || method == HTTP_UPDATE);
    let reply = with_argument(|argument| {
        with(|host| {
            if !adds {
                host.run(&call, method, argument)
            } else if host.regions.reserve() {
                let call = Call { room_bytes: host.regions.heap_room_bytes(), ..call };
                host.run(&call, method, argument)
            } else if method == HTTP_UPDATE {
                // Its answer has no place for an error, and reading needs no room.
                host.service.query(&call, HTTP, argument)
            } else {
                Ok(Reply::resource_exhausted())
            }
        })
    });
    timer::see_that_it_is_armed(call.now_ns);
    answer(reply);
}

/// Runs a query method of the table, called as a query or as an update.
pub fn query(method: &str) {
    catch_panics();
    let call = call();
    // There is a certificate in queries only; the answer to an update is certified by itself.
    let certificate = if method == HTTP { ic_cdk::api::data_certificate() } else { None };
    answer(with_argument(|argument| {
        with(|host| match &certificate {
            _ if method == USAGE => {
                let call = Call { room_bytes: host.regions.heap_room_bytes(), ..call };
                host.service.query(&call, method, argument)
            }
            Some(certificate) => host.service.http_request(&call, argument, certificate),
            None => host.service.query(&call, method, argument),
        })
    }));
}

fn with_argument<T>(work: impl FnOnce(&[u8]) -> T) -> T {
    let mut argument = ARGUMENT.take();
    let len = ic0::msg_arg_data_size();
    if argument.len() < len {
        argument.resize(len, 0);
    }
    ic0::msg_arg_data_copy(&mut argument[..len], 0);
    let result = work(&argument[..len]);
    ARGUMENT.set(argument);
    result
}

fn answer(reply: Result<Reply, Reject>) {
    match reply {
        Ok(reply) => {
            reply.events.iter().for_each(log);
            ic_cdk::api::msg_reply(reply.bytes);
        }
        // The same reject code, 5, as on every host: nothing was changed.
        Err(reject) => ic_cdk::trap(reject.message),
    }
}

fn log(event: &Event) {
    let (what, session) = match event {
        Event::SessionBegun(session) => ("begun", session),
        Event::ChunkPut(session) => ("chunk put", session),
        Event::SessionFinished(session) => ("finished", session),
    };
    ic_cdk::api::debug_print(format!("session {session}: {what}"));
}

/// A panic becomes a trap that tells why, and the system rolls the message back.
pub fn catch_panics() {
    thread_local!(static CAUGHT: Cell<bool> = const { Cell::new(false) });
    if !CAUGHT.replace(true) {
        std::panic::set_hook(Box::new(|panic| ic_cdk::trap(panic.to_string())));
    }
}

/// Prints the instructions of this message so far, which is at its end.
#[cfg(feature = "performance-counter")]
pub(crate) fn print_performance_counter(entry: &str) {
    let name = entry.rsplit(' ').next().unwrap_or(entry);
    ic_cdk::api::debug_print(format!("{name}: {} instructions", ic_cdk::api::performance_counter(0)));
}
