//! What a host holds: the service over its two memories. Owns opening, dispatch and the tick.

use crate::endpoints;
use crate::http::preview::{self, Preview};
use crate::http::{AssetRequest, AssetResponse, BlobPlace, BlobRange, certify, plan, site, token};
use ic_stable_structures::Memory;
pub use keepsake_core::OpenError;
pub use keepsake_core::certified::Certification;
use keepsake_core::door::Standing;
pub use keepsake_core::housekeeping::Tick;
use keepsake_core::objects::ObjectRange;
pub use keepsake_core::ticket::{Ticket, TicketError, TicketKey};
pub use keepsake_core::{Admission, Gate, Quotas, RecordLimits, Upkeep};
use keepsake_core::{Call, Config, Principal, Store};
use std::borrow::Cow;

/// To a key that was removed from its account, before its message is taken in.
const REMOVED: &str = "device_removed: this key was removed from its account; it comes back by a new code from there, with devices_join";
/// To a stranger whose message brings no code.
const BY_INVITATION: &str =
    "this service is by invitation: redeem a code with invitations_redeem or devices_join";

/// What a host decides when it makes or opens a store.
#[derive(Clone, Debug)]
pub struct Install {
    /// This service's canister id, bound into HTTP tokens.
    pub canister_id: Principal,
    /// Principals that may see every session.
    pub controllers: Vec<Principal>,
    /// Secret of the HTTP tokens, from the host's secure randomness; used only when the store is new. A host that
    /// has no randomness yet gives zeros and calls [`Service::set_token_secret`] later; until then no token is made
    /// and none opens anything.
    pub token_secret: [u8; 32],
    /// Upper bound of the blob heap, bytes.
    pub heap_bytes_max: u64,
    /// What one capsule and one caller may take.
    pub quotas: Quotas,
    /// What records may take, all together and in one capsule.
    pub records: RecordLimits,
    /// What memory costs, where the host pays for it by time.
    pub upkeep: Upkeep,
    /// Who may come in, where the operator said so.
    pub admission: Option<Admission>,
    /// Where the operator did not: only who was invited.
    pub invited_by_default: bool,
    /// Principals that may say what is in the bucket, beside the host itself.
    pub attestors: Vec<Principal>,
    /// The program that keeps the keys of a bucket, where the host cannot.
    pub gate: Option<Gate>,
    /// The host has certificates to prove answers over HTTP by, and calls [`Service::certify`] for it.
    pub certifies: bool,
}

impl Install {
    fn config(&self) -> Config {
        Config {
            controllers: self.controllers.clone(),
            canister_id: self.canister_id,
            heap_bytes_max: self.heap_bytes_max,
            quotas: self.quotas,
            records: self.records,
            upkeep: self.upkeep,
            admission: self.admission,
            invited_by_default: self.invited_by_default,
            uncertified: !self.certifies,
            attestors: self.attestors.clone(),
            gate: self.gate.clone(),
        }
    }
}

/// Kind of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Changes state; ordered and durable.
    Update,
    /// Reads a snapshot.
    Query,
}

/// Something worth a log line, by a host that logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A session began.
    SessionBegun(u64),
    /// A chunk arrived.
    ChunkPut(u64),
    /// A session was finished.
    SessionFinished(u64),
}

/// The Candid reply of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Candid-encoded results.
    pub bytes: Vec<u8>,
    /// What happened, for the host's log.
    pub events: Vec<Event>,
}

impl Reply {
    /// `variant { Ok : blob }`.
    pub fn bytes(bytes: Vec<u8>) -> Vec<u8> {
        let answer: keepsake_api::Answer<serde_bytes::ByteBuf> = Ok(serde_bytes::ByteBuf::from(bytes));
        candid::encode_one(answer).expect("bytes encode")
    }

    /// `variant { Err = variant { NotImplemented : text } }`, of a query for bytes.
    pub fn no_bytes(why: &str) -> Vec<u8> {
        let error =
            keepsake_api::Error::NotImplemented(format!("bytes_elsewhere: {why}; read them at /asset/"));
        let answer: keepsake_api::Answer<serde_bytes::ByteBuf> = Err(error);
        candid::encode_one(answer).expect("an error encodes")
    }

