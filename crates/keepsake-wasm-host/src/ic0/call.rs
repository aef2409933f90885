//! Calls that the canister makes: collected here, carried out after the message by `canister/calls.rs`.

use candid::Principal;
use wasmtime::{Caller, Linker};

use super::{Charge, MODULE, enter, read, read_text, violation};
use crate::system::{Call, Closure, System};

/// Largest payload of a call, bytes.
const PAYLOAD_BYTES_MAX: usize = 2 << 20;

pub(super) fn link(linker: &mut Linker<System>) -> wasmtime::Result<()> {
    call_new(linker)?;
    linker.func_wrap(
        MODULE,
        "call_on_cleanup",
        |mut caller: Caller<'_, System>, function: u32, environment: u32| {
            enter(&mut caller, "call_on_cleanup", Charge::Nothing)?;
            let cleanup = Closure { function, environment };
            if prepared(&mut caller, "call_on_cleanup")?.on_cleanup.replace(cleanup).is_some() {
                return violation("ic0.call_on_cleanup was called twice for one call");
            }
            Ok(())
        },
    )?;
    linker.func_wrap(
        MODULE,
        "call_data_append",
        |mut caller: Caller<'_, System>, source: u32, size: u32| {
            enter(&mut caller, "call_data_append", Charge::Sent(size))?;
            let bytes = read(&mut caller, source, size)?;
            let call = prepared(&mut caller, "call_data_append")?;
            call.payload.extend_from_slice(&bytes);
            if call.payload.len() > PAYLOAD_BYTES_MAX {
                return violation(format!("a payload of more than {PAYLOAD_BYTES_MAX} bytes"));
            }
            Ok(())
        },
    )?;
    linker.func_wrap(
        MODULE,
        "call_cycles_add128",
        |mut caller: Caller<'_, System>, high: u64, low: u64| {
            enter(&mut caller, "call_cycles_add128", Charge::Nothing)?;
            prepared(&mut caller, "call_cycles_add128")?;
            if high > 0 || low > 0 {
                return violation("this host's calls carry no cycles");
            }
            Ok(())
        },
    )?;
    // Every call is answered at once, so a deadline changes nothing.
    linker.func_wrap(
        MODULE,
        "call_with_best_effort_response",
        |mut caller: Caller<'_, System>, _seconds: u32| {
            enter(&mut caller, "call_with_best_effort_response", Charge::Nothing)?;
            prepared(&mut caller, "call_with_best_effort_response").map(|_| ())
        },
    )?;
    linker.func_wrap(MODULE, "call_perform", |mut caller: Caller<'_, System>| {
        enter(&mut caller, "call_perform", Charge::Nothing)?;
        let message = &mut caller.data_mut().message;
        let Some(call) = message.preparing.take() else {
            return violation("ic0.call_perform without ic0.call_new");
        };
        message.calls.push(call);
        Ok(0_u32)
    })?;
    Ok(())
}

fn call_new(linker: &mut Linker<System>) -> wasmtime::Result<()> {
    linker.func_wrap(
        MODULE,
        "call_new",
        |mut caller: Caller<'_, System>,
         callee: u32,
         callee_size: u32,
         name: u32,
         name_size: u32,
         reply_function: u32,
         reply_environment: u32,
         reject_function: u32,
         reject_environment: u32| {
            enter(&mut caller, "call_new", Charge::Copied(callee_size.saturating_add(name_size)))?;
            let callee = read(&mut caller, callee, callee_size)?;
            let method = read_text(&mut caller, name, name_size)?;
            let Ok(callee) = Principal::try_from_slice(&callee) else {
                return violation("the callee is no principal");
            };
            caller.data_mut().message.preparing = Some(Call {
                callee,
                method,
                payload: Vec::new(),
                on_reply: Closure { function: reply_function, environment: reply_environment },
                on_reject: Closure { function: reject_function, environment: reject_environment },
                on_cleanup: None,
            });
            Ok(())
        },
    )?;
    Ok(())
}

/// The call that is being prepared.
fn prepared<'a>(caller: &'a mut Caller<'_, System>, by: &str) -> wasmtime::Result<&'a mut Call> {
    match &mut caller.data_mut().message.preparing {
        Some(call) => Ok(call),
        None => violation(format!("ic0.{by} without ic0.call_new")),
    }
}
