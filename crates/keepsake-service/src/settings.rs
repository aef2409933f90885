//! What an operator may set, on every host. Owns which setting wins: what is given, else what the store was told, else the
//! host's default for a new one.

use crate::host::{Admission, Install, Quotas, RecordLimits};
use keepsake_core::{Config, Principal};

/// What is left out keeps its value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Principals that may see every session, and set the site.
    pub controllers: Option<Vec<Principal>>,
    /// Blobs, inline assets and bytes in flight of one capsule, bytes.
    pub capsule_bytes_max: Option<u64>,
    /// Bytes reserved by one caller's pending sessions.
    pub bytes_in_flight_per_caller_max: Option<u64>,
    /// Pending sessions of one caller.
    pub sessions_per_caller_max: Option<u32>,
    /// Upper bound of the blob heap, bytes.
    pub heap_bytes_max: Option<u64>,
    /// Upper bound of all records, bytes.
    pub record_bytes_max: Option<u64>,
    /// Upper bound of the records of one capsule's memories and blobs, bytes.
    pub capsule_record_bytes_max: Option<u64>,
    /// Who may come in.
    pub admission: Option<Admission>,
}

impl Settings {
    /// `stored` with what these settings change.
    #[must_use]
    pub fn over(self, stored: Install) -> Install {
        let Install { quotas, records, .. } = stored;
        Install {
            controllers: self.controllers.unwrap_or(stored.controllers),
            heap_bytes_max: self.heap_bytes_max.unwrap_or(stored.heap_bytes_max),
            quotas: Quotas {
                capsule_bytes_max: self.capsule_bytes_max.unwrap_or(quotas.capsule_bytes_max),
                bytes_in_flight_per_caller_max: self
                    .bytes_in_flight_per_caller_max
                    .unwrap_or(quotas.bytes_in_flight_per_caller_max),
                sessions_per_caller_max: self
                    .sessions_per_caller_max
                    .unwrap_or(quotas.sessions_per_caller_max),
            },
            records: RecordLimits {
                record_bytes_max: self.record_bytes_max.unwrap_or(records.record_bytes_max),
                capsule_record_bytes_max: self
                    .capsule_record_bytes_max
                    .unwrap_or(records.capsule_record_bytes_max),
            },
            admission: self.admission.or(stored.admission),
            ..stored
        }
    }
}

impl Settings {
    /// What these settings change of what a store was told before, each as name, before and after: for whoever starts a host to
    /// see, as it may have been set while the host ran.
    pub fn changes(&self, stored: &Install) -> Vec<String> {
        let Install { quotas, records, .. } = stored;
        let limits = [
            ("heap_bytes_max", self.heap_bytes_max, stored.heap_bytes_max),
            ("record_bytes_max", self.record_bytes_max, records.record_bytes_max),
            ("capsule_bytes_max", self.capsule_bytes_max, quotas.capsule_bytes_max),
            ("capsule_record_bytes_max", self.capsule_record_bytes_max, records.capsule_record_bytes_max),
            (
                "bytes_in_flight_per_caller_max",
                self.bytes_in_flight_per_caller_max,
                quotas.bytes_in_flight_per_caller_max,
            ),
            (
                "sessions_per_caller_max",
                self.sessions_per_caller_max.map(u64::from),
                quotas.sessions_per_caller_max.into(),
            ),
        ];
        let limits = limits.into_iter().filter_map(|(name, given, before)| {
            let given = given.filter(|given| *given != before)?;
            Some(format!("{name} from {before} to {given}"))
        });
        let admission = self.admission.zip(stored.admission).filter(|(given, before)| given != before);
        let admission = admission.map(|(given, before)| {
            format!("admission from {} to {}", admission_name(before), admission_name(given))
        });
        let controllers = self.controllers.as_ref().filter(|given| **given != stored.controllers);
        let controllers = controllers
            .map(|given| format!("controllers from {} to {}", names(&stored.controllers), names(given)));
        limits.chain(admission).chain(controllers).collect()
    }
}

fn admission_name(admission: Admission) -> &'static str {
    match admission {
        Admission::Everybody => "everybody",
        Admission::Invited => "invited",
    }
}

fn names(principals: &[Principal]) -> String {
    let names: Vec<_> = principals.iter().map(Principal::to_text).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(" ") }
}

impl Install {
    /// What a store was told before, instead of what a new one would be told.
    #[must_use]
    pub fn stored(self, config: &Config) -> Self {
        Self {
            controllers: config.controllers.clone(),
            heap_bytes_max: config.heap_bytes_max,
            quotas: config.quotas,
            records: config.records,
            upkeep: config.upkeep,
            admission: config.admission,
            attestors: config.attestors.clone(),
            gate: config.gate.clone(),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Upkeep;

    fn install() -> Install {
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
            records: RecordLimits { record_bytes_max: 5, capsule_record_bytes_max: 6 },
            upkeep: Upkeep { freezing_threshold_secs: 7, subnet_nodes: 8 },
            admission: Some(Admission::Invited),
            invited_by_default: true,
            attestors: Vec::new(),
            gate: None,
            certifies: true,
        }
    }

    #[test]
    fn what_is_left_out_keeps_its_value() {
        let kept = Settings::default().over(install());
        assert_eq!(kept.controllers, [Principal::anonymous()]);
        assert_eq!(
            (kept.heap_bytes_max, kept.quotas, kept.records),
            (1, install().quotas, install().records)
        );
        assert_eq!((kept.upkeep, kept.certifies), (install().upkeep, true));
        assert_eq!(kept.admission, Some(Admission::Invited));
    }

    fn all() -> Settings {
        Settings {
            controllers: Some(Vec::new()),
            heap_bytes_max: Some(11),
            capsule_bytes_max: Some(12),
            bytes_in_flight_per_caller_max: Some(13),
            sessions_per_caller_max: Some(14),
            record_bytes_max: Some(15),
            capsule_record_bytes_max: Some(16),
            admission: Some(Admission::Everybody),
        }
    }

    #[test]
    fn each_setting_changes_its_own_value() {
        let changed = all().over(install());
        assert!(changed.controllers.is_empty());
        assert_eq!(changed.admission, Some(Admission::Everybody));
        assert_eq!(changed.heap_bytes_max, 11);
        let quotas = changed.quotas;
        assert_eq!((quotas.capsule_bytes_max, quotas.bytes_in_flight_per_caller_max), (12, 13));
        assert_eq!(quotas.sessions_per_caller_max, 14);
        assert_eq!(changed.records, RecordLimits { record_bytes_max: 15, capsule_record_bytes_max: 16 });
    }

    #[test]
    fn what_is_changed_is_told_and_nothing_else() {
        let told = [
            "heap_bytes_max from 1 to 11",
            "record_bytes_max from 5 to 15",
            "capsule_bytes_max from 2 to 12",
            "capsule_record_bytes_max from 6 to 16",
            "bytes_in_flight_per_caller_max from 3 to 13",
            "sessions_per_caller_max from 4 to 14",
            "admission from invited to everybody",
            "controllers from 2vxsx-fae to none",
        ];
        assert_eq!(all().changes(&install()), told);
        assert_eq!(
            all().changes(&all().over(install())),
            Vec::<String>::new(),
            "the same again is no change"
        );
        assert_eq!(Settings::default().changes(&install()), Vec::<String>::new());
        let never_told = Install { admission: None, ..install() };
        let invited = Settings { admission: Some(Admission::Invited), ..Settings::default() };
        assert_eq!(invited.changes(&never_told), Vec::<String>::new(), "nobody said anything else before");
    }
}
