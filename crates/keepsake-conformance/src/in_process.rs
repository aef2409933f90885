//! The service in this process: the smallest host there can be. Owns its thread, its clock and its two memories;
//! a message is a function that runs on the thread, one after the other.

use crate::api::{Answer, HttpRequest, HttpResponse};
use crate::host::{Host, Who};
use candid::Principal;
use ic_stable_structures::{Memory, VectorMemory};
use keepsake_client::{Client, RetryPolicy, Transport, TransportError};
use keepsake_service::http::{AssetBody, AssetRequest, BlobPlace, BlobRange, HeapRange, ObjectRange};
use keepsake_service::{Call, Install, Quotas, RecordLimits, Reject, Reply, Service, Upkeep, open_ticket};
use serde_bytes::ByteBuf;
use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::Duration;
use tokio::sync::oneshot;

/// Where the clock begins, ns since 1970.
const START_NS: u64 = 1_700_000_000_000_000_000;
/// Between two messages, ns, so that times tell the order.
const STEP_NS: u64 = 1_000;

type Job = Box<dyn FnOnce(&mut Machine) + Send>;

/// A service on a thread of its own, with a clock that moves when it is told to.
#[derive(Clone, Debug)]
pub struct InProcess {
    jobs: mpsc::Sender<Job>,
}

/// What the thread owns. `VectorMemory` never leaves it.
struct Machine {
    records: VectorMemory,
    heap: VectorMemory,
    service: Service<VectorMemory, VectorMemory>,
    bucket: Bucket,
    now_ns: u64,
}

/// A bucket in memory: what a host's bucket has, by key.
#[derive(Default)]
struct Bucket(BTreeMap<String, Vec<u8>>);

impl Bucket {
    fn read(&self, object: &ObjectRange) -> Vec<u8> {
        let at = |offset: u64| usize::try_from(offset).expect("samples fit memory");
        self.0[&object.key][at(object.offset)..at(object.offset + object.len)].to_vec()
    }
}

impl Machine {
    fn start() -> Self {
        let (records, heap) = (VectorMemory::default(), VectorMemory::default());
        let service = open(&records, &heap);
        Self { records, heap, service, bucket: Bucket::default(), now_ns: START_NS }
    }

    fn call(&mut self, caller: Principal) -> Call {
        self.now_ns += STEP_NS;
        Call {
            caller,
            now_ns: self.now_ns,
            epoch: 0,
            reusable_through: u64::MAX,
            room_bytes: u64::MAX,
            rows_max: u32::MAX,
        }
    }

    fn asset(&mut self, request: &AssetRequest) -> HttpResponse {
        let call = self.call(Principal::anonymous());
        let answer = self.service.asset(&call, request);
        let body = match answer.body {
            AssetBody::Bytes(bytes) => bytes,
            AssetBody::Bucket(object) => self.bucket.read(&object),
            AssetBody::Heap { blob, runs } => self.blob_bytes(blob, runs),
        };
        HttpResponse {
            status_code: answer.status,
            headers: answer.headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            body: ByteBuf::from(body),
            upgrade: None,
        }
    }

    /// As a host with a road for chunks takes one in.
    fn put(&mut self, ticket: &str, session: u64, index: u32, bytes: &[u8]) -> Answer<()> {
        let now_ns = self.call(Principal::anonymous()).now_ns;
        let key = self.service.ticket_key().expect("it has a secret");
        let opened = open_ticket(&key, now_ns, ticket).expect("the exam sends tickets that open");
        assert_eq!(opened.session.0, session);
        let call = self.call(opened.caller);
        let reply = self.service.put(&call, session, index, bytes);
        candid::decode_one(&reply.bytes).expect("the answer has its type")
    }

    /// As a host sends it: piece by piece, as far as it is planned.
    fn blob_bytes(&self, mut rest: BlobRange, mut runs: Vec<HeapRange>) -> Vec<u8> {
        let mut bytes = Vec::new();
        loop {
            for run in &runs {
                bytes.extend(self.heap_bytes(run.offset, run.len));
                (rest.offset, rest.len) = (rest.offset + run.len, rest.len - run.len);
            }
            if rest.len == 0 {
                return bytes;
            }
            match self.service.blob_place(&rest).expect("nothing deletes it meanwhile") {
                BlobPlace::Heap(next) => runs = next,
                BlobPlace::Bucket(object) => {
                    bytes.extend(self.bucket.read(&object));
                    return bytes;
                }
            }
        }
    }

