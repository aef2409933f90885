//! Modules by hand: all system calls imported, a few functions over them, and what is asked of them here.

use candid::Principal;
use keepsake_wasm_host::{Canister, CanisterModule, Options, Rejection};

pub(crate) fn user() -> Principal {
    Principal::self_authenticating(b"user")
}

/// A module with the toolbox and `body`.
pub(crate) fn module(body: &str) -> CanisterModule {
    let text = format!("(module {} {body})", include_str!("toolbox.wat"));
    CanisterModule::compile(&wat::parse_str(text).unwrap()).unwrap()
}

/// Such a module, installed without an argument.
pub(crate) fn canister(body: &str) -> Canister {
    Canister::install(&module(body), b"", &options()).unwrap()
}

pub(crate) fn options() -> Options {
    Options { controllers: vec![Principal::self_authenticating(b"controller")], ..Options::default() }
}

pub(crate) fn number(answer: Result<Vec<u8>, Rejection>) -> u64 {
    u64::from_le_bytes(answer.unwrap().try_into().unwrap())
}

pub(crate) fn update(canister: &mut Canister, method: &str) -> Result<Vec<u8>, Rejection> {
    canister.update(user(), method, b"")
}

pub(crate) fn query(canister: &mut Canister, method: &str) -> Result<Vec<u8>, Rejection> {
    canister.query(user(), method, b"")
}
