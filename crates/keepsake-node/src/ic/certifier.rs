//! Certificates: one thread that signs state roots, and one signature for all requests that wait meanwhile.
//!
//! Owns the layout of the certified state tree and its clock. Decides nothing about who may read what.
//!
//! ```text
//! /canister/<id>/controllers, /canister/<id>/metadata/<name>
//! /canister_ranges/<subnet>/<id>                             (form of /api/v3 read_state and /api/v4 call)
//! /request_status/<request>/…                                (requests of this batch only, fenced)
//! /subnet/<subnet>/{canister_ranges, node/<node>/public_key, public_key}
//! /time
//! ```
//! Source: [state tree](https://internetcomputer.org/docs/references/ic-interface-spec#state-tree).
//!
//! A signature takes about a millisecond, so a busy node signs once for every batch and each client gets a
//! witness that shows its own request and prunes the others. The subtree `/request_status` is fenced
//! ([`Tree::fenced`]): a certificate about one request says nothing about any other.

use std::collections::BTreeMap;
use std::sync::Arc;

use candid::Principal;
use ic_certification::certificate::Certificate;
use ic_certification::hash_tree::Hash;
use tokio::sync::{mpsc, oneshot};

use super::cbor;
use super::keys::{NodeKey, RootKey};
use super::state_tree::{Child, Selection, Tree};
use crate::engine::{Clock, RequestStatus};

/// Most requests under one signature; bounds how long the first of them waits.
const BATCH_MAX: usize = 256;
/// A clock that went back by less stands still until it is there again.
const BACK_NS: u64 = 1_000_000_000;

/// Most requests waiting for a signature; more wait in their handlers.
const QUEUE_MAX: usize = 1024;

/// Id of a request: the hash of its content.
pub(crate) type RequestId = [u8; 32];

/// What the certified state says about this host, fixed while it runs.
#[derive(Clone, Debug)]
pub struct CertifiedFacts {
    /// The one canister.
    pub canister_id: Principal,
    /// Its controllers.
    pub controllers: Vec<Principal>,
    /// Public metadata sections by name, such as `candid:service`.
    pub metadata: Vec<(String, Vec<u8>)>,
}

/// Certifying failed.
#[derive(Debug, thiserror::Error)]
pub enum CertifyError {
    /// The signing thread does not run.
    #[error("The node is stopping and certifies no more: try again later")]
    Stopped,
    /// No thread could be started.
    #[error("cannot start the signing thread: {0}")]
    Thread(std::io::Error),
}

/// A handle to the signing thread; it ends when the last handle is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Certifier {
    jobs: mpsc::Sender<Job>,
}

#[derive(Debug)]
struct Job {
    request: Option<(RequestId, Option<RequestStatus>)>,
    done: oneshot::Sender<Arc<CertifiedState>>,
}

/// A signed state, of which any number of certificates can be cut.
#[derive(Debug)]
pub(crate) struct CertifiedState {
    tree: Tree,
    signature: Vec<u8>,
}

impl Certifier {
    /// Starts the signing thread.
    ///
    /// # Errors
    /// [`CertifyError::Thread`] when the operating system gives none.
    pub(crate) fn start(
        root: RootKey,
        node: &NodeKey,
        facts: &CertifiedFacts,
        clock: Clock,
    ) -> Result<Self, CertifyError> {
        let (jobs, queue) = mpsc::channel(QUEUE_MAX);
        let fixed = fixed_children(&root, node, facts);
        std::thread::Builder::new()
            .name("certifier".into())
            .spawn(move || sign_batches(&root, &fixed, &clock, queue))
            .map_err(CertifyError::Thread)?;
        Ok(Self { jobs })
    }

    /// A signed state that holds the status of `request`: `None` as status proves that there is none.
    ///
    /// # Errors
    /// [`CertifyError::Stopped`] when the thread is gone.
    pub(crate) async fn certify(
        &self,
        request: Option<(RequestId, Option<RequestStatus>)>,
    ) -> Result<Arc<CertifiedState>, CertifyError> {
        let (done, signed) = oneshot::channel();
        self.jobs.send(Job { request, done }).await.map_err(|_| CertifyError::Stopped)?;
        signed.await.map_err(|_| CertifyError::Stopped)
    }
}

impl CertifiedState {
    /// The certificate that reveals `/time` and what `selection` names, in CBOR with the self-describing tag.
    pub(crate) fn certificate(&self, mut selection: Selection) -> Vec<u8> {
        selection.add(&["time"]);
        let tree = self.tree.witness(&selection);
        cbor::encode(&Certificate { tree, signature: self.signature.as_slice(), delegation: None })
    }
}

