//! Install and upgrade: their arguments, and opening the store. Owns which setting wins.

use crate::host::{self, Canister, Host};
use crate::memory::Regions;
use crate::timer;
use candid::{CandidType, Deserialize, Principal};
use ic_stable_structures::DefaultMemoryImpl;
use keepsake_service::{Install, Quotas};

/// The Candid text of the arguments of install and upgrade.
pub const ARGUMENTS: &str = "\
(opt record {
  controllers : opt vec principal;
  capsule_bytes_max : opt nat64;
  bytes_in_flight_per_caller_max : opt nat64;
  sessions_per_caller_max : opt nat32;
  heap_bytes_max : opt nat64;
})";

/// What an operator may set at install and at each upgrade. What is left out keeps its value, at install its default.
#[derive(CandidType, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Principals that may see every session. Default: who installs.
    pub controllers: Option<Vec<Principal>>,
    /// Blobs, inline assets and bytes in flight of one capsule, bytes.
    pub capsule_bytes_max: Option<u64>,
    /// Bytes reserved by one caller's pending sessions.
    pub bytes_in_flight_per_caller_max: Option<u64>,
    /// Pending sessions of one caller.
    pub sessions_per_caller_max: Option<u32>,
    /// Upper bound of the blob heap, bytes. Default: 480 GiB, so that 20 GiB of the canister's 500 are for records.
    pub heap_bytes_max: Option<u64>,
}

/// Default bound of the blob heap, bytes.
const HEAP_BYTES_MAX: u64 = 480 << 30;

impl Settings {
    /// Reads the argument of install or upgrade; no argument at all is one that sets nothing.
    ///
    /// # Errors
    /// When it is something else than [`ARGUMENTS`] says.
    pub fn decode(argument: &[u8]) -> Result<Self, candid::Error> {
        if argument.is_empty() {
            return Ok(Self::default());
        }
        candid::decode_one::<Option<Self>>(argument).map(Option::unwrap_or_default)
    }

    /// `stored` with what these settings change.
    pub fn over(self, stored: Install) -> Install {
        let quotas = Quotas {
            capsule_bytes_max: self.capsule_bytes_max.unwrap_or(stored.quotas.capsule_bytes_max),
            bytes_in_flight_per_caller_max: self
                .bytes_in_flight_per_caller_max
                .unwrap_or(stored.quotas.bytes_in_flight_per_caller_max),
            sessions_per_caller_max: self
                .sessions_per_caller_max
                .unwrap_or(stored.quotas.sessions_per_caller_max),
        };
        Install {
            controllers: self.controllers.unwrap_or(stored.controllers),
            heap_bytes_max: self.heap_bytes_max.unwrap_or(stored.heap_bytes_max),
            quotas,
            ..stored
        }
    }
}

/// `canister_init`.
pub fn init() {
    let fresh = Install {
        canister_id: ic_cdk::api::canister_self(),
        controllers: vec![ic_cdk::api::msg_caller()],
        // Randomness needs a call, and install cannot wait for one: see `timer.rs`.
        token_secret: [0; 32],
        heap_bytes_max: HEAP_BYTES_MAX,
        quotas: Quotas::default(),
    };
    // A reinstall finds empty memory; anything else is not ours to write over.
    open(|_| fresh);
}

/// `canister_post_upgrade`: opens what is there, which costs the same however much it is.
pub fn post_upgrade() {
    open(stored);
}

fn open(settings: impl FnOnce(&Regions<DefaultMemoryImpl>) -> Install) {
    host::catch_panics();
    let given = Settings::decode(&ic_cdk::api::msg_arg_data())
        .unwrap_or_else(|why| ic_cdk::trap(format!("the argument is not {ARGUMENTS}: {why}")));
    let regions = Regions::open(DefaultMemoryImpl::default(), affordable)
        .unwrap_or_else(|| ic_cdk::trap("no room for an empty store: give the canister memory and cycles"));
    let install = given.over(settings(&regions));
    let service = Canister::open(regions.records(), regions.heap(), &install)
        .unwrap_or_else(|why| ic_cdk::trap(why.to_string()));
    regions.reserve();
    // Else the first message of each method would cost up to half a million instructions more than those that follow.
    keepsake_service::endpoints::prepare();
    ic_cdk::api::certified_data_set(service.certified_data());
    host::set(Host { regions, service });
    timer::arm_soon();
}

/// What the operator set before.
fn stored(regions: &Regions<DefaultMemoryImpl>) -> Install {
    let service = Canister::open_snapshot(regions.records(), regions.heap())
        .unwrap_or_else(|why| ic_cdk::trap(why.to_string()));
    let config = service.store().config();
    Install {
        canister_id: ic_cdk::api::canister_self(),
        controllers: config.controllers.clone(),
        token_secret: [0; 32],
        heap_bytes_max: config.heap_bytes_max,
        quotas: config.quotas,
    }
}

/// Whether the canister can pay for more pages of memory. The system freezes a canister that could not pay for its
/// memory for 30 days, and traps a message that would bring it there. 127,000 cycles for a GiB and second make 20
/// million cycles for a page and 30 days; twice that, for subnets that reserve, and as much again in hand.
/// Source: [cycles costs](https://docs.internetcomputer.org/references/cycles-cost-formulas).
fn affordable(pages: u64) -> bool {
    const CYCLES_PER_PAGE: u128 = 60_000_000;
    ic_cdk::api::canister_liquid_cycle_balance() >= u128::from(pages) * CYCLES_PER_PAGE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored_settings() -> Install {
        Install {
            canister_id: Principal::management_canister(),
            controllers: vec![Principal::anonymous()],
            token_secret: [7; 32],
            heap_bytes_max: 1,
            quotas: Quotas {
                capsule_bytes_max: 2,
                bytes_in_flight_per_caller_max: 3,
                sessions_per_caller_max: 4,
            },
        }
    }

    #[test]
    fn what_is_left_out_keeps_its_value() {
        let kept = Settings::default().over(stored_settings());
        assert_eq!(kept.controllers, [Principal::anonymous()]);
        assert_eq!((kept.heap_bytes_max, kept.quotas), (1, stored_settings().quotas));
        let given = Settings {
            sessions_per_caller_max: Some(9),
            controllers: Some(Vec::new()),
            ..Settings::default()
        };
        let changed = given.over(stored_settings());
        assert_eq!(changed.quotas, Quotas { sessions_per_caller_max: 9, ..stored_settings().quotas });
        assert!(changed.controllers.is_empty());
    }

    #[test]
    fn no_argument_and_null_and_an_empty_record_set_nothing() {
        #[derive(CandidType)]
        struct Empty {}
        let nothing: [&[u8]; 4] = [
            &[],
            &candid::encode_args(()).unwrap(),
            &candid::encode_one(None::<Settings>).unwrap(),
            &candid::encode_one(Some(Empty {})).unwrap(),
        ];
        for argument in nothing {
            assert_eq!(Settings::decode(argument).unwrap(), Settings::default());
        }
        assert!(Settings::decode(b"not Candid").is_err());
    }

    #[test]
    fn the_text_of_the_arguments_is_that_of_their_type() {
        let mut types = candid::types::internal::TypeContainer::new();
        let ty = types.add::<Settings>();
        let fields = match types.env.trace_type(&ty).unwrap().as_ref() {
            candid::types::TypeInner::Record(fields) => {
                fields.iter().map(|field| format!("{} : {};", field.id, field.ty)).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(fields.len(), ARGUMENTS.matches(';').count());
        for field in fields {
            assert!(ARGUMENTS.contains(&field), "{field} is not in {ARGUMENTS}");
        }
    }
}
