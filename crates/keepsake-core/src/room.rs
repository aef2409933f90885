//! What there is room for: the limits on what people and the host can hold, and how much of each is used. Owns their names,
//! how each is reckoned, and the refusal that says which one is full; each rule asks where it adds something.

use crate::access::{Denied, Role, require_somebody};
use crate::call::Call;
use crate::ids::CapsuleId;
use crate::limits::{
    CAPSULES_PER_CALLER_MAX, INLINE_BUDGET_PER_CAPSULE_BYTES, MEMBERS_PER_CAPSULE_MAX, RECORDS_RESERVE_BYTES,
    RECORDS_RESERVE_PART,
};
use crate::refusal::{Refusal, RefusalKind};
use crate::store::{Quotas, Store};
use crate::tables::callers::CallerRecord;
use crate::tables::capsules::CapsuleRecord;
use ic_principal::Principal;
use ic_stable_structures::Memory;
use std::collections::BTreeSet;

/// A limit of room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Pending sessions of one caller.
    SessionsPerCaller,
    /// Bytes of one caller's pending sessions, and of what leaves the bucket of its deleted capsules.
    BytesInFlightPerCaller,
    /// Capsules that one caller made.
    CapsulesPerCaller,
    /// Bytes of one capsule, those in flight and those that leave the bucket included.
    CapsuleBytes,
    /// Bytes of all capsules that one account made, where the operator set it a limit.
    AccountBytes,
    /// Bytes of one capsule's inline assets.
    InlineBytesPerCapsule,
    /// Bytes of the records of one capsule's memories and blobs.
    CapsuleRecordBytes,
    /// Members of one capsule.
    MembersPerCapsule,
    /// Bytes of the blob heap, as the operator set it.
    HeapBytes,
    /// What the host can still grow by: its disk, its memory, or what it can pay for.
    HostBytes,
    /// Bytes of all records, as the operator set it.
    RecordBytes,
}

impl Limit {
    /// Its stable name.
    pub fn code(self) -> &'static str {
        match self {
            Self::SessionsPerCaller => "sessions_per_caller",
            Self::BytesInFlightPerCaller => "bytes_in_flight_per_caller",
            Self::CapsulesPerCaller => "capsules_per_caller",
            Self::CapsuleBytes => "capsule_bytes",
            Self::AccountBytes => "account_bytes",
            Self::InlineBytesPerCapsule => "inline_bytes_per_capsule",
            Self::CapsuleRecordBytes => "capsule_record_bytes",
            Self::MembersPerCapsule => "members_per_capsule",
            Self::HeapBytes => "heap_bytes",
            Self::HostBytes => "host_bytes",
            Self::RecordBytes => "record_bytes",
        }
    }
}

/// A limit and what is used of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The limit.
    pub limit: Limit,
    /// What is used; of the heap, its length with free parts.
    pub used: u64,
    /// What can be used.
    pub max: u64,
}

/// A limit is full: which one, what is used of it and what is left. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {} of {} used, {} left", .0.limit.code(), .0.used, .0.max, .0.left())]
pub struct Exhausted(pub Usage);

impl Refusal for Exhausted {
    fn kind(&self) -> RefusalKind {
        RefusalKind::ResourceExhausted
    }
}

impl Usage {
    /// What is left of it.
    pub fn left(&self) -> u64 {
        self.max.saturating_sub(self.used)
    }

    /// Refuses where there is no room for `more`.
    pub(crate) fn take(self, more: u64) -> Result<(), Exhausted> {
        if self.used.saturating_add(more) <= self.max { Ok(()) } else { Err(Exhausted(self)) }
    }

    pub(crate) fn sessions(caller: &CallerRecord, quotas: &Quotas) -> Self {
        let (used, max) = (caller.pending_sessions.into(), quotas.sessions_per_caller_max.into());
        Self { limit: Limit::SessionsPerCaller, used, max }
    }

    pub(crate) fn in_flight(caller: &CallerRecord, quotas: &Quotas) -> Self {
        let used = caller.bytes_in_flight.saturating_add(caller.leaving_bytes);
        let max = quotas.bytes_in_flight_per_caller_max;
        Self { limit: Limit::BytesInFlightPerCaller, used, max }
    }

    pub(crate) fn capsules(caller: &CallerRecord) -> Self {
        let (used, max) = (caller.capsules_created.into(), CAPSULES_PER_CALLER_MAX.into());
        Self { limit: Limit::CapsulesPerCaller, used, max }
    }

    pub(crate) fn capsule_bytes(capsule: &CapsuleRecord, quotas: &Quotas) -> Self {
        Self { limit: Limit::CapsuleBytes, used: bytes_of(capsule), max: quotas.capsule_bytes_max }
    }

    pub(crate) fn inline_bytes(capsule: &CapsuleRecord) -> Self {
        let (used, max) = (capsule.inline_bytes, INLINE_BUDGET_PER_CAPSULE_BYTES.into());
        Self { limit: Limit::InlineBytesPerCapsule, used, max }
    }

    pub(crate) fn members(capsule: &CapsuleRecord) -> Self {
        let (used, max) = (capsule.member_count.into(), MEMBERS_PER_CAPSULE_MAX.into());
        Self { limit: Limit::MembersPerCapsule, used, max }
    }

    /// What somebody sees of it who may not see what others use: what is left, at most `most`.
    fn seen_from_outside(self, most: u64) -> Self {
        Self { used: 0, max: self.left().min(most), ..self }
    }
}

