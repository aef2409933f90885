//! Messages on their way through the canister: one thread that owns it, rounds of real time, and what became of each request.
//!
//! Owns the order of messages and the clock. Knows no envelope and no HTTP.
//!
//! The canister's clock follows the wall clock in rounds, as on the IC: within a round its time stands still, and between
//! two rounds the timer fires if it is due. So what a message leaves to the timer comes a round later here too.

use std::collections::HashMap;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use candid::Principal;
use keepsake_wasm_host::{Canister, Rejection};
use tokio::sync::oneshot;

use crate::node_key::NodeKey;
use crate::state_tree::{self, Shown};

/// Time between two rounds; about a second on the IC, less here, as tests wait for them.
const ROUND: Duration = Duration::from_millis(250);

/// Id of a request: the hash of its content.
pub(crate) type RequestId = [u8; 32];

/// How a request stands.
#[derive(Clone, Debug)]
pub(crate) enum Status {
    /// Taken in, not run yet.
    Processing,
    /// Run to its answer.
    Done(Result<Vec<u8>, Rejection>),
}

/// An update call of a proven sender.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) id: RequestId,
    pub(crate) sender: Principal,
    pub(crate) method: String,
    pub(crate) arg: Vec<u8>,
    pub(crate) expiry_ns: u64,
}

/// The canister with all that is remembered of its requests.
pub(crate) struct Replica {
    canister: Canister,
    node: NodeKey,
    requests: HashMap<RequestId, Request>,
    last_round: Instant,
    log: bool,
}

struct Request {
    sender: Principal,
    expiry_ns: u64,
    status: Status,
}

/// The thread is gone: something in it panicked.
#[derive(Debug, thiserror::Error)]
#[error("The canister's thread has ended: see what the server printed")]
pub(crate) struct Ended;

type Work = Box<dyn FnOnce(&mut Replica) + Send>;

/// A handle to the thread, which ends with the last of them.
#[derive(Clone)]
pub(crate) struct ReplicaThread {
    work: mpsc::Sender<Work>,
}

impl ReplicaThread {
    /// With `log`, what the canister prints is shown; that its timer failed is in any case.
    pub(crate) fn start(canister: Canister, node: NodeKey, log: bool) -> std::io::Result<Self> {
        let (work, queue) = mpsc::channel::<Work>();
        let mut replica =
            Replica { canister, node, requests: HashMap::new(), last_round: Instant::now(), log };
        let live = move || {
            loop {
                match queue.recv_timeout(ROUND.saturating_sub(replica.last_round.elapsed())) {
                    Ok(work) => {
                        replica.round_if_due();
                        work(&mut replica);
                    }
                    Err(RecvTimeoutError::Timeout) => replica.round_if_due(),
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        };
        std::thread::Builder::new().name("canister".into()).spawn(live)?;
        Ok(Self { work })
    }

    /// Has the thread do this; what it returns comes back, in its turn.
    ///
    /// # Errors
    /// [`Ended`].
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Replica) -> T + Send + 'static,
    ) -> Result<T, Ended> {
        let (done, result) = oneshot::channel();
        // Whoever asked may have left meanwhile.
        let work = Box::new(move |replica: &mut Replica| drop(done.send(work(replica))));
        self.work.send(work).map_err(|_| Ended)?;
        result.await.map_err(|_| Ended)
    }
}

impl Replica {
    fn round_if_due(&mut self) {
        if self.last_round.elapsed() < ROUND {
            return;
        }
        self.last_round = Instant::now();
        let now_ns = now_ns();
        self.canister.advance(now_ns.saturating_sub(self.canister.now_ns()));
        self.requests.retain(|_, request| request.expiry_ns >= now_ns);
        let log = self.log;
        let shown = |line: &String| log || line.starts_with("canister_global_timer");
        for line in self.canister.printed().into_iter().filter(shown) {
            eprintln!("canister: {line}");
        }
    }

    /// Takes the call in, if `canister_inspect_message` lets it, in front of everything else, as on the IC. One that was taken
    /// in before is remembered.
    ///
    /// # Errors
    /// The canister's [`Rejection`]; nothing is remembered then.
    pub(crate) fn accept(&mut self, call: &Call) -> Result<(), Rejection> {
        if self.requests.contains_key(&call.id) {
            return Ok(());
        }
        self.canister.inspect(call.sender, &call.method, &call.arg)?;
        let (sender, expiry_ns, status) = (call.sender, call.expiry_ns, Status::Processing);
        self.requests.insert(call.id, Request { sender, expiry_ns, status });
        Ok(())
    }

    /// Runs a call that was taken in; once, however often it came.
    pub(crate) fn execute(&mut self, call: &Call) -> Status {
        if let Some(Request { status: status @ Status::Done(_), .. }) = self.requests.get(&call.id) {
            return status.clone();
        }
        let answer = self.canister.call_uninspected(call.sender, &call.method, &call.arg);
        let status = Status::Done(answer);
        if let Some(request) = self.requests.get_mut(&call.id) {
            request.status = status.clone();
        }
        status
    }

    pub(crate) fn query(
        &mut self,
        sender: Principal,
        method: &str,
        arg: &[u8],
    ) -> Result<Vec<u8>, Rejection> {
        self.canister.query(sender, method, arg)
    }

    /// Who sent this request and how it stands.
    pub(crate) fn status(&self, id: &RequestId) -> Option<(Principal, Status)> {
        self.requests.get(id).map(|request| (request.sender, request.status.clone()))
    }

    pub(crate) fn certify(&self, shown: &Shown) -> Vec<u8> {
        state_tree::certify(&self.canister, &self.node, now_ns(), shown)
    }
}

/// The wall clock, ns since 1970.
pub(crate) fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
