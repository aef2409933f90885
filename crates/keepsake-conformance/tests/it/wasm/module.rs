//! The module under test: found and compiled once for all tests, installed as often as they like. Owns how the canister
//! is set up.

use candid::{Principal, encode_one};
use keepsake_canister::install::Settings;
use keepsake_service::WireAdmission;
use keepsake_wasm_host::{Canister, CanisterModule, Options, Subnet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Names another module.
const VARIABLE: &str = "KEEPSAKE_WASM";

/// Time until the secret of the HTTP tokens has come, ns.
const SETTLED_AFTER_NS: u64 = 2_000_000_000;

/// The compiled module.
pub(crate) fn module() -> &'static CanisterModule {
    static MODULE: OnceLock<CanisterModule> = OnceLock::new();
    MODULE.get_or_init(|| {
        let path = path();
        let bytes = std::fs::read(&path).unwrap_or_else(|why| {
            panic!(
                "{}: {why}\nThere is no module to test. Run `cargo xtask build canister` first, or set {VARIABLE} to one.",
                path.display()
            )
        });
        CanisterModule::compile(&bytes).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
    })
}

fn path() -> PathBuf {
    if let Some(path) = std::env::var_os(VARIABLE) {
        return path.into();
    }
    // This test runs from `<target>/<profile>/deps`.
    let program = std::env::current_exe().expect("a running program has a path");
    let target = program.ancestors().nth(3).map(Path::to_owned).unwrap_or_default();
    target.join("canister/keepsake.wasm.gz")
}

/// A canister as it is some seconds after its installation.
pub(crate) fn installed(settings: &Settings) -> Canister {
    install(&options(), settings)
}

/// The same on another subnet, with another freezing threshold.
pub(crate) fn installed_on(subnet: Subnet, freezing_threshold_secs: u64, settings: &Settings) -> Canister {
    install(&Options { subnet, freezing_threshold_secs, ..options() }, settings)
}

fn install(options: &Options, settings: &Settings) -> Canister {
    // Most tests' people are strangers to the operator, who says so.
    let admission = settings.admission.or(Some(WireAdmission::Everybody));
    let settings = Settings { admission, ..settings.clone() };
    let arg = encode_one(Some(settings)).expect("settings encode");
    let mut canister = Canister::install(module(), &arg, options).expect("the module installs");
    canister.advance(SETTLED_AFTER_NS);
    assert_eq!(canister.printed(), Vec::<String>::new(), "the first timers");
    canister
}

/// What the system knows of the canister.
pub(crate) fn options() -> Options {
    Options { controllers: vec![Principal::self_authenticating(b"whoever installs")], ..Options::default() }
}
