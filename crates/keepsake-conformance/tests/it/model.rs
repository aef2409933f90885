//! The service in process against the reference model. `KEEPSAKE_MODEL_SEED` and `KEEPSAKE_MODEL_OPERATIONS` choose
//! another run; a failure prints the command that replays it.

use keepsake_conformance::model::in_process::World;
use keepsake_conformance::model::{Outcomes, RunOptions, replay_command, run};

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Runs of this length reach every outcome that the model knows.
const THOROUGH_OPERATIONS: u64 = 30_000;

#[test]
fn interleaving_uploads() {
    let seed = number("KEEPSAKE_MODEL_SEED", 1);
    let operations = number("KEEPSAKE_MODEL_OPERATIONS", THOROUGH_OPERATIONS);
    let kinds = (0..5).map(|kind| std::thread::spawn(move || of_kind(kind, seed + kind, operations / 5)));
    let running: Vec<_> = kinds.collect();
    let mut met = Outcomes::new();
    for kind in running {
        for (outcome, times) in kind.join().expect("the run says why itself") {
            *met.entry(outcome).or_default() += times;
        }
    }
    for (outcome, times) in &met {
        println!("{times:>8} {outcome}");
    }
    if operations >= THOROUGH_OPERATIONS {
        let missed: Vec<_> = wanted().filter(|outcome| !met.contains_key(outcome)).collect();
        assert!(missed.is_empty(), "the runs are too shallow: never answered {missed:?}");
    }
}

fn of_kind(kind: u64, seed: u64, operations: u64) -> Outcomes {
    let options = RunOptions { seed, operations, ..RunOptions::default() };
    match run(options, || World::new(World::bounds_of(kind))) {
        Ok(report) => {
            println!("seed {seed}: {} operations, 0 violations", report.operations);
            report.outcomes
        }
        Err(failure) => {
            panic!(
                "bounds {kind}, {failure}\nreplay: {}",
                replay_command("model::interleaving_uploads", seed - kind, operations * 5)
            )
        }
    }
}

/// What a run must have met to say anything: a model of which no memory is ever made agrees with everything.
fn wanted() -> impl Iterator<Item = String> {
    let of_people = OF_PEOPLE
        .iter()
        .flat_map(|(method, codes)| codes.iter().map(move |code| format!("{method}: {code}")));
    let others = OUTCOMES.iter().flat_map(|(method, codes)| {
        let always = ["ok", "NotFound", "Unauthorized"].iter();
        always.chain(*codes).map(move |code| format!("{method}: {code}"))
    });
    others.chain(of_people)
}

/// All that messages about people must have been answered.
const OF_PEOPLE: [(&str, &[&str]); 19] = [
    ("admin_block", &["ok", "Unauthorized", "not_a_person"]),
    ("admin_evict", &["ok", "NotFound", "Unauthorized"]),
    ("admin_give", &["ok"]),
    ("admin_invite", &["ok"]),
    ("admin_quota", &["ok"]),
    ("admin_remove", &["ok", "NotFound"]),
    ("admin_unblock", &["ok"]),
    ("capsules_accept", &["ok", "NotFound"]),
    ("capsules_create", &["ok", "not_admitted"]),
    ("capsules_leave", &["ok", "NotFound", "last_owner"]),
    ("capsules_rename", &["ok", "name_empty"]),
    ("devices_invite", &["ok", "Unauthorized"]),
    ("devices_join", &["ok", "Unauthorized", "code_of_another_kind", "code_unknown", "device_taken"]),
    ("devices_remove", &["ok", "NotFound", "last_device"]),
    ("invitations_create", &["ok", "Unauthorized", "expires_in_the_past", "uses_out_of_range"]),
    (
        "invitations_redeem",
        &["ok", "Unauthorized", "code_expired", "code_of_another_kind", "code_unknown", "code_used"],
    ),
    ("invitations_revoke", &["ok", "NotFound"]),
    ("links_create", &["ok", "NotFound", "Unauthorized", "expires_in_the_past", "link_key_taken"]),
    ("put", &["ok"]),
];

/// Besides those that each method answers.
const OUTCOMES: [(&str, &[&str]); 16] = [
    ("asset_remove_by_id", &["assets_count"]),
    ("blob_delete", &["blob_referenced"]),
    ("capsules_delete", &[]),
    ("capsules_grant", &["last_owner", "role_not_for_anonymous"]),
    ("capsules_revoke", &["last_owner"]),
    (
        "memories_add_asset",
        &["ResourceExhausted", "asset_kind_taken", "assets_count", "blob_in_other_capsule", "idem_reused"],
    ),
    ("memories_add_inline_asset", &["asset_kind_taken", "assets_count", "idem_reused"]),
    (
        "memories_create_with_internal_blobs_and_inline_assets",
        &["ResourceExhausted", "blob_in_other_capsule", "idem_reused", "inline_empty", "inline_too_large"],
    ),
    ("memories_delete", &[]),
    ("memories_delete_all", &[]),
    ("memories_delete_bulk", &[]),
    ("memories_update", &["ResourceExhausted"]),
    ("uploads_abort", &["session_finished"]),
    ("uploads_finish", &["chunks_missing", "sha256_differs", "sha256_length", "total_len_differs"]),
    (
        "uploads_publish",
        &[
            "ResourceExhausted",
            "already",
            "carried_empty",
            "carried_too_large",
            "chunks_missing",
            "idem_reused",
            "inline_empty",
            "inline_too_large",
            "session_in_other_capsule",
            "session_repeated",
            "sessions_count",
            "sha256_differs",
            "total_len_differs",
        ],
    ),
    (
        "uploads_put_chunk",
        &[
            "ResourceExhausted",
            "chunk_differs",
            "chunk_empty",
            "chunk_index_out_of_range",
            "chunk_length_differs",
            "chunk_too_large",
            "session_finished",
        ],
    ),
];