    fn heap_bytes(&self, offset: u64, len: u64) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(len).expect("samples fit memory")];
        self.heap.read(offset, &mut bytes);
        bytes
    }
}

fn open(records: &VectorMemory, heap: &VectorMemory) -> Service<VectorMemory, VectorMemory> {
    let install = Install {
        canister_id: Principal::from_slice(&[1, 2, 3]),
        controllers: vec![Who::Controller.principal()],
        token_secret: [42; 32],
        heap_bytes_max: 1 << 32,
        quotas: Quotas::default(),
        records: RecordLimits::default(),
        upkeep: Upkeep::default(),
        admission: None,
        invited_by_default: false,
        attestors: vec![Who::Gate.principal()],
        gate: None,
        certifies: false,
    };
    let service = Service::open(records.clone(), heap.clone(), &install);
    service
        .expect("the memories hold a store or nothing")
        .with_put_road("/upload/")
        .with_previews()
        .with_bucket(1 << 20)
}

impl InProcess {
    /// Starts an empty service. The thread ends with the last clone.
    pub fn start() -> Self {
        let (jobs, inbox) = mpsc::channel::<Job>();
        std::thread::spawn(move || {
            let mut machine = Machine::start();
            for job in inbox {
                job(&mut machine);
            }
        });
        Self { jobs }
    }

    async fn run<R: Send + 'static>(&self, work: impl FnOnce(&mut Machine) -> R + Send + 'static) -> R {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |machine| drop(answer.send(work(machine))));
        self.jobs.send(job).expect("the service's thread runs: it panicked in an earlier message");
        answered.await.expect("the service answers: it panicked in this message")
    }
}

impl Host for InProcess {
    type Transport = InProcessTransport;

    async fn client(&self, who: Who) -> Client<InProcessTransport> {
        let transport = InProcessTransport { host: self.clone(), principal: who.principal() };
        Client::new(transport).with_retry(RetryPolicy::never())
    }

    async fn direct_http(&self, request: &HttpRequest) -> Option<HttpResponse> {
        let header = |name: &str| {
            let found = request.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.clone())
        };
        let request = AssetRequest {
            method: request.method.clone(),
            url: request.url.clone(),
            range: header("range"),
            if_none_match: header("if-none-match"),
            if_range: header("if-range"),
            destination: header("sec-fetch-dest"),
            service_worker: header("service-worker"),
        };
        Some(self.run(move |machine| machine.asset(&request)).await)
    }

    async fn put_chunk(&self, ticket: &str, session: u64, index: u32, bytes: &[u8]) -> Option<Answer<()>> {
        let (ticket, bytes) = (ticket.to_owned(), bytes.to_vec());
        Some(self.run(move |machine| machine.put(&ticket, session, index, &bytes)).await)
    }

    async fn advance_clock(&self, by: Duration) -> bool {
        let by_ns = u64::try_from(by.as_nanos()).expect("an exam ends before 2500");
        self.run(move |machine| machine.now_ns += by_ns).await;
        true
    }

    async fn restart(&self) -> bool {
        self.run(|machine| machine.service = open(&machine.records, &machine.heap)).await;
        true
    }
}

/// Calls as one principal.
#[derive(Clone, Debug)]
pub struct InProcessTransport {
    host: InProcess,
    principal: Principal,
}

impl Transport for InProcessTransport {
    fn principal(&self) -> Principal {
        self.principal
    }

    async fn update(&self, method: &'static str, arg: Vec<u8>) -> Result<Vec<u8>, TransportError> {
        let caller = self.principal;
        let work = move |machine: &mut Machine| {
            let call = machine.call(caller);
            machine.service.update(&call, method, &arg)
        };
        understand(self.host.run(work).await)
    }

    async fn query(&self, method: &'static str, arg: Vec<u8>) -> Result<Vec<u8>, TransportError> {
        let caller = self.principal;
        let work = move |machine: &mut Machine| {
            let call = machine.call(caller);
            machine.service.query(&call, method, &arg)
        };
        understand(self.host.run(work).await)
    }
}

fn understand(answer: Result<Reply, Reject>) -> Result<Vec<u8>, TransportError> {
    answer
        .map(|reply| reply.bytes)
        .map_err(|reject| TransportError::Rejected { code: reject.code, message: reject.message })
}
