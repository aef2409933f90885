//! Install and upgrade: their arguments, and opening the store. Which setting wins is decided in the service.

use crate::host::{self, Canister, Host};
use crate::memory::Regions;
use crate::money;
use crate::timer;
use candid::{CandidType, Deserialize, Principal};
use ic_stable_structures::DefaultMemoryImpl;
use keepsake_service::{Gate, Install, Quotas, RecordLimits, Upkeep, WireAdmission, admission_in, is_nobody};

/// The Candid text of the arguments of install and upgrade.
pub const ARGUMENTS: &str = "\
(opt record {
  controllers : opt vec principal;
  capsule_bytes_max : opt nat64;
  bytes_in_flight_per_caller_max : opt nat64;
  sessions_per_caller_max : opt nat32;
  heap_bytes_max : opt nat64;
  record_bytes_max : opt nat64;
  capsule_record_bytes_max : opt nat64;
  freezing_threshold_secs : opt nat64;
  subnet_nodes : opt nat32;
  admission : opt variant { Invited; Everybody };
  attestors : opt vec principal;
  s3_gate : opt record { url : text; from_len : nat64 };
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
    /// Upper bound of all records, bytes. Default: 16 GiB.
    pub record_bytes_max: Option<u64>,
    /// Upper bound of the records of one capsule's memories and blobs, bytes. Default: 2 GiB.
    pub capsule_record_bytes_max: Option<u64>,
    /// What is stored stays paid for so far ahead, seconds: growth that would leave less is refused. Default: 90 days, as in
    /// `icp.yaml`. Where the canister's own freezing threshold is longer, that one counts.
    pub freezing_threshold_secs: Option<u64>,
    /// Machines of the subnet, at least. Default: 13. Where the system shows that memory costs more, that counts.
    pub subnet_nodes: Option<u32>,
    /// Who may come in. Default: only who is invited, and whoever made a capsule before.
    pub admission: Option<WireAdmission>,
    /// Principals of the program that keeps the keys of a bucket: it may say what is in there. Default: none.
    pub attestors: Option<Vec<Principal>>,
    /// That program. Default: none, and all bytes are here.
    pub s3_gate: Option<S3Gate>,
}

/// The program that keeps the keys of a bucket: `keepsake s3-gate`.
#[derive(CandidType, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct S3Gate {
    /// Its address. An empty one: there is none any more.
    pub url: String,
    /// Clients should send originals to the bucket from this length on, bytes.
    pub from_len: u64,
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
        let upkeep = Upkeep {
            freezing_threshold_secs: self
                .freezing_threshold_secs
                .unwrap_or(stored.upkeep.freezing_threshold_secs),
            subnet_nodes: self.subnet_nodes.unwrap_or(stored.upkeep.subnet_nodes),
        };
        let common = keepsake_service::Settings {
            controllers: self.controllers,
            capsule_bytes_max: self.capsule_bytes_max,
            bytes_in_flight_per_caller_max: self.bytes_in_flight_per_caller_max,
            sessions_per_caller_max: self.sessions_per_caller_max,
            heap_bytes_max: self.heap_bytes_max,
            record_bytes_max: self.record_bytes_max,
            capsule_record_bytes_max: self.capsule_record_bytes_max,
            admission: self.admission.map(admission_in),
        };
        let attestors = self.attestors.unwrap_or_else(|| stored.attestors.clone());
        let gate = match self.s3_gate {
            None => stored.gate.clone(),
            Some(S3Gate { url, .. }) if url.is_empty() => None,
            Some(S3Gate { url, from_len }) => {
                Some(Gate { url: url.trim_end_matches('/').to_owned(), from_len })
            }
        };
        Install { upkeep, attestors, gate, ..common.over(stored) }
    }
}

/// `canister_init`.
pub fn init() {
    // A reinstall finds empty memory; anything else is not ours to write over.
    open(|_| fresh(vec![ic_cdk::api::msg_caller()]));
    host::with(|host| host.regions.reserve());
}

