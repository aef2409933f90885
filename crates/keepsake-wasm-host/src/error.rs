//! What can go wrong: with a module before it runs, and with a message while it runs.
//!
//! Owns both enums' texts and the IC's codes for them. Decides nothing about when they are used.

use wasmtime::Trap;

/// A module cannot be loaded, or an installation or upgrade did not come to pass.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The file is neither wasm nor gzip of wasm.
    #[error("cannot unpack the module: {0}")]
    Unpack(std::io::Error),
    /// Not a valid module.
    #[error("this is no valid wasm module: {0}")]
    Invalid(String),
    /// The module imports what this host does not offer.
    #[error("the module imports what this host does not offer: {}; add it in src/ic0", names.join(", "))]
    UnknownImports {
        /// `module.name` of each.
        names: Vec<String>,
    },
    /// An import has another type than the system interface gives it.
    #[error("an import has another type than the system interface gives it: {0}")]
    ImportType(String),
    /// A canister needs exactly one memory of its own, with 32-bit addresses.
    #[error("the module has {0} memories of its own: it needs exactly one, with 32-bit addresses")]
    Memories(usize),
    /// The entry point ran and failed; nothing changed.
    #[error("the entry point {entry} failed: {rejection}")]
    Rejected {
        /// Name of the export.
        entry: String,
        /// Why.
        rejection: Rejection,
    },
}

/// Why a message has no reply.
///
/// Source: [reject codes](https://internetcomputer.org/docs/references/ic-interface-spec#reject-codes).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error_code} (reject code {code}): {message}")]
pub struct Rejection {
    /// 2 try again, 3 destination invalid, 4 rejected by the canister, 5 failed in the canister.
    pub code: u8,
    /// Finer code of the IC, such as `IC0503`.
    pub error_code: &'static str,
    /// In words; for a trap, the canister's own.
    pub message: String,
}

impl Rejection {
    pub(crate) fn new(code: u8, error_code: &'static str, message: impl Into<String>) -> Self {
        Self { code, error_code, message: message.into() }
    }

    pub(crate) fn no_method(kind: &str, name: &str) -> Self {
        Self::new(5, "IC0536", format!("Canister has no {kind} method '{name}'"))
    }

    pub(crate) fn not_accepted() -> Self {
        Self::new(4, "IC0406", "Canister rejected the message")
    }

    pub(crate) fn no_reply() -> Self {
        Self::new(5, "IC0506", "Canister did not reply to the call")
    }

    pub(crate) fn frozen() -> Self {
        Self::new(2, "IC0207", "Canister is out of cycles: please top up the canister")
    }

    pub(crate) fn by_canister(message: String) -> Self {
        Self::new(4, "IC0406", message)
    }

    pub(crate) fn too_many_calls() -> Self {
        Self::new(2, "IC0515", "The queue of calls is full")
    }

    pub(crate) fn no_destination(name: &str) -> Self {
        Self::new(3, "IC0301", format!("No other canister runs on this host: {name} cannot be called"))
    }

    /// Turns what ended an execution into what the caller sees.
    pub(crate) fn from_failure(failure: &wasmtime::Error) -> Self {
        if let Some(stop) = failure.downcast_ref::<Stop>() {
            return stop.rejection();
        }
        match failure.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => Stop::OutOfInstructions.rejection(),
            Some(trap) => Self::new(5, "IC0502", format!("Canister trapped: {trap}")),
            None => Self::new(5, "IC0502", format!("Canister failed: {failure}")),
        }
    }
}

/// Why a system call ends the message.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    /// `ic0.trap`.
    #[error("Canister called `ic0.trap` with message: '{0}'")]
    Called(String),
    /// The canister may not do this, or not here.
    #[error("Canister violated contract: {0}")]
    Violation(String),
    /// The canister could not pay for the memory that it asked for.
    #[error(
        "Canister cannot grow memory by {bytes} bytes due to insufficient cycles: it has {cycles}, of which {frozen} are needed above its freezing threshold"
    )]
    InsufficientCyclesInMemoryGrow { bytes: u64, cycles: u128, frozen: u128 },
    /// The message's limit is used up.
    #[error("Canister exceeded the limit of instructions for single message execution")]
    OutOfInstructions,
}

impl Stop {
    fn rejection(&self) -> Rejection {
        let error_code = match self {
            Self::Called(_) => "IC0503",
            Self::Violation(_) => "IC0504",
            Self::InsufficientCyclesInMemoryGrow { .. } => "IC0532",
            Self::OutOfInstructions => "IC0522",
        };
        Rejection::new(5, error_code, self.to_string())
    }
}