    /// `variant { Err = variant { ResourceExhausted } }`, which every update method of the interface may answer: for
    /// a host that has no room to run it.
    pub fn resource_exhausted() -> Self {
        #[derive(candid::CandidType)]
        enum Error {
            ResourceExhausted,
        }
        #[derive(candid::CandidType)]
        enum Answer {
            Err(Error),
        }
        let bytes = candid::encode_one(Answer::Err(Error::ResourceExhausted)).expect("a constant encodes");
        Self { bytes, events: Vec::new() }
    }
}

/// A message that never reached a rule: unknown method, wrong kind, too long, not Candid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// IC reject code: 5, canister error, as the IC's replicas answer both, and a canister that traps.
    pub code: u8,
    /// IC error code such as `IC0536`.
    pub error_code: &'static str,
    /// What to do about it.
    pub message: String,
}

impl Reject {
    pub(crate) fn no_method(kind: Kind, method: &str) -> Self {
        let kind = match kind {
            Kind::Update => "update",
            Kind::Query => "query",
        };
        let hint = if endpoints::kind(method).is_some() {
            "it is an update method: call it as one"
        } else {
            "see keepsake.did for the methods that there are"
        };
        let method: String = method.chars().take(64).collect();
        Self {
            code: 5,
            error_code: "IC0536",
            message: format!("there is no {kind} method '{method}'; {hint}"),
        }
    }

    /// The argument of an update is longer than [`endpoints::argument_bytes_max`]: for a host that sees that before it takes
    /// the message in, too.
    pub fn argument_too_long(method: &str, len: usize) -> Self {
        let most = endpoints::argument_bytes_max(method);
        let method: String = method.chars().take(64).collect();
        let message = format!(
            "the argument of '{method}' has {len} bytes, and it never needs more than {most}; see upload_config for the \
             limits, keepsake.did for its types"
        );
        Self { code: 5, error_code: "IC0503", message }
    }

    pub(crate) fn arguments(method: &str, why: &candid::Error) -> Self {
        let why: String = why.to_string().chars().take(400).collect();
        let message =
            format!("the arguments of '{method}' do not decode: {why}; see keepsake.did for their types");
        Self { code: 5, error_code: "IC0503", message }
    }
}

/// Who sends into which session, by the text of a ticket.
///
/// # Errors
/// [`TicketError`].
pub fn open_ticket(key: &TicketKey, now_ns: u64, text: &str) -> Result<Ticket, TicketError> {
    key.open(now_ns, &token::bytes(text).ok_or(TicketError::Wrong)?)
}

/// Where addresses of a bucket are signed, and the session's number follows.
pub const S3_PATH: &str = "/s3/";

/// A query of this method may ask for bytes that lie in the host's bucket.
pub fn reads_bytes(method: &str) -> bool {
    matches!(method, "blob_read" | "blob_read_chunk" | "blob_read_range")
}

/// Paths of addresses that not every host answers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Paths {
    /// Chunks by PUT.
    pub(crate) put_road: Option<&'static str>,
    /// Previews of links.
    pub(crate) previews: Option<&'static str>,
    /// There is a bucket, and originals from this length on should go there, bytes.
    pub(crate) s3_from_len: Option<u64>,
}

/// The service over its two memories.
pub struct Service<R: Memory, H: Memory> {
    pub(crate) store: Store<R, H>,
    certification_waits: bool,
    paths: Paths,
}

impl<R: Memory, H: Memory> Service<R, H> {
    /// Opens the store in `records`, making it when the memory is empty. May write.
    ///
    /// # Errors
    /// [`OpenError`] when the memory holds something else or a newer layout.
    pub fn open(records: R, heap: H, install: &Install) -> Result<Self, OpenError> {
        let store = Store::open(records, heap, &install.config(), &install.token_secret)?;
        let mut service = Self { store, certification_waits: false, paths: Paths::default() };
        if install.certifies {
            certify::renew_form(&mut service.store);
        }
        Ok(service)
    }

    /// Opens an existing store to read; never writes to either memory. Cheap: O(1).
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_snapshot(records: R, heap: H) -> Result<Self, OpenError> {
        let store = Store::open_snapshot(records, heap)?;
        Ok(Self { store, certification_waits: false, paths: Paths::default() })
    }

