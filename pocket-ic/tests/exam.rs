//! The exam, taken by the canister's module in PocketIC. `POCKET_IC_BIN` names the server; the module is `$KEEPSAKE_WASM`,
//! else `target/canister/keepsake.wasm.gz`.

use candid::{Principal, encode_one};
use keepsake_canister::install::Settings;
use keepsake_client::{Client, RetryPolicy, Transport, TransportError};
use keepsake_conformance::api::{HttpRequest, HttpResponse};
use keepsake_conformance::{Host, Who};
use pocket_ic::nonblocking::PocketIc;
use pocket_ic::{PocketIcBuilder, RejectResponse};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Rounds until the secret of the HTTP tokens has come.
const SETTLING_ROUNDS: usize = 5;

/// A canister on a subnet of its own.
struct Subnet {
    engine: Arc<PocketIc>,
    canister: Principal,
}

fn module() -> Vec<u8> {
    let built = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/canister/keepsake.wasm.gz");
    let path = std::env::var_os("KEEPSAKE_WASM").map_or_else(built, PathBuf::from);
    std::fs::read(&path).unwrap_or_else(|why| {
        panic!("{}: {why}\nRun `cargo xtask build canister` first, or set KEEPSAKE_WASM.", path.display())
    })
}

async fn start() -> Subnet {
    let engine = PocketIcBuilder::new().with_application_subnet().build_async().await;
    let canister = engine.create_canister().await;
    let controllers = Some(vec![Who::Controller.principal()]);
    let admission = Some(keepsake_service::WireAdmission::Everybody);
    let arg = encode_one(Some(Settings { controllers, admission, ..Settings::default() })).expect("settings encode");
    engine.install_canister(canister, module(), arg, None).await;
    let subnet = Subnet { engine: Arc::new(engine), canister };
    subnet.rounds().await;
    subnet
}

impl Subnet {
    async fn rounds(&self) {
        for _ in 0..SETTLING_ROUNDS {
            self.engine.advance_time(Duration::from_secs(1)).await;
            self.engine.tick().await;
        }
    }
}

impl Host for Subnet {
    type Transport = SubnetTransport;

    async fn client(&self, who: Who) -> Client<SubnetTransport> {
        let (engine, canister) = (Arc::clone(&self.engine), self.canister);
        let transport = SubnetTransport { engine, canister, principal: who.principal() };
        std::future::ready(Client::new(transport).with_retry(RetryPolicy::never())).await
    }

    async fn direct_http(&self, _: &HttpRequest) -> Option<HttpResponse> {
        std::future::ready(None).await
    }

    async fn advance_clock(&self, by: Duration) -> bool {
        self.engine.advance_time(by).await;
        self.rounds().await;
        true
    }

    async fn restart(&self) -> bool {
        let upgraded = self.engine.upgrade_canister(self.canister, module(), Vec::new(), None).await;
        upgraded.expect("the module upgrades to itself");
        true
    }
}

/// Calls as one principal.
struct SubnetTransport {
    engine: Arc<PocketIc>,
    canister: Principal,
    principal: Principal,
}

impl Transport for SubnetTransport {
    fn principal(&self) -> Principal {
        self.principal
    }

    async fn update(&self, method: &'static str, arg: Vec<u8>) -> Result<Vec<u8>, TransportError> {
        self.engine.update_call(self.canister, self.principal, method, arg).await.map_err(rejected)
    }

    async fn query(&self, method: &'static str, arg: Vec<u8>) -> Result<Vec<u8>, TransportError> {
        let answer = self.engine.query_call(self.canister, self.principal, method, arg.clone()).await;
        let again = |reply: &Vec<u8>| {
            candid::decode_one::<HttpResponse>(reply).is_ok_and(|answer| answer.upgrade == Some(true))
        };
        // As a gateway does, which takes no other answer without a proof.
        if method == "http_request" && answer.as_ref().is_ok_and(again) {
            return self.update("http_request_update", arg).await;
        }
        answer.map_err(rejected)
    }
}

fn rejected(why: RejectResponse) -> TransportError {
    let code = u8::try_from(why.reject_code as u64).expect("reject codes are 1 to 6");
    TransportError::Rejected { code, message: why.reject_message }
}

keepsake_conformance::exam!(start, moves_clock: true, restarts: true);
