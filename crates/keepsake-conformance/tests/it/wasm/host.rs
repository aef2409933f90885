//! The module as a [`Host`] of the exam, and the roads of a message to it: updates come as users send them, through
//! inspection.

use super::module::installed;
use candid::Principal;
use keepsake_canister::install::{S3Gate, Settings};
use keepsake_client::{Client, RetryPolicy, Transport, TransportError};
use keepsake_conformance::api::{HttpRequest, HttpResponse};
use keepsake_conformance::{Host, Who};
use keepsake_wasm_host::{Canister, Rejection};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// Between two messages, ns, so that times tell the order.
const STEP_NS: u64 = 1_000;

/// A canister that many clients share.
#[derive(Clone, Debug)]
pub(crate) struct Module(Arc<Mutex<Canister>>);

impl Module {
    pub(crate) fn start() -> Self {
        let controllers = Some(vec![Who::Controller.principal()]);
        Self::of(installed(&Settings { controllers, ..Settings::default() }))
    }

    /// With a gate that keeps the keys of a bucket.
    pub(crate) fn start_with_gate() -> Self {
        let controllers = Some(vec![Who::Controller.principal()]);
        let attestors = Some(vec![Who::Gate.principal()]);
        let s3_gate = Some(S3Gate { url: "https://gate.example".into(), from_len: 1 << 20 });
        Self::of(installed(&Settings { controllers, attestors, s3_gate, ..Settings::default() }))
    }

    pub(crate) fn of(canister: Canister) -> Self {
        Self(Arc::new(Mutex::new(canister)))
    }

    pub(crate) fn canister(&self) -> MutexGuard<'_, Canister> {
        self.0.lock().expect("no test panics within a message")
    }

    pub(crate) fn client_of(&self, principal: Principal) -> Client<ModuleTransport> {
        Client::new(ModuleTransport { host: self.clone(), principal }).with_retry(RetryPolicy::never())
    }
}

impl Host for Module {
    type Transport = ModuleTransport;

    async fn client(&self, who: Who) -> Client<ModuleTransport> {
        std::future::ready(self.client_of(who.principal())).await
    }

    async fn direct_http(&self, _: &HttpRequest) -> Option<HttpResponse> {
        std::future::ready(None).await
    }

    async fn advance_clock(&self, by: Duration) -> bool {
        let by_ns = u64::try_from(by.as_nanos()).expect("an exam ends before 2500");
        self.canister().advance(by_ns);
        std::future::ready(true).await
    }

    async fn restart(&self) -> bool {
        self.canister().upgrade(&[]).expect("the module upgrades to itself");
        std::future::ready(true).await
    }
}

/// Calls as one principal.
#[derive(Clone, Debug)]
pub(crate) struct ModuleTransport {
    host: Module,
    principal: Principal,
}

impl ModuleTransport {
    fn send(
        &self,
        message: impl FnOnce(&mut Canister, Principal) -> Result<Vec<u8>, Rejection>,
    ) -> Result<Vec<u8>, TransportError> {
        let mut canister = self.host.canister();
        canister.advance(STEP_NS);
        message(&mut canister, self.principal).map_err(rejected)
    }
}

impl Transport for ModuleTransport {
    fn principal(&self) -> Principal {
        self.principal
    }

    async fn update(&self, method: &'static str, arg: Vec<u8>) -> Result<Vec<u8>, TransportError> {
        std::future::ready(self.send(|canister, caller| canister.update(caller, method, &arg))).await
    }

    async fn query(&self, method: &'static str, arg: Vec<u8>) -> Result<Vec<u8>, TransportError> {
        let answer = self.send(|canister, caller| {
            let answer = canister.query(caller, method, &arg)?;
            // As a gateway does, which takes no other answer without a proof.
            let again = method == "http_request" && is_to_be_asked_again(&answer);
            if again { canister.update(caller, "http_request_update", &arg) } else { Ok(answer) }
        });
        std::future::ready(answer).await
    }
}

fn is_to_be_asked_again(reply: &[u8]) -> bool {
    candid::decode_one::<HttpResponse>(reply).is_ok_and(|answer| answer.upgrade == Some(true))
}

fn rejected(why: Rejection) -> TransportError {
    TransportError::Rejected { code: why.code, message: why.message }
}
