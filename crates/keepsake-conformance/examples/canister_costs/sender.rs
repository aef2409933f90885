//! Who sends messages, and to what: the module under the wasm host, or the service natively over the same pages.
//! Owns encoding and decoding; knows no method.

use crate::Failure;
use candid::utils::{ArgumentEncoder, encode_args};
use candid::{CandidType, Principal};
use ic_stable_structures::Memory;
use ic_stable_structures::memory_manager::VirtualMemory;
use keepsake_canister::memory::{Heap, Regions};
use keepsake_conformance::api::{Answer, Capsule, PersonRef};
use keepsake_service::{Call, Install, Quotas, Service};
use keepsake_wasm_host::{Canister, CanisterModule, Instructions, Options, StableMemory};
use serde::de::DeserializeOwned;
use std::cell::RefCell;
use std::rc::Rc;

/// Time until the first timers of a canister have run, ns.
const SETTLED_AFTER_NS: u64 = 2_000_000_000;

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

/// A caller of the module.
pub(crate) struct OnCanister(pub(crate) Canister);

impl OnCanister {
    /// A new canister.
    pub(crate) fn installed(module: &CanisterModule) -> Result<Self, Failure> {
        Ok(Self::settled(Canister::install(module, &[], &Options::default())?))
    }

    /// A canister that finds `pages`.
    pub(crate) fn over(module: &CanisterModule, pages: StableMemory) -> Result<Self, Failure> {
        Ok(Self::settled(Canister::adopt(module, pages, &[], &Options::default())?))
    }

    fn settled(mut canister: Canister) -> Self {
        canister.advance(SETTLED_AFTER_NS);
        Self(canister)
    }

    pub(crate) fn fork(&self) -> Self {
        Self(self.0.fork())
    }

    /// What the last message cost.
    pub(crate) fn cost(&self) -> Instructions {
        self.0.last_cost()
    }
}

impl Sender for OnCanister {
    fn send(&mut self, method: &str, arg: &[u8]) -> Result<Vec<u8>, Failure> {
        let query =
            keepsake_service::Service::<Pages, Pages>::kind(method) == Some(keepsake_service::Kind::Query);
        let answer =
            if query { self.0.query(user(), method, arg) } else { self.0.update(user(), method, arg) };
        answer.map_err(|rejection| format!("{method}: {rejection}").into())
    }
}

/// Pages of the wasm host as the memory of stable structures.
#[derive(Clone, Default)]
pub(crate) struct Pages(Rc<RefCell<StableMemory>>);

impl Memory for Pages {
    fn size(&self) -> u64 {
        self.0.borrow().wasm_pages()
    }

    fn grow(&self, pages: u64) -> i64 {
        let before = self.0.borrow_mut().grow(pages);
        before.map_or(-1, |pages| i64::try_from(pages).expect("500 GiB of pages"))
    }

    fn read(&self, offset: u64, into: &mut [u8]) {
        self.0.borrow().read(offset, into).expect("within the memory");
    }

    fn write(&self, offset: u64, from: &[u8]) {
        self.0.borrow_mut().write(offset, from).expect("within the memory");
    }
}

/// A caller of the service in this process, over the canister's memory map.
pub(crate) struct Native {
    pages: Pages,
    regions: Regions<Pages>,
    service: Service<VirtualMemory<Pages>, Heap<Pages>>,
    pub(crate) caller: Principal,
}

impl Native {
    /// An empty store.
    pub(crate) fn new() -> Result<Self, Failure> {
        let pages = Pages::default();
        let regions = Regions::open(pages.clone(), |_| true).ok_or("there is room")?;
        let install = Install {
            canister_id: Options::default().canister_id,
            controllers: vec![],
            token_secret: [7; 32],
            heap_bytes_max: 480 << 30,
            quotas: Quotas::default(),
        };
        let service = Service::open(regions.records(), regions.heap(), &install)?;
        Ok(Self { pages, regions, service, caller: user() })
    }

    /// The stable memory that this leaves.
    pub(crate) fn into_stable(self) -> StableMemory {
        self.pages.0.borrow().clone()
    }
}

impl Sender for Native {
    fn send(&mut self, method: &str, arg: &[u8]) -> Result<Vec<u8>, Failure> {
        let now_ns = Options::default().now_ns;
        let call = Call { caller: self.caller, now_ns, epoch: 0, reusable_through: u64::MAX };
        assert!(self.regions.reserve(), "memory is 500 GiB");
        let reply = self.service.update(&call, method, arg);
        self.pages.0.borrow_mut().commit();
        Ok(reply.map_err(|reject| format!("{method}: {}", reject.message))?.bytes)
    }
}