    /// The same service on a host that takes chunks by `PUT {path}{session}` too, see [`Self::put`].
    #[must_use]
    pub fn with_put_road(self, path: &'static str) -> Self {
        Self { paths: Paths { put_road: Some(path), ..self.paths }, ..self }
    }

    /// The same service on a host that tells what a link shows at [`preview::PATH`] and its public name, see [`Self::preview`].
    #[must_use]
    pub fn with_previews(self) -> Self {
        Self { paths: Paths { previews: Some(preview::PATH), ..self.paths }, ..self }
    }

    /// The same service on a host that has a bucket: clients should send originals of `from_len` bytes and more there.
    #[must_use]
    pub fn with_bucket(self, from_len: u64) -> Self {
        Self { paths: Paths { s3_from_len: Some(from_len), ..self.paths }, ..self }
    }

    /// Runs an update message. A query method may be called so too.
    ///
    /// # Errors
    /// [`Reject`] when there is no such method or the arguments do not decode.
    pub fn update(&mut self, call: &Call, method: &str, arg: &[u8]) -> Result<Reply, Reject> {
        let reply = endpoints::update(&mut self.store, call, self.paths, method, arg)?;
        self.certification_waits |= self.store.take_queued();
        Ok(reply)
    }

    /// Runs a query message.
    ///
    /// # Errors
    /// [`Reject`] when there is no such query method or the arguments do not decode.
    pub fn query(&self, call: &Call, method: &str, arg: &[u8]) -> Result<Reply, Reject> {
        endpoints::query(&self.store, call, self.paths, method, arg)
    }

    /// Where the bytes that a query asks for lie in the host's bucket, for one that fetches them and answers with
    /// [`Reply::bytes`]. None where [`Self::query`] is to answer.
    pub fn elsewhere(&self, call: &Call, method: &str, arg: &[u8]) -> Option<ObjectRange> {
        endpoints::elsewhere(&self.store, call, method, arg)
    }

    /// Takes a chunk that came without an envelope, from the caller whom its ticket names. As an update of
    /// `uploads_put_chunk`, and with the same answer.
    pub fn put(&mut self, call: &Call, session: u64, index: u32, bytes: &[u8]) -> Reply {
        endpoints::put(&mut self.store, call, session, index, bytes)
    }

    /// Opens the tickets that [`Self::query`] mints; none while the store has no secret.
    pub fn ticket_key(&self) -> Option<TicketKey> {
        self.store.ticket_key()
    }