/// What a new store is told.
fn fresh(controllers: Vec<Principal>) -> Install {
    Install {
        canister_id: ic_cdk::api::canister_self(),
        controllers,
        // Randomness needs a call, and install cannot wait for one: see `timer.rs`.
        token_secret: [0; 32],
        heap_bytes_max: HEAP_BYTES_MAX,
        quotas: Quotas::default(),
        records: RecordLimits::default(),
        upkeep: Upkeep::default(),
        admission: None,
        invited_by_default: true,
        attestors: Vec::new(),
        gate: None,
        certifies: true,
    }
}

/// `canister_post_upgrade`: opens what is there, which costs the same however much it is.
pub fn post_upgrade() {
    open(stored);
}

fn open(settings: impl FnOnce(&Regions<DefaultMemoryImpl>) -> Install) {
    host::catch_panics();
    let given = Settings::decode(&ic_cdk::api::msg_arg_data())
        .unwrap_or_else(|why| ic_cdk::trap(format!("the argument is not {ARGUMENTS}: {why}")));
    if given.controllers.iter().flatten().any(is_nobody) {
        ic_cdk::trap(
            "nobody has the key of the anonymous principal or of aaaaa-aa: name controllers that are persons",
        );
    }
    let regions = Regions::open(DefaultMemoryImpl::default(), money::affordable_pages)
        .unwrap_or_else(|| ic_cdk::trap("no room for an empty store: give the canister memory and cycles"));
    let install = given.over(settings(&regions));
    money::set(install.upkeep);
    let service = Canister::open(regions.records(), regions.heap(), &install)
        .unwrap_or_else(|why| ic_cdk::trap(why.to_string()));
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
    fresh(Vec::new()).stored(service.store().config())
}

#[cfg(test)]
mod tests {
    use super::*;
    use keepsake_service::Admission;

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
            records: RecordLimits { record_bytes_max: 7, capsule_record_bytes_max: 8 },
            upkeep: Upkeep { freezing_threshold_secs: 5, subnet_nodes: 6 },
            admission: Some(Admission::Invited),
            invited_by_default: true,
            attestors: Vec::new(),
            gate: None,
            certifies: true,
        }
    }

    #[test]
    fn what_is_left_out_keeps_its_value() {
        let kept = Settings::default().over(stored_settings());
        assert_eq!(kept.controllers, [Principal::anonymous()]);
        assert_eq!((kept.heap_bytes_max, kept.quotas), (1, stored_settings().quotas));
        assert_eq!((kept.upkeep, kept.records), (stored_settings().upkeep, stored_settings().records));
        assert_eq!(kept.admission, Some(Admission::Invited));
        let given = Settings {
            sessions_per_caller_max: Some(9),
            subnet_nodes: Some(34),
            record_bytes_max: Some(35),
            controllers: Some(Vec::new()),
            admission: Some(WireAdmission::Everybody),
            ..Settings::default()
        };
        let changed = given.over(stored_settings());
        assert_eq!(changed.quotas, Quotas { sessions_per_caller_max: 9, ..stored_settings().quotas });
        assert_eq!(changed.upkeep, Upkeep { freezing_threshold_secs: 5, subnet_nodes: 34 });
        assert_eq!(changed.records, RecordLimits { record_bytes_max: 35, capsule_record_bytes_max: 8 });
        assert!(changed.controllers.is_empty());
        assert_eq!(changed.admission, Some(Admission::Everybody));
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
                let ty = |ty: &candid::types::Type| match ty.as_ref() {
                    candid::types::TypeInner::Opt(inner) => {
                        format!("opt {}", types.env.trace_type(inner).unwrap())
                    }
                    _ => ty.to_string(),
                };
                fields.iter().map(|field| format!("{} : {};", field.id, ty(&field.ty))).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(fields.len(), ARGUMENTS.lines().filter(|line| line.starts_with("  ")).count());
        for field in fields {
            assert!(ARGUMENTS.contains(&field), "{field} is not in {ARGUMENTS}");
        }
    }
}
