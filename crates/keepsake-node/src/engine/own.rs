//! Messages of the host itself: they come from the operator, whose key nobody has. Owns their form.

use crate::engine::{Engine, RequestStatus, UpdateMessage};
use candid::utils::ArgumentEncoder;
use candid::{CandidType, Principal};
use keepsake_api::Answer;
use keepsake_service::{Kind, OPERATOR, endpoints};
use serde::de::DeserializeOwned;

/// Time that a message may wait, ns.
const EXPIRY_NS: u64 = 60_000_000_000;

/// Sends messages in the host's own name.
#[derive(Clone, Debug)]
pub struct Own {
    engine: Engine,
}

/// Why a message has no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct OwnError {
    /// IC reject code.
    pub code: u8,
    /// What to do about it.
    pub message: String,
}

impl Own {
    /// Who its messages come from: the operator, whose key nobody has.
    pub fn principal() -> Principal {
        Principal::from_slice(OPERATOR)
    }

    pub(crate) fn new(engine: Engine) -> Self {
        Self { engine }
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Asks by a method's types: its answer, or the service's refusal.
    ///
    /// # Errors
    /// [`OwnError`] where the message has no reply.
    pub async fn ask<T: CandidType + DeserializeOwned>(
        &self,
        method: &'static str,
        args: impl ArgumentEncoder,
    ) -> Result<Answer<T>, OwnError> {
        let arg = candid::encode_args(args).map_err(|error| failed(error.to_string()))?;
        let reply = match endpoints::kind(method) {
            Some(Kind::Query) => self.query(method, arg).await?,
            _ => self.update(method, arg).await?,
        };
        candid::decode_one(&reply).map_err(|error| failed(error.to_string()))
    }

    /// Runs an update; it is durable when this resolves.
    ///
    /// # Errors
    /// [`OwnError`].
    pub async fn update(&self, method: &str, arg: Vec<u8>) -> Result<Vec<u8>, OwnError> {
        let mut id = [0; 32];
        getrandom::fill(&mut id).map_err(|error| failed(error.to_string()))?;
        let message = UpdateMessage {
            request_id: id,
            caller: Self::principal(),
            method: method.to_owned(),
            arg: arg.into(),
            ingress_expiry_ns: self.engine.now_ns() + EXPIRY_NS,
            permit: None,
        };
        match self.engine.update(message).await.map_err(|error| failed(error.to_string()))? {
            RequestStatus::Replied(reply) => Ok(reply),
            RequestStatus::Rejected(why) => Err(OwnError { code: why.code, message: why.message }),
            RequestStatus::Processing | RequestStatus::Done => {
                Err(failed("the reply was not kept".to_owned()))
            }
        }
    }

    /// Runs a query.
    ///
    /// # Errors
    /// [`OwnError`].
    pub async fn query(&self, method: &str, arg: Vec<u8>) -> Result<Vec<u8>, OwnError> {
        let answer = self.engine.query(Self::principal(), method.to_owned(), arg).await;
        answer.map_err(|why| OwnError { code: why.code, message: why.message })
    }
}

fn failed(message: String) -> OwnError {
    OwnError { code: 5, message }
}
