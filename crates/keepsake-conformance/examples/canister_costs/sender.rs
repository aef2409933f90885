//! Who sends messages. Owns encoding and decoding; knows no method but the one that makes a capsule, and no host.

use crate::Failure;
use candid::utils::{ArgumentEncoder, encode_args};
use candid::{CandidType, Principal};
use keepsake_conformance::api::{Answer, Capsule, PersonRef};
use serde::de::DeserializeOwned;

/// Sends messages as one caller.
pub(crate) trait Sender {
    /// Sends `method` with encoded arguments and gives the encoded answer.
    ///
    /// # Errors
    /// When the message is rejected.
    fn send(&mut self, method: &str, arg: &[u8]) -> Result<Vec<u8>, Failure>;

    /// Sends `method` with `args`.
    ///
    /// # Errors
    /// When the message is rejected or the answer is something else.
    fn ask<T: CandidType + DeserializeOwned>(
        &mut self,
        method: &str,
        args: impl ArgumentEncoder,
    ) -> Result<T, Failure> {
        let answer = self.send(method, &encode_args(args)?)?;
        Ok(candid::decode_one(&answer)?)
    }

    /// The caller's own capsule.
    ///
    /// # Errors
    /// When there can be none.
    fn capsule(&mut self) -> Result<String, Failure> {
        let capsule: Answer<Capsule> = self.ask("capsules_create", (None::<PersonRef>,))?;
        Ok(capsule.map_err(|error| format!("{error:?}"))?.id)
    }
}

/// The caller of all that is measured.
pub(crate) fn user() -> Principal {
    Principal::self_authenticating(b"user")
}
