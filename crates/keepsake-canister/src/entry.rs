//! The exported functions and the metadata sections: what the system finds in the module.
//!
//! Owns every `unsafe` of the crate, and nothing else. It is needed for three things that have no safe form: an export
//! with a name of our own (`canister_update …`), a static in a custom section, and a call whose callbacks are passed
//! as function pointers. The attributes could only clash with another symbol of the same name, which the linker would
//! report; why the call is sound is said beside it.
//! Source: [entry points](https://docs.internetcomputer.org/references/ic-interface-spec/#entry-points),
//! [metadata](https://docs.internetcomputer.org/references/ic-interface-spec/#canister-module-format).
#![expect(unsafe_code, reason = "exports, sections and callbacks have no safe form; see above")]
// Elsewhere than in wasm nobody calls these.
#![cfg_attr(not(target_family = "wasm"), allow(dead_code))]

use crate::{host, inspect, install, timer};

macro_rules! export {
    ($name:expr, $call:expr) => {
        const _: () = {
            #[cfg_attr(target_family = "wasm", unsafe(export_name = $name))]
            extern "C" fn entry() {
                $call;
                #[cfg(feature = "performance-counter")]
                host::print_performance_counter($name);
            }
        };
    };
}

macro_rules! endpoints {
    ($( $kind:ident $name:literal $([ $carried:ident ])? $module:ident :: $handler:ident ( $($arg:ty),* ) -> $result:ty ; )*) => {
        $( endpoints!(@$kind $name); )*
    };
    (@update $name:literal) => { export!(concat!("canister_update ", $name), host::update($name)); };
    (@freeing $name:literal) => { export!(concat!("canister_update ", $name), host::freeing_update($name)); };
    (@query $name:literal) => { export!(concat!("canister_query ", $name), host::query($name)); };
}

keepsake_service::for_each_endpoint!(endpoints);
export!("canister_init", install::init());
export!("canister_post_upgrade", install::post_upgrade());
export!("canister_inspect_message", inspect::inspect_message());
export!("canister_global_timer", timer::fired());

/// The bytes of a text, for a static.
#[cfg(target_family = "wasm")]
const fn bytes<const N: usize>(text: &str) -> [u8; N] {
    *text.as_bytes().first_chunk().expect("N is the text's length")
}

/// The interface, as agents and tools read it from the module.
#[cfg(target_family = "wasm")]
#[used]
#[unsafe(link_section = "icp:public candid:service")]
static SERVICE: [u8; keepsake_api::DID.len()] = bytes(keepsake_api::DID);

/// The arguments of install and upgrade, as tools read them from the module.
#[cfg(target_family = "wasm")]
#[used]
#[unsafe(link_section = "icp:public candid:args")]
static ARGUMENTS: [u8; install::ARGUMENTS.len()] = bytes(install::ARGUMENTS);

/// Asks the management canister for 32 random bytes. True where the call is on its way: then
/// [`timer::random_bytes_came`] or [`timer::random_bytes_failed`] follows in a message of its own.
pub(crate) fn ask_for_random_bytes() -> bool {
    extern "C" fn reply(_: usize) {
        host::catch_panics();
        timer::random_bytes_came(&ic_cdk::api::msg_arg_data());
    }
    extern "C" fn reject(_: usize) {
        timer::random_bytes_failed();
    }
    // SAFETY: both callbacks are entry points that take any environment and use none.
    unsafe { ic0::call_new(&[], "raw_rand", reply, 0, reject, 0) };
    ic0::call_data_append(b"DIDL\0\0");
    ic0::call_perform() == 0
}
