//! In which order a principal sees its capsules, so that no grant pushes another capsule off the list. Owns the record
//! of that order; roles are in [`crate::access`].
//!
//! ```text
//! among the idempotency records, under its own scope:
//! key: SHA-256( scope u8 = 6 | principal | zero u64 )     detail: Listing
//! ```
//! At most [`CAPSULES_PER_CALLER_MAX`] grants are kept, the first ones; what is granted beyond them is listed, by id,
//! where there is room. So many are kept too of those that the principal said yes to, which come before what others only gave it:
//! nobody hides a capsule behind gifts. A principal of before this record was kept has none until its next grant.

use crate::ids::CapsuleId;
use crate::limits::CAPSULES_PER_CALLER_MAX;
use crate::store::Store;
use crate::tables::idem::{Scope, key_of};
use ic_principal::Principal;
use ic_stable_structures::Memory;
use minicbor::{Decode, Encode};
use std::collections::BTreeSet;

/// A principal's capsules, in the order that it sees them.
#[derive(Encode, Decode, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    /// Those that it made, by id.
    #[n(0)]
    pub(crate) made: Vec<u64>,
    /// The others, in the order of the grants.
    #[n(1)]
    pub(crate) granted: Vec<u64>,
    /// Those of them that it said yes to, in that order; before this was kept, they stayed where they were granted.
    #[cbor(n(2), default)]
    pub(crate) accepted: Vec<u64>,
}

const ROWS_MAX: usize = CAPSULES_PER_CALLER_MAX as usize;

impl<R: Memory, H: Memory> Store<R, H> {
    /// The capsules to show to `who`. O(rows).
    pub(crate) fn listed_capsules(&self, who: &Principal) -> Vec<CapsuleId> {
        let Listing { made, granted, accepted } = self.listing(who).unwrap_or_default();
        let (said_yes, given): (Vec<_>, Vec<_>) =
            granted.into_iter().partition(|id| self.members.is_accepted(CapsuleId(*id), who));
        let others = said_yes.into_iter().chain(given);
        let mut ids: Vec<_> = made.into_iter().chain(accepted).chain(others).map(CapsuleId).collect();
        if ids.len() < ROWS_MAX {
            let known: BTreeSet<_> = ids.iter().copied().collect();
            let others = self.members.capsules_of(who, ROWS_MAX);
            ids.extend(others.into_iter().filter(|id| !known.contains(id)));
        }
        ids.truncate(ROWS_MAX);
        ids
    }

    /// How many capsules `who` made or said yes to; where there are more than are listed, at least one more than that.
    pub(crate) fn own_capsules_count(&self, who: &Principal) -> usize {
        let own = |id: &CapsuleId| self.members.is_accepted(*id, who);
        let Some(Listing { made, granted, accepted }) = self.listing(who) else {
            return self.members.capsules_of(who, ROWS_MAX + 1).iter().filter(|id| own(id)).count();
        };
        let said_yes = granted.iter().filter(|id| own(&CapsuleId(**id))).count();
        made.len() + accepted.len() + said_yes + usize::from(accepted.len() == ROWS_MAX)
    }

    pub(crate) fn listing(&self, who: &Principal) -> Option<Listing> {
        let row = self.idem.get(&listing_key(who))?;
        Some(minicbor::decode(&row.detail).expect("a listing decodes as it was encoded"))
    }

    /// Notes a new role, before it is given. O(rows).
    pub(super) fn list_capsule(&mut self, who: &Principal, capsule: CapsuleId, creator: &Principal) {
        if *who == Principal::anonymous() {
            return;
        }
        let mut listing = self.listing(who).unwrap_or_else(|| self.gather(who));
        if creator == who {
            let at = listing.made.partition_point(|id| *id < capsule.0);
            listing.made.insert(at, capsule.0);
        } else if listing.granted.len() < ROWS_MAX {
            listing.granted.push(capsule.0);
        }
        self.save_listing(who, &listing);
    }

    /// Notes that somebody said yes to a role that it has. O(rows).
    pub(crate) fn list_accepted(&mut self, who: &Principal, capsule: CapsuleId) {
        if *who == Principal::anonymous() {
            return;
        }
        let mut listing = self.listing(who).unwrap_or_else(|| self.gather(who));
        if listing.made.contains(&capsule.0) || listing.accepted.contains(&capsule.0) {
            return;
        }
        if listing.accepted.len() < ROWS_MAX {
            listing.granted.retain(|id| *id != capsule.0);
            listing.accepted.push(capsule.0);
            self.save_listing(who, &listing);
        }
    }

    /// Notes that a role ended. O(rows).
    pub(super) fn unlist_capsule(&mut self, who: &Principal, capsule: CapsuleId) {
        let Some(mut listing) = self.listing(who) else { return };
        listing.made.retain(|id| *id != capsule.0);
        listing.granted.retain(|id| *id != capsule.0);
        listing.accepted.retain(|id| *id != capsule.0);
        self.save_listing(who, &listing);
    }

    fn save_listing(&mut self, who: &Principal, listing: &Listing) {
        if *listing == Listing::default() {
            self.idem.forget(&listing_key(who));
        } else {
            let detail = minicbor::to_vec(listing).expect("encoding into a vector cannot fail");
            self.idem.remember(listing_key(who), [0; 32], 0, detail);
        }
    }

    /// The roles of before there was a listing, in the order of ids.
    fn gather(&self, who: &Principal) -> Listing {
        let ids = self.members.capsules_of(who, ROWS_MAX).into_iter();
        let (made, granted): (Vec<_>, Vec<_>) = ids.partition(|id| self.capsules.get(*id).creator == *who);
        let numbers = |ids: Vec<CapsuleId>| ids.into_iter().map(|id| id.0).collect();
        Listing { made: numbers(made), granted: numbers(granted), accepted: Vec::new() }
    }
}

pub(crate) fn listing_key(who: &Principal) -> [u8; 32] {
    key_of(Scope::Listing, who, CapsuleId(0), b"")
}