fn sign_batches(root: &RootKey, fixed: &[Child], clock: &Clock, mut queue: mpsc::Receiver<Job>) {
    let mut jobs = Vec::with_capacity(BATCH_MAX);
    let mut time_ns = 0;
    let fence = random_fence();
    while queue.blocking_recv_many(&mut jobs, BATCH_MAX) > 0 {
        time_ns = next_time(clock.now_ns(), time_ns);
        let mut requests = BTreeMap::new();
        for job in &mut jobs {
            if let Some((id, status)) = job.request.take() {
                merge(&mut requests, id, status);
            }
        }
        let state = Arc::new(sign(root, fixed, requests, fence, time_ns));
        for job in jobs.drain(..) {
            // A client that left needs no certificate.
            let _ = job.done.send(Arc::clone(&state));
        }
    }
}

/// Two states never have the same time, even when the clock stands still. Where the clock was put back, they follow.
fn next_time(now_ns: u64, last_ns: u64) -> u64 {
    if last_ns.saturating_sub(now_ns) > BACK_NS { now_ns } else { now_ns.max(last_ns + 1) }
}

/// Two jobs may ask for one request at different moments: the later state of it wins.
fn merge(
    requests: &mut BTreeMap<RequestId, Option<RequestStatus>>,
    id: RequestId,
    status: Option<RequestStatus>,
) {
    let rank = |status: &Option<RequestStatus>| match status {
        None => 0,
        Some(RequestStatus::Processing) => 1,
        Some(_) => 2,
    };
    let known = requests.entry(id).or_default();
    if rank(&status) > rank(known) {
        *known = status;
    }
}

fn sign(
    root: &RootKey,
    fixed: &[Child],
    requests: BTreeMap<RequestId, Option<RequestStatus>>,
    fence: Hash,
    time_ns: u64,
) -> CertifiedState {
    let statuses = requests.into_iter().flat_map(|(id, status)| request_children(&id, status)).collect();
    let mut children = fixed.to_vec();
    children.push(Child::new("request_status", Tree::fenced(statuses, fence)));
    children.push(Child::leaf("time", leb128(time_ns)));
    let tree = Tree::branch(children);
    let signature = root.sign_state_root(&tree.digest());
    CertifiedState { tree, signature }
}

/// The children of `/request_status` for one request. An unknown one is shut in between two labels that are no
/// request ids (31 and 33 bytes), so that its absence can be shown although its neighbours are not known.
fn request_children(id: &RequestId, status: Option<RequestStatus>) -> Vec<Child> {
    let Some(status) = status else {
        let above = [id.as_slice(), &[0]].concat();
        return vec![Child::leaf(&id[..31], []), Child::leaf(above, [])];
    };
    let children = match status {
        RequestStatus::Processing => vec![Child::leaf("status", "processing")],
        RequestStatus::Done => vec![Child::leaf("status", "done")],
        RequestStatus::Replied(reply) => vec![Child::leaf("status", "replied"), Child::leaf("reply", reply)],
        RequestStatus::Rejected(rejection) => vec![
            Child::leaf("status", "rejected"),
            Child::leaf("reject_code", leb128(rejection.code.into())),
            Child::leaf("reject_message", rejection.message),
            Child::leaf("error_code", rejection.error_code),
        ],
    };
    vec![Child::new(id.as_slice(), Tree::branch(children))]
}

fn fixed_children(root: &RootKey, node: &NodeKey, facts: &CertifiedFacts) -> Vec<Child> {
    let (subnet, canister) = (root.subnet_id(), facts.canister_id);
    let ranges = cbor::encode(&[(canister, canister)]);
    let metadata = facts.metadata.iter().map(|(name, bytes)| Child::leaf(name.as_str(), bytes.as_slice()));
    let canister_info = Tree::branch(vec![
        Child::leaf("controllers", cbor::encode(&facts.controllers)),
        Child::new("metadata", Tree::branch(metadata.collect())),
    ]);
    let node_info = Tree::branch(vec![Child::leaf("public_key", node.public_der())]);
    let subnet_info = Tree::branch(vec![
        Child::leaf("canister_ranges", ranges.as_slice()),
        Child::new("node", Tree::branch(vec![Child::new(node.id().as_slice(), node_info)])),
        Child::leaf("public_key", root.public_der()),
    ]);
    let shards = Tree::branch(vec![Child::leaf(canister.as_slice(), ranges)]);
    vec![
        Child::new("canister", Tree::branch(vec![Child::new(canister.as_slice(), canister_info)])),
        Child::new("canister_ranges", Tree::branch(vec![Child::new(subnet.as_slice(), shards)])),
        Child::new("subnet", Tree::branch(vec![Child::new(subnet.as_slice(), subnet_info)])),
    ]
}

fn random_fence() -> Hash {
    let mut fence = [0; 32];
    getrandom::fill(&mut fence).expect("randomness was there when the keys were loaded");
    fence
}

fn leb128(value: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(10);
    leb128::write::unsigned(&mut bytes, value).expect("writing to memory does not fail");
    bytes
}

#[cfg(test)]
#[path = "certifier_tests.rs"]
mod tests;
