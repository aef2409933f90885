//! The service in this process as a [`Subject`]: two plain memories, a clock that stands still.

use super::{Bounds, Subject, controller};
use candid::Principal;
use ic_stable_structures::{Memory, VectorMemory};
use keepsake_service::{
    Admission, Call, Install, Quotas, RecordLimits, Reject, Reply, Service, TicketKey, Upkeep, open_ticket,
};

/// All that outlives a restart of a world, to begin others with.
pub struct Saved {
    records: Vec<u8>,
    heap: Vec<u8>,
    bounds: Bounds,
    now_ns: u64,
}

/// A world of its own.
pub struct World {
    records: VectorMemory,
    heap: VectorMemory,
    service: Service<VectorMemory, VectorMemory>,
    bounds: Bounds,
    now_ns: u64,
}

impl World {
    /// An empty one.
    pub fn new(bounds: Bounds) -> Self {
        let (records, heap) = (VectorMemory::default(), VectorMemory::default());
        let service = open(&records, &heap, &bounds);
        Self { records, heap, service, bounds, now_ns: 1_700_000_000_000_000_000 }
    }

    /// What another begins with, by [`World::again`].
    pub fn save(&self) -> Saved {
        let [records, heap] = [&self.records, &self.heap].map(contents);
        Saved { records, heap, bounds: self.bounds, now_ns: self.now_ns }
    }

    /// Another world, as the saved one is after a restart.
    pub fn again(saved: &Saved) -> Self {
        let [records, heap] = [&saved.records, &saved.heap].map(|bytes| {
            let memory = VectorMemory::default();
            memory.borrow_mut().clone_from(bytes);
            memory
        });
        let service = open(&records, &heap, &saved.bounds);
        Self { records, heap, service, bounds: saved.bounds, now_ns: saved.now_ns }
    }

    /// Bounds that a run meets, by `seed`: quotas and a heap that get full, or not; a host by invitation.
    pub fn bounds_of(seed: u64) -> Bounds {
        let roomy = Bounds {
            capsule_bytes_max: 1 << 40,
            bytes_in_flight_per_caller_max: 1 << 40,
            sessions_per_caller_max: 1_000,
            heap_bytes_max: 1 << 39,
            capsule_record_bytes_max: 2 << 30,
            rows_max: u32::MAX,
            session_ttl_ns: keepsake_service::SESSION_TTL_NS,
            invited: false,
        };
        match seed % 5 {
            0 => Bounds { capsule_bytes_max: 60_000, ..roomy },
            1 => Bounds { bytes_in_flight_per_caller_max: 30_000, sessions_per_caller_max: 3, ..roomy },
            2 => Bounds { heap_bytes_max: 96 * 4_096, ..roomy },
            3 => Bounds { rows_max: 4, invited: true, ..roomy },
            4 => Bounds { capsule_record_bytes_max: 5_000, ..roomy },
            _ => roomy,
        }
    }

    /// All bytes of records and heap that can matter, to tell whether anything changed.
    pub fn store_image(&self) -> (Vec<u8>, u64) {
        (contents(&self.records), self.service.store().heap().usage().end)
    }

    /// Whether this is the image of the store as it is.
    pub fn is_as_in(&self, (records, heap_end): &(Vec<u8>, u64)) -> bool {
        let mut page = vec![0; 65_536];
        let mut pages = (0_u64..).zip(records.chunks(page.len()));
        let same = records.len() as u64 == self.records.size() * 65_536
            && pages.all(|(at, known)| {
                self.records.read(at * 65_536, &mut page);
                page == known
            });
        same && self.service.store().heap().usage().end == *heap_end
    }

    /// Opens the upload tickets of this world.
    pub fn ticket_key(&self) -> TicketKey {
        self.service.ticket_key().expect("it has a secret")
    }

    fn call(&self, caller: Principal) -> Call {
        Call {
            caller,
            now_ns: self.now_ns,
            epoch: 0,
            reusable_through: u64::MAX,
            room_bytes: u64::MAX,
            rows_max: u32::MAX,
        }
    }
}

fn contents(memory: &VectorMemory) -> Vec<u8> {
    memory.borrow().clone()
}

fn open(records: &VectorMemory, heap: &VectorMemory, bounds: &Bounds) -> Service<VectorMemory, VectorMemory> {
    let install = Install {
        canister_id: Principal::from_slice(&[1, 2, 3]),
        controllers: vec![controller()],
        token_secret: [42; 32],
        heap_bytes_max: bounds.heap_bytes_max,
        quotas: Quotas {
            capsule_bytes_max: bounds.capsule_bytes_max,
            bytes_in_flight_per_caller_max: bounds.bytes_in_flight_per_caller_max,
            sessions_per_caller_max: bounds.sessions_per_caller_max,
        },
        records: RecordLimits {
            capsule_record_bytes_max: bounds.capsule_record_bytes_max,
            ..RecordLimits::default()
        },
        upkeep: Upkeep::default(),
        admission: Some(if bounds.invited { Admission::Invited } else { Admission::Everybody }),
        invited_by_default: false,
        attestors: Vec::new(),
        gate: None,
        certifies: true,
    };
    let service = Service::open(records.clone(), heap.clone(), &install);
    // What is minted for it is looked at by nobody here, but by whoever feeds this world with odd bytes.
    service.expect("the memories hold a store or nothing").with_put_road("/upload/").with_previews()
}

fn bytes(answer: Result<Reply, Reject>) -> Result<Vec<u8>, String> {
    answer.map(|reply| reply.bytes).map_err(|reject| reject.message)
}

impl Subject for World {
    fn update(&mut self, caller: Principal, method: &'static str, arg: &[u8]) -> Result<Vec<u8>, String> {
        let mut call = self.call(caller);
        // What else goes in slices goes all at once, as in the model.
        if matches!(method, "memories_delete_bulk" | "memories_delete_all") {
            call.rows_max = self.bounds.rows_max;
        }
        bytes(self.service.update(&call, method, arg))
    }

    fn query(&mut self, caller: Principal, method: &'static str, arg: &[u8]) -> Result<Vec<u8>, String> {
        bytes(self.service.query(&self.call(caller), method, arg))
    }

    fn put(
        &mut self,
        ticket: &str,
        session: u64,
        index: u32,
        bytes: &[u8],
    ) -> Result<Option<Vec<u8>>, String> {
        let opened = open_ticket(&self.ticket_key(), self.now_ns, ticket).map_err(|why| why.to_string())?;
        let call = self.call(opened.caller);
        Ok(Some(self.service.put(&call, session, index, bytes).bytes))
    }

    fn now_ns(&self) -> u64 {
        self.now_ns
    }

    fn advance(&mut self, by_ns: u64) {
        self.now_ns += by_ns;
    }

    fn restart(&mut self) {
        self.service = open(&self.records, &self.heap, &self.bounds);
    }

    fn violations(&mut self) -> Vec<String> {
        self.service.store().check().violations
    }

    fn bounds(&self) -> Bounds {
        self.bounds
    }
}
