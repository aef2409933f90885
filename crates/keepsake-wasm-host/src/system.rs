//! What the system knows of the canister and of the message that runs: the state behind the system calls.
//!
//! Owns what survives a message, and which call may be used in which entry point. Has no wasm of its own.

use std::collections::VecDeque;
use std::sync::Arc;

use candid::Principal;
use wasmtime::Memory;

use crate::certificate::RootKey;
use crate::cost::Instructions;
use crate::cycles::Subnet;
use crate::error::Rejection;
use crate::stable::StableMemory;

/// Entry points, as far as system calls differ between them.
///
/// Source: [entry points](https://internetcomputer.org/docs/references/ic-interface-spec#entry-points).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Start,
    Init,
    PreUpgrade,
    PostUpgrade,
    Update,
    Query,
    ReplicatedQuery,
    Inspect,
    Reply,
    Reject,
    Cleanup,
    Timer,
}

impl Kind {
    /// The IC's limits.
    pub(crate) fn instructions_max(self) -> u64 {
        match self {
            Self::Start | Self::Init | Self::PreUpgrade | Self::PostUpgrade => 300_000_000_000,
            Self::Query => 5_000_000_000,
            Self::Inspect => 200_000_000,
            _ => 40_000_000_000,
        }
    }

    /// Whether a test's own limit holds for it: messages that change something while the canister runs.
    fn is_shortened(self) -> bool {
        [Self::Update, Self::Reply, Self::Reject, Self::Cleanup, Self::Timer].contains(&self)
    }

    /// Whether memory that the canister could not pay for traps: not while it is installed, nor in what changes nothing.
    pub(crate) fn pays_for_memory(self) -> bool {
        [Self::Update, Self::Reply, Self::Reject, Self::Timer].contains(&self)
    }

    /// Largest reply, bytes.
    pub(crate) fn reply_bytes_max(self) -> usize {
        if self == Self::Query { 3 << 20 } else { 2 << 20 }
    }

    /// Whether the interface spec lets this entry point use the call.
    ///
    /// Source: [overview of imports](https://internetcomputer.org/docs/references/ic-interface-spec#system-api-imports).
    pub(crate) fn may_call(self, call: &str) -> bool {
        use Kind::{
            Cleanup, Init, Inspect, PostUpgrade, PreUpgrade, Query, Reject, ReplicatedQuery, Reply, Start,
            Timer, Update,
        };
        let answers = [Update, Query, ReplicatedQuery, Reply, Reject];
        match call {
            "debug_print" | "trap" => true,
            "msg_arg_data_size" | "msg_arg_data_copy" => {
                [Init, PostUpgrade, Update, Query, ReplicatedQuery, Reply, Inspect].contains(&self)
            }
            "msg_reply_data_append" | "msg_reply" | "msg_reject" => answers.contains(&self),
            "msg_reject_code" => [Reply, Reject].contains(&self),
            "msg_reject_msg_size" | "msg_reject_msg_copy" => self == Reject,
            "msg_method_name_size" | "msg_method_name_copy" | "accept_message" => self == Inspect,
            "data_certificate_size" | "data_certificate_copy" => self == Query,
            "certified_data_set" => {
                [Init, PreUpgrade, PostUpgrade, Update, Reply, Reject, Timer].contains(&self)
            }
            "global_timer_set" => {
                [Init, PreUpgrade, PostUpgrade, Update, Reply, Reject, Cleanup, Timer].contains(&self)
            }
            _ if call.starts_with("call_") => [Update, Reply, Reject, Timer].contains(&self),
            _ => self != Start,
        }
    }
}

/// State behind the system calls; the data of an instance's store.
#[derive(Clone, Debug)]
pub(crate) struct System {
    pub(crate) id: Principal,
    pub(crate) controllers: Vec<Principal>,
    pub(crate) now_ns: u64,
    pub(crate) cycles: u128,
    pub(crate) subnet: Subnet,
    pub(crate) freezing_threshold_secs: u64,
    /// Of the module, which is paid for as memory is.
    pub(crate) module_bytes: u64,
    pub(crate) root: Arc<RootKey>,
    /// Of the random numbers that `raw_rand` gives.
    pub(crate) seed: u64,
    pub(crate) random_calls: u64,
    /// Lines that the canister printed.
    pub(crate) printed: VecDeque<String>,
    pub(crate) stable: StableMemory,
    /// What `stable64_grow` gives in all, in pages of 64 KiB.
    pub(crate) stable_pages_max: u64,
    /// Of each message that may keep what it did; none for the IC's own limit.
    pub(crate) instructions_max: Option<u64>,
    pub(crate) durable: Durable,
    /// As of before the message.
    pub(crate) committed: Durable,
    pub(crate) message: Message,
    /// The last certificate and what it is about.
    pub(crate) certificate: Option<(Vec<u8>, u64, Vec<u8>)>,
    /// The instance's memory.
    pub(crate) memory: Option<Memory>,
}

