//! What may depend on what: our own crates on each other, and on which licences and sources.
//!
//! Asks `cargo metadata`. Does not own the list of licences: that is in `deny.toml`.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// The one table of directions: a crate may depend on those to its right and on no other of ours.
const ALLOWED: &[(&str, &[&str])] = &[
    ("keepsake-core", &[]),
    ("keepsake-api", &[]),
    ("keepsake-derivatives", &[]),
    ("keepsake-service", &["keepsake-core", "keepsake-api"]),
    ("keepsake-canister", &["keepsake-service", "keepsake-api"]),
    ("keepsake-node", &["keepsake-service", "keepsake-api", "keepsake-s3"]),
    ("keepsake-client", &["keepsake-api", "keepsake-derivatives"]),
    // `keepsake serve` runs a node.
    ("keepsake-cli", &["keepsake-client", "keepsake-api", "keepsake-node", "keepsake-s3"]),
    ("keepsake-conformance", &["keepsake-client", "keepsake-service", "keepsake-api"]),
    // It runs any canister's module, so it knows nothing of ours.
    ("keepsake-wasm-host", &[]),
    ("keepsake-wasm-server", &["keepsake-wasm-host"]),
    // It knows S3 and nothing of ours.
    ("keepsake-s3", &[]),
    ("keepsake-s3-servers", &["keepsake-s3"]),
    // It stands before any server, so it knows nothing of ours.
    ("keepsake-fault-proxy", &[]),
    // Developer commands drive programs from outside.
    ("xtask", &[]),
];

