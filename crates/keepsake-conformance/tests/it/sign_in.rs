//! Who signed in acts by a delegation, and that may be over, for others, or for less: each is told as what it is, by a real node.

use crate::node::{self, Node};
use candid::Principal;
use ic_agent::identity::DelegationPermissions;
use keepsake_client::agent::{BasicIdentity, DelegatedIdentity, Delegation, Identity, SignedDelegation};
use keepsake_client::{
    AgentTransport, CallError, ChunkCounts, Client, PutChunk, PutError, RetryPolicy, Road, Source, Transport,
    TransportError, UploadError, UploadOptions,
};
use keepsake_conformance::Who;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Of the file that is sent.
const CHUNKS: u32 = 5;

fn at(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap().as_nanos().try_into().unwrap()
}

/// The owner's key signed a session's until `until`.
fn signed_in(until: SystemTime, change: impl FnOnce(&mut Delegation)) -> Arc<DelegatedIdentity> {
    let person = BasicIdentity::from_raw_key(&Who::Owner.seed().unwrap());
    let session = BasicIdentity::from_raw_key(&[77; 32]);
    let pubkey = session.public_key().unwrap();
    let mut delegation = Delegation { pubkey, expiration: at(until), targets: None, permissions: None };
    change(&mut delegation);
    let signature = person.sign_delegation(&delegation).unwrap().signature.unwrap();
    let chain = vec![SignedDelegation { delegation, signature }];
    Arc::new(DelegatedIdentity::new_unchecked(person.public_key().unwrap(), Box::new(session), chain))
}

fn client(node: &Node, identity: Arc<DelegatedIdentity>) -> Client<AgentTransport> {
    Client::new(node.transport_of(identity)).with_retry(RetryPolicy::never())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_does_not_hold_is_told_as_what_it_is() {
    let node = node::start().await;
    let (soon, past) =
        (SystemTime::now() + Duration::from_secs(600), SystemTime::now() - Duration::from_secs(1));
    let targets = |targets| move |delegation: &mut Delegation| delegation.targets = Some(targets);
    let queries = |delegation: &mut Delegation| delegation.permissions = Some(DelegationPermissions::Queries);
    for (identity, code) in [
        (signed_in(past, |_| ()), "delegation_expired"),
        (signed_in(soon, targets(vec![Principal::management_canister()])), "delegation_targets"),
        (signed_in(soon, queries), "delegation_invalid"),
    ] {
        let created = client(&node, identity).capsules_create(None).await;
        let Err(CallError::Transport { error, .. }) = created else { panic!("{code}: {created:?}") };
        assert_eq!(error.code(), code, "{error}");
    }
    let asked = client(&node, signed_in(soon, queries)).capsules_list().await;
    assert_eq!(asked.unwrap(), [], "queries are permitted");
}

/// Holds the third chunk until the sign-in has ended.
struct Held {
    inner: AgentTransport,
    until: SystemTime,
    chunks: AtomicU32,
}

impl Held {
    async fn hold(&self) {
        if self.chunks.fetch_add(1, Ordering::Relaxed) == 2 {
            let left = self.until.duration_since(SystemTime::now()).unwrap_or_default();
            tokio::time::sleep(left + Duration::from_millis(50)).await;
        }
    }
}

impl Transport for Held {
    fn principal(&self) -> Principal {
        self.inner.principal()
    }

    async fn update(&self, method: &'static str, arg: Vec<u8>) -> Result<Vec<u8>, TransportError> {
        if method == "uploads_put_chunk" {
            self.hold().await;
        }
        self.inner.update(method, arg).await
    }

    async fn query(&self, method: &'static str, arg: Vec<u8>) -> Result<Vec<u8>, TransportError> {
        self.inner.query(method, arg).await
    }

    async fn put_chunk(&self, chunk: PutChunk<'_>) -> Result<(), PutError> {
        self.hold().await;
        self.inner.put_chunk(chunk).await
    }
}

/// `there`: the chunks that the first sign-in brought.
async fn ends_in_the_middle(road: Road, there: u32) {
    let node = node::start().await;
    let until = SystemTime::now() + Duration::from_secs(4);
    let held = Held { inner: node.transport_of(signed_in(until, |_| ())), until, chunks: AtomicU32::new(0) };
    let options = || UploadOptions { road, chunks_in_flight_max: 1, ..UploadOptions::default() };
    let file = || Source::bytes("a.bin", vec![7; 1_800_000 * CHUNKS as usize]);
    let ended = Client::new(held).upload(file(), options()).await;
    let Err(UploadError::Call(CallError::Transport { error, .. })) = ended else { panic!("{ended:?}") };
    assert_eq!(error.code(), "delegation_expired", "{error}");

    let again = client(&node, signed_in(SystemTime::now() + Duration::from_secs(600), |_| ()));
    let uploaded = again.upload(file(), options()).await.unwrap();
    let ChunkCounts { sent, skipped, .. } = uploaded.original_chunks;
    assert_eq!((skipped, sent), (there, CHUNKS - there), "{road:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_whose_sign_in_ends_in_its_middle_goes_on_after_the_next() {
    // A ticket opens on: what is refused then is the publish.
    tokio::join!(ends_in_the_middle(Road::Envelopes, 2), ends_in_the_middle(Road::Put, CHUNKS));
}
