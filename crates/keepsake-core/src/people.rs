//! What people are called: by themselves, and by each other. Owns names and colours, and what a name may be; who somebody is, is
//! in [`crate::door`].

use crate::access::Denied;
use crate::call::Call;
use crate::limits::{NAMES_PER_ACCOUNT_MAX, PERSON_BYTES_MAX};
use crate::refusal::{Refusal, RefusalKind};
use crate::room::Exhausted;
use crate::store::Store;
pub use crate::tables::registry::{NameRecord, PersonRecord};
use ic_principal::Principal;
use ic_stable_structures::Memory;

/// Why a name is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Too long.
    #[error("text_too_long: {0} has {1} bytes, allowed {PERSON_BYTES_MAX}")]
    Length(&'static str, usize),
    /// Nothing to read.
    #[error("name_empty: {0} has at least one letter")]
    Empty(&'static str),
    /// A colour has three bytes.
    #[error("colour_out_of_range: {0}, allowed 0..=16777215, which is 0xrrggbb")]
    Colour(u32),
}

impl Refusal for NameError {
    fn kind(&self) -> RefusalKind {
        RefusalKind::InvalidArgument
    }
}

/// Why a change of names is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeopleError {
    /// Nobody calls.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// A name is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// There is no room.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// Too many names.
    #[error("too_many_items: names has {0}, allowed {NAMES_PER_ACCOUNT_MAX}")]
    Names(usize),
}

impl Refusal for PeopleError {
    fn kind(&self) -> RefusalKind {
        match self {
            Self::Denied(denied) => denied.kind(),
            Self::Name(name) => name.kind(),
            Self::Exhausted(exhausted) => exhausted.kind(),
            Self::Names(_) => RefusalKind::InvalidArgument,
        }
    }
}

impl<R: Memory, H: Memory> Store<R, H> {
    /// What the caller calls itself from now on, and its colour; nothing: no longer. Members of its capsules see it.
    ///
    /// # Errors
    /// [`PeopleError`].
    pub fn profile_set(
        &mut self,
        call: &Call,
        name: Option<String>,
        colour: Option<u32>,
    ) -> Result<(), PeopleError> {
        self.require_let_in(&call.caller)?;
        check_optional_name("name", name.as_deref())?;
        check_colour(colour)?;
        self.require_record_room(0)?;
        self.registry.update_person(&call.caller, |person| (person.name, person.colour) = (name, colour));
        Ok(())
    }

    /// What the caller calls somebody, on all of its devices; nothing: what they call themselves.
    ///
    /// # Errors
    /// [`PeopleError`].
    pub fn people_name(
        &mut self,
        call: &Call,
        person: &Principal,
        name: &NameRecord,
    ) -> Result<(), PeopleError> {
        self.require_let_in(&call.caller)?;
        check_optional_name("name", name.name.as_deref())?;
        check_colour(name.colour)?;
        let person = self.account_of(person);
        if *name != NameRecord::default() && self.registry.name(&call.caller, &person).is_none() {
            self.require_record_room(0)?;
            let names = self.registry.names_of(&call.caller).len();
            if names >= NAMES_PER_ACCOUNT_MAX {
                return Err(PeopleError::Names(names));
            }
        }
        self.registry.set_name(&call.caller, &person, name);
        Ok(())
    }

    /// Whom the caller has names for, by principal, at most [`NAMES_PER_ACCOUNT_MAX`].
    pub fn people_list(&self, caller: &Principal) -> Vec<(Principal, NameRecord)> {
        if *caller == Principal::anonymous() {
            return Vec::new();
        }
        self.registry.names_of(caller)
    }

    /// What an account calls itself, and what the operator says about it.
    pub fn person(&self, account: &Principal) -> PersonRecord {
        self.registry.person(account)
    }
}

/// A name that may be missing.
pub(crate) fn check_optional_name(what: &'static str, name: Option<&str>) -> Result<(), NameError> {
    name.map_or(Ok(()), |name| check_name(what, name))
}

pub(crate) fn check_name(what: &'static str, name: &str) -> Result<(), NameError> {
    match name {
        _ if !name.chars().any(is_seen) => Err(NameError::Empty(what)),
        _ => check_label(what, name),
    }
}

/// Whether a character shows: white space, control characters, marks of direction and what has no width do not.
fn is_seen(c: char) -> bool {
    let is_blank = matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}');
    !(is_blank || c.is_whitespace() || c.is_control())
}

/// A name that may be empty.
pub(crate) fn check_label(what: &'static str, label: &str) -> Result<(), NameError> {
    if label.len() > PERSON_BYTES_MAX { Err(NameError::Length(what, label.len())) } else { Ok(()) }
}

fn check_colour(colour: Option<u32>) -> Result<(), NameError> {
    match colour {
        Some(colour) if colour > 0x00ff_ffff => Err(NameError::Colour(colour)),
        _ => Ok(()),
    }
}