/// What tests may use besides: the exam and the hosts, which nothing of the product depends on.
const ALLOWED_IN_TESTS: &[(&str, &[&str])] = &[
    ("keepsake-service", &["keepsake-conformance"]),
    ("keepsake-canister", &["keepsake-conformance", "keepsake-client", "keepsake-wasm-host"]),
    ("keepsake-node", &["keepsake-conformance", "keepsake-client", "keepsake-s3-servers"]),
    ("keepsake-client", &["keepsake-conformance", "keepsake-node"]),
    (
        "keepsake-cli",
        &["keepsake-conformance", "keepsake-derivatives", "keepsake-fault-proxy", "keepsake-s3-servers"],
    ),
    ("keepsake-conformance", &["keepsake-canister", "keepsake-node", "keepsake-wasm-host"]),
    ("keepsake-wasm-server", &["keepsake-client"]),
    ("keepsake-s3", &["keepsake-s3-servers", "keepsake-fault-proxy"]),
    ("xtask", &["keepsake-client"]),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn metadata(arguments: &[&str]) -> Value {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(root()).args(["metadata", "--format-version", "1"]).args(arguments);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// (from, to, only for tests) for each edge between two of our own crates.
fn own_edges(metadata: &Value) -> BTreeSet<(String, String, bool)> {
    let packages = metadata["packages"].as_array().unwrap();
    let own: BTreeSet<&str> = packages.iter().map(|package| text(&package["name"])).collect();
    let mut edges = BTreeSet::new();
    for package in packages {
        for dependency in package["dependencies"].as_array().unwrap() {
            if own.contains(text(&dependency["name"])) {
                let only_tests = dependency["kind"] == "dev";
                edges.insert((text(&package["name"]).into(), text(&dependency["name"]).into(), only_tests));
            }
        }
    }
    edges
}

fn forbidden(edges: &BTreeSet<(String, String, bool)>) -> Vec<String> {
    let rules: BTreeMap<_, _> = ALLOWED.iter().copied().collect();
    let in_tests: BTreeMap<_, _> = ALLOWED_IN_TESTS.iter().copied().collect();
    let allows = |table: &BTreeMap<&str, &[&str]>, from: &str, to: &str| {
        table.get(from).is_some_and(|allowed| allowed.contains(&to))
    };
    edges
        .iter()
        .filter(|(from, to, only_tests)| {
            !(allows(&rules, from, to) || *only_tests && allows(&in_tests, from, to))
        })
        .map(|(from, to, only_tests)| format!("{from} → {to}{}", if *only_tests { " (tests)" } else { "" }))
        .collect()
}

#[test]
fn our_crates_depend_on_each_other_in_the_allowed_direction_only() {
    let metadata = metadata(&["--no-deps"]);
    let edges = own_edges(&metadata);
    assert!(edges.len() >= 8, "the edges were not found: {edges:?}");
    assert_eq!(forbidden(&edges), Vec::<String>::new(), "see ALLOWED in this file");
}

#[test]
fn every_crate_has_its_row_in_the_table() {
    let metadata = metadata(&["--no-deps"]);
    for package in metadata["packages"].as_array().unwrap() {
        let name = text(&package["name"]);
        assert!(ALLOWED.iter().any(|(row, _)| *row == name), "{name} has no row in ALLOWED");
    }
}

#[test]
fn an_edge_against_the_direction_is_found() {
    let edge = |from: &str, to: &str, only_tests| (from.to_owned(), to.to_owned(), only_tests);
    let edges = BTreeSet::from([
        edge("keepsake-core", "keepsake-api", false),
        edge("keepsake-service", "keepsake-core", false),
        edge("keepsake-node", "keepsake-client", false),
        edge("keepsake-node", "keepsake-client", true),
    ]);
    assert_eq!(forbidden(&edges), ["keepsake-core → keepsake-api", "keepsake-node → keepsake-client"]);
}

/// The licences that `deny.toml` allows.
fn allowed_licences() -> BTreeSet<String> {
    let deny = std::fs::read_to_string(root().join("deny.toml")).unwrap();
    let list = deny.split_once("\nallow = [").unwrap().1.split_once("\n]").unwrap().0;
    let quoted = list.lines().filter_map(|line| line.trim().strip_prefix('"'));
    quoted.map(|line| line.split('"').next().unwrap().to_owned()).collect()
}

/// Whether an SPDX expression can be met with the allowed licences
/// ([SPDX 2.3, annex D](https://spdx.github.io/spdx-spec/v2.3/SPDX-license-expressions/)).
fn licence_is_met(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let met = any_of(&tokens, &mut at, allowed);
    met && at == tokens.len()
}

fn any_of(tokens: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut met = all_of(tokens, at, allowed);
    while tokens.get(*at) == Some(&"OR") {
        *at += 1;
        met |= all_of(tokens, at, allowed);
    }
    met
}

fn all_of(tokens: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut met = one(tokens, at, allowed);
    while tokens.get(*at) == Some(&"AND") {
        *at += 1;
        met &= one(tokens, at, allowed);
    }
    met
}

fn one(tokens: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let Some(token) = tokens.get(*at) else { return false };
    *at += 1;
    if *token == "(" {
        let met = any_of(tokens, at, allowed);
        *at += 1; // the closing parenthesis
        return met;
    }
    if tokens.get(*at) == Some(&"WITH") {
        let exception = tokens.get(*at + 1).copied().unwrap_or_default();
        *at += 2;
        return allowed.contains(&format!("{token} WITH {exception}"));
    }
    allowed.contains(*token)
}

#[test]
fn every_dependency_has_an_allowed_licence_and_comes_from_the_registry() {
    let allowed = allowed_licences();
    assert!(allowed.contains("MIT") && !allowed.contains("GPL-3.0"));
    let metadata = metadata(&[]);
    for package in metadata["packages"].as_array().unwrap() {
        let name = text(&package["name"]);
        let licence = package["license"].as_str().unwrap_or("none");
        assert!(licence_is_met(licence, &allowed), "{name} has the licence {licence}, see deny.toml");
        let source = package["source"].as_str();
        assert!(source.is_none_or(|source| source.starts_with("registry+")), "{name} is from {source:?}");
    }
}

#[test]
fn licence_expressions_are_understood() {
    let allowed = BTreeSet::from(["MIT".to_owned(), "A WITH x".to_owned(), "Zlib".to_owned()]);
    for met in ["MIT", "GPL-3.0 OR MIT", "MIT/GPL-3.0", "(GPL-3.0 OR MIT) AND Zlib", "A WITH x"] {
        assert!(licence_is_met(met, &allowed), "{met}");
    }
    for not_met in
        ["GPL-3.0", "MIT AND GPL-3.0", "(MIT OR Zlib) AND GPL-3.0", "A", "A WITH y", "none", "MIT MIT"]
    {
        assert!(!licence_is_met(not_met, &allowed), "{not_met}");
    }
}