/// What a capsule has, what is on its way, and what is not gone from the bucket yet.
fn bytes_of(capsule: &CapsuleRecord) -> u64 {
    let CapsuleRecord { bytes_used, bytes_in_flight, leaving_bytes, .. } = capsule;
    bytes_used.saturating_add(*bytes_in_flight).saturating_add(*leaving_bytes)
}

impl<R: Memory, H: Memory> Store<R, H> {
    /// The limits of a caller, of a capsule where one is named, and of the host. A capsule's are for those who may add to
    /// it. Of the host, controllers see all, and whom it does not let in nothing; others see what is left to them, no more of it than their own quotas allow
    /// and than `upload_begin` would tell them too.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn usage(&self, call: &Call, capsule: Option<CapsuleId>) -> Result<Vec<Usage>, Denied> {
        require_somebody(&call.caller)?;
        let quotas = &self.config().quotas;
        let caller = self.callers.get(&call.caller);
        let mut limits = vec![
            Usage::sessions(&caller, quotas),
            Usage::in_flight(&caller, quotas),
            Usage::capsules(&caller),
        ];
        if capsule.is_none() {
            limits.extend(self.account_bytes(&call.caller, None));
        }
        if let Some(id) = capsule {
            self.require(id, &call.caller, Role::Member)?;
            let capsule = self.capsules.get(id);
            limits.extend(self.account_bytes(&capsule.creator, Some(id)));
            limits.extend([
                Usage::capsule_bytes(&capsule, quotas),
                Usage::inline_bytes(&capsule),
                self.capsule_records(&capsule),
                Usage::members(&capsule),
            ]);
        }
        // Whom the host does not let in puts nothing here: how full it is, is not their business.
        if self.require_let_in(&call.caller).is_err() {
            return Ok(limits);
        }
        let host = call.room_bytes < u64::MAX;
        let host = host.then(|| (self.host_room(call), quotas.bytes_in_flight_per_caller_max));
        let of_host = [
            Some((self.heap_room(), quotas.bytes_in_flight_per_caller_max)),
            host,
            Some((self.records_room(), self.config().records.capsule_record_bytes_max)),
        ];
        let controls = self.is_controller(&call.caller);
        let seen = |(usage, most): (Usage, u64)| if controls { usage } else { usage.seen_from_outside(most) };
        limits.extend(of_host.into_iter().flatten().map(seen));
        Ok(limits)
    }

    /// Refuses where a capsule, or the account that made it, has no room for `more` bytes.
    pub(crate) fn take_bytes(
        &self,
        id: CapsuleId,
        capsule: &CapsuleRecord,
        more: u64,
    ) -> Result<(), Exhausted> {
        Usage::capsule_bytes(capsule, &self.config().quotas).take(more)?;
        self.account_bytes(&capsule.creator, Some(id)).map_or(Ok(()), |account| account.take(more))
    }

    /// Bytes of all capsules that an account made, those in flight and those that leave the bucket included; none where it has no limit. `id` is one of them,
    /// whatever became of its maker's role. O(capsules of the account).
    fn account_bytes(&self, account: &Principal, id: Option<CapsuleId>) -> Option<Usage> {
        let max = self.registry.person(account).quota_bytes?;
        let listed = self.listing(account).unwrap_or_default().made;
        let mut made: BTreeSet<u64> = self.registry.made_by(account).map(|id| id.0).collect();
        made.extend(listed.into_iter().chain(id.map(|id| id.0)));
        let bytes = made.into_iter().map(|id| bytes_of(&self.capsules.get(CapsuleId(id))));
        let used = bytes.fold(self.callers.get(account).leaving_bytes, u64::saturating_add);
        Some(Usage { limit: Limit::AccountBytes, used, max })
    }

    pub(crate) fn capsule_records(&self, capsule: &CapsuleRecord) -> Usage {
        let max = self.config().records.capsule_record_bytes_max;
        Usage { limit: Limit::CapsuleRecordBytes, used: capsule.record_bytes, max }
    }

    pub(crate) fn heap_room(&self) -> Usage {
        Usage { limit: Limit::HeapBytes, used: self.heap.end(), max: self.heap.limit_bytes() }
    }

    /// What the host can let the heap grow by.
    pub(crate) fn host_room(&self, call: &Call) -> Usage {
        let used = self.heap.end();
        Usage { limit: Limit::HostBytes, used, max: used.saturating_add(call.room_bytes) }
    }

    /// The records, but for the reserve that only what gives room back may use.
    fn records_room(&self) -> Usage {
        let all = self.config().records.record_bytes_max;
        let reserve = (all / RECORDS_RESERVE_PART).min(RECORDS_RESERVE_BYTES);
        Usage { limit: Limit::RecordBytes, used: self.record_bytes(), max: all - reserve }
    }

    /// Refuses where the records are full. `more` is what is known to be added; a few rows are not worth counting.
    pub(crate) fn require_record_room(&self, more: u64) -> Result<(), Exhausted> {
        self.records_room().take(more.max(1))
    }

    /// Bytes of the pages that all records and indexes take. O(tables).
    pub fn record_bytes(&self) -> u64 {
        self.sessions.bytes()
            + self.runs.bytes()
            + self.due.bytes()
            + self.blobs.bytes()
            + self.capsules.bytes()
            + self.members.bytes()
            + self.memories.bytes()
            + self.contents.bytes()
            + self.idem.bytes()
            + self.callers.bytes()
            + self.certified.bytes()
            + self.site.bytes()
            + self.registry.bytes()
            + self.objects.bytes()
            + self.heap.record_bytes()
    }
}