    /// Whether an update may be of any use, for a host that turns others away before it pays for them: whoever is shut out, or
    /// has a link, changes nothing; where the host is by invitation, a stranger may redeem a code that opens something. `argument`
    /// is read only where that counts, and `len` is its length. O(log capsules).
    ///
    /// # Errors
    /// Why it is of none.
    pub fn lets_in(
        &self,
        call: &Call,
        method: &str,
        len: usize,
        argument: impl FnOnce() -> Vec<u8>,
    ) -> Result<(), Cow<'static, str>> {
        if self.store.is_attestor(&call.caller) {
            return Ok(());
        }
        let is_by_invitation = self.store.admission() == Admission::Invited;
        let opens = |argument| endpoints::opens_door(&self.store, call, method, argument);
        match self.store.standing(&call.caller, call.now_ns) {
            Standing::Blocked => return Err("whoever runs this service shut the caller out".into()),
            Standing::Link | Standing::LinkEnded => {
                return Err("a link only looks: call this method as a query".into());
            }
            // A code for devices lets it in again.
            Standing::Removed if len > endpoints::STRANGER_ARGUMENT_BYTES_MAX => return Err(REMOVED.into()),
            Standing::Removed => {
                return match opens(argument) {
                    Some(Err(why)) if is_by_invitation => Err(why.to_string().into()),
                    Some(_) => Ok(()),
                    None => Err(REMOVED.into()),
                };
            }
            Standing::Admitted if is_by_invitation => return Ok(()),
            Standing::Known => return Ok(()),
            _ => {}
        }
        let account = self.store.enter(call).caller;
        if self.store.knows(&account) {
            return Ok(());
        }
        // Short enough to be told by the rules what is missing.
        if len > endpoints::STRANGER_ARGUMENT_BYTES_MAX {
            return Err("this service does not know the caller: call capsules_create first".into());
        }
        if !is_by_invitation {
            return Ok(());
        }
        match opens(argument) {
            Some(opens) => opens.map_err(|why| why.to_string().into()),
            None => Err(BY_INVITATION.into()),
        }
    }

    /// One bounded slice of housekeeping: expired sessions, unreferenced blobs, deleted capsules. Gives room back.
    pub fn tick(&mut self, call: &Call) -> Tick {
        self.store.tick(call)
    }

    /// Memories wait to be certified anew that did not change themselves.
    pub fn walk_waits(&self) -> bool {
        self.store.walk_waits()
    }

    /// One bounded slice of certification, on a host that [`Install::certifies`]: memories that changed, and with `walks`
    /// also those that did not change themselves. Adds to the records.
    pub fn certify(&mut self, walks: bool) -> Certification {
        let left = certify::slice(&mut self.store, walks);
        self.certification_waits = left == Certification::Changed;
        left
    }

    /// Answers `http_request`, encoded as for [`Self::query`], with the headers that prove it by the host's certificate of
    /// [`Self::certified_data`]; or with `upgrade`, where it is not certified.
    ///
    /// # Errors
    /// As [`Self::query`].
    pub fn http_request(&self, call: &Call, arg: &[u8], certificate: &[u8]) -> Result<Reply, Reject> {
        endpoints::certified_http(&self.store, call, arg, certificate)
    }

    /// Certifies what the last [`Self::update`] of `http_request_update` waits for, as much as one message may on the
    /// Internet Computer: up to 128 pieces of 2,000,000 bytes. What is left, ticks do.
    pub fn certify_wanted(&mut self) {
        certify::wanted(&mut self.store);
    }

    /// What a host certifies, so that gateways can check answers. O(1).
    pub fn certified_data(&self) -> [u8; 32] {
        certify::root(&self.store)
    }

    /// [`Self::certified_data`], where it changed since the last call of this.
    pub fn changed_certified_data(&mut self) -> Option<[u8; 32]> {
        self.store.take_root_changed().then(|| self.certified_data())
    }

    /// There is something to certify: a tick is due.
    pub fn certification_waits(&self) -> bool {
        self.certification_waits
    }

    /// Plans the answer to `GET|HEAD /asset/…`, and of the picture of a preview, where this host has them. The caller of `call`
    /// is not used: tokens decide, and of a picture whether the link is alive.
    pub fn asset(&self, call: &Call, request: &AssetRequest) -> AssetResponse {
        let picture = self.paths.previews.and_then(|_| preview::picture(&self.store, call, request));
        picture.unwrap_or_else(|| plan::answer(&self.store, call, request, None))
    }

    /// What the link at this path of an address tells those who have not opened it; none where there is no such link, and where
    /// it tells nothing.
    pub fn preview(&self, call: &Call, path: &str) -> Option<Preview> {
        self.paths.previews.and_then(|_| preview::of_link(&self.store, call, path))
    }

    /// The paths of all addresses that show a file of the site, such as `/` and `/index.html`. O(files).
    pub fn site_paths(&self) -> Vec<String> {
        site::paths(&self.store)
    }

    /// Where a stretch of a blob lies now, or its first 8 MiB; none when the blob is gone. For a host that streams a planned body in pieces.
    pub fn blob_place(&self, range: &BlobRange) -> Option<BlobPlace> {
        plan::place(&self.store, range)
    }

    /// Whether the HTTP tokens have their secret.
    pub fn has_token_secret(&self) -> bool {
        self.store.has_token_secret()
    }

    /// Brings the secret of the HTTP tokens, from the host's secure randomness. A store that has one keeps it.
    pub fn set_token_secret(&mut self, token_secret: &[u8; 32]) {
        self.store.set_token_secret(token_secret);
    }

    /// The kind of `method`, if there is such a method.
    pub fn kind(method: &str) -> Option<Kind> {
        endpoints::kind(method)
    }

    /// The store itself, for checks and for operators' figures.
    pub fn store(&self) -> &Store<R, H> {
        &self.store
    }
}
