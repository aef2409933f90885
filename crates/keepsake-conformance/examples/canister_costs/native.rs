//! Messages to the service in this process, over the canister's memory map: it makes large states.

use crate::Failure;
use crate::sender::{Sender, user};
use candid::Principal;
use ic_stable_structures::memory_manager::VirtualMemory;
use keepsake_canister::memory::{Heap, Regions};
use keepsake_service::{Call, Install, Quotas, RecordLimits, Service, Upkeep};
use keepsake_wasm_host::{Options, SharedStableMemory, StableMemory};

/// A caller of the service in this process, over the canister's memory map.
pub(crate) struct Native {
    pages: SharedStableMemory,
    regions: Regions<SharedStableMemory>,
    service: Service<VirtualMemory<SharedStableMemory>, Heap<SharedStableMemory>>,
    pub(crate) caller: Principal,
}

impl Native {
    /// An empty store.
    pub(crate) fn new() -> Result<Self, Failure> {
        let pages = SharedStableMemory::default();
        let regions = Regions::open(pages.clone(), || u64::MAX).ok_or("there is room")?;
        let install = Install {
            canister_id: Options::default().canister_id,
            controllers: vec![],
            token_secret: [7; 32],
            heap_bytes_max: 480 << 30,
            quotas: Quotas::default(),
            records: RecordLimits::default(),
            upkeep: Upkeep::default(),
            admission: None,
            invited_by_default: false,
            attestors: Vec::new(),
            gate: None,
            certifies: true,
        };
        let service = Service::open(regions.records(), regions.heap(), &install)?;
        Ok(Self { pages, regions, service, caller: user() })
    }

    /// The stable memory that this leaves.
    pub(crate) fn into_stable(self) -> StableMemory {
        self.pages.stable()
    }
}

impl Sender for Native {
    fn send(&mut self, method: &str, arg: &[u8]) -> Result<Vec<u8>, Failure> {
        let now_ns = Options::default().now_ns;
        let call = Call {
            caller: self.caller,
            now_ns,
            epoch: 0,
            reusable_through: u64::MAX,
            room_bytes: u64::MAX,
            rows_max: u32::MAX,
        };
        assert!(self.regions.reserve(), "memory is 500 GiB");
        let reply = self.service.update(&call, method, arg);
        self.pages.commit();
        Ok(reply.map_err(|reject| format!("{method}: {}", reject.message))?.bytes)
    }
}
