//! How a refusal is classified. Owns the classes that hosts map to the wire; each family of operations owns
//! its own error enum.

/// The class of a refusal, one per variant of the service's wire error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// No such thing, or the caller may not know of it.
    NotFound,
    /// The caller may know of it but not do this.
    Unauthorized,
    /// A quota, a limit of open things, or the storage.
    ResourceExhausted,
    /// Breaks a rule by itself.
    InvalidArgument,
    /// Does not fit the present state.
    Conflict,
}

/// A refusal: nothing was changed. Its text is `code` or `code: data`.
pub trait Refusal: std::fmt::Display {
    /// Its class.
    fn kind(&self) -> RefusalKind;
}