/// What a message may change besides the two memories.
#[derive(Clone, Debug, Default)]
pub(crate) struct Durable {
    pub(crate) certified_data: Vec<u8>,
    /// When the global timer fires; 0 when it is not set.
    pub(crate) timer_at_ns: u64,
    pub(crate) version: u64,
}

/// Most lines that are kept of what the canister printed.
const PRINTED_MAX: usize = 1_000;

impl System {
    /// The limit of the message that runs.
    pub(crate) fn limit(&self) -> u64 {
        let kind = self.message.kind;
        let shortened = self.instructions_max.filter(|_| kind.is_shortened());
        shortened.map_or(kind.instructions_max(), |limit| limit.min(kind.instructions_max()))
    }

    /// What the canister pays memory for, with a heap of so many bytes.
    pub(crate) fn memory_bytes(&self, heap_bytes: u64) -> u64 {
        self.module_bytes + heap_bytes + self.stable.size_bytes()
    }

    /// With less than so many cycles, a canister that has so many bytes is frozen.
    pub(crate) fn freezing_cycles(&self, memory_bytes: u64) -> u128 {
        self.subnet.storage(memory_bytes, self.freezing_threshold_secs)
    }

    /// Keeps a line for the test, and forgets the oldest.
    pub(crate) fn print(&mut self, line: String) {
        if self.printed.len() == PRINTED_MAX {
            self.printed.pop_front();
        }
        self.printed.push_back(line);
    }

    pub(crate) fn commit(&mut self) {
        self.stable.commit();
        self.committed = self.durable.clone();
    }

    pub(crate) fn roll_back(&mut self) {
        self.stable.roll_back();
        self.durable = self.committed.clone();
    }

    /// The certificate of the certified data, now.
    pub(crate) fn certificate(&mut self) -> &[u8] {
        let data = &self.durable.certified_data;
        let known = self.certificate.take().filter(|(of, at_ns, _)| of == data && *at_ns == self.now_ns);
        let known = known
            .unwrap_or_else(|| (data.clone(), self.now_ns, self.root.certify(self.id, data, self.now_ns)));
        &self.certificate.insert(known).2
    }
}

/// What a call ends with.
pub(crate) type Answer = Result<Vec<u8>, Rejection>;

/// A function in the table and its argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closure {
    pub(crate) function: u32,
    pub(crate) environment: u32,
}

/// A call that the canister makes.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) callee: Principal,
    pub(crate) method: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) on_reply: Closure,
    pub(crate) on_reject: Closure,
    pub(crate) on_cleanup: Option<Closure>,
}

/// The message that runs, what it was given and what it did.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) kind: Kind,
    pub(crate) caller: Principal,
    pub(crate) method: String,
    /// The argument, or the reply to a call.
    pub(crate) arg: Vec<u8>,
    /// The rejection of a call.
    pub(crate) rejection: Option<Rejection>,
    /// Whether its call context was not answered yet.
    pub(crate) may_answer: bool,
    /// Instructions of the call context's earlier messages.
    pub(crate) earlier_instructions: u64,

    pub(crate) reply: Vec<u8>,
    pub(crate) answer: Option<Answer>,
    pub(crate) accepted: bool,
    pub(crate) preparing: Option<Call>,
    pub(crate) calls: Vec<Call>,
    pub(crate) cost: Instructions,
}

impl Message {
    pub(crate) fn new(kind: Kind, caller: Principal, arg: Vec<u8>) -> Self {
        Self {
            kind,
            caller,
            method: String::new(),
            arg,
            rejection: None,
            may_answer: matches!(kind, Kind::Update | Kind::Query | Kind::ReplicatedQuery),
            earlier_instructions: 0,
            reply: Vec::new(),
            answer: None,
            accepted: false,
            preparing: None,
            calls: Vec::new(),
            cost: Instructions::default(),
        }
    }

    /// With the name of the method, which `inspect_message` may ask for.
    pub(crate) fn named(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }
}
