//! What the canister keeps: stable memory, certified data and its certificate, the global timer.

use wasmtime::{Caller, Linker};

use super::{Charge, MODULE, copy_out, enter, heap, heap_bytes, pay_dirty_pages, read, size_of, violation};
use crate::error::Stop;
use crate::stable::WASM_PAGE_BYTES;
use crate::system::System;

/// Most bytes of certified data.
const CERTIFIED_BYTES_MAX: u32 = 32;

pub(super) fn link(linker: &mut Linker<System>) -> wasmtime::Result<()> {
    stable(linker)?;
    certified(linker)?;
    linker.func_wrap(MODULE, "global_timer_set", |mut caller: Caller<'_, System>, at_ns: u64| {
        enter(&mut caller, "global_timer_set", Charge::Nothing)?;
        Ok(std::mem::replace(&mut caller.data_mut().durable.timer_at_ns, at_ns))
    })?;
    Ok(())
}

fn stable(linker: &mut Linker<System>) -> wasmtime::Result<()> {
    linker.func_wrap(MODULE, "stable64_size", |mut caller: Caller<'_, System>| {
        enter(&mut caller, "stable64_size", Charge::Nothing)?;
        Ok(caller.data().stable.wasm_pages())
    })?;
    linker.func_wrap(MODULE, "stable64_grow", |mut caller: Caller<'_, System>, pages: u64| {
        enter(&mut caller, "stable64_grow", Charge::Nothing)?;
        let heap_bytes = heap_bytes(&caller)?;
        let system = caller.data_mut();
        let fits = system.stable.wasm_pages().checked_add(pages) <= Some(system.stable_pages_max);
        if fits {
            payable(system, heap_bytes, pages)?;
        }
        Ok(if fits { system.stable.grow(pages) } else { None }.unwrap_or(u64::MAX))
    })?;
    linker.func_wrap(
        MODULE,
        "stable64_read",
        |mut caller: Caller<'_, System>, target: u64, offset: u64, size: u64| {
            let (target, size) = (small(target)?, small(size)?);
            enter(&mut caller, "stable64_read", Charge::Stable(size))?;
            let (bytes, system) = heap(&mut caller, target, size)?;
            system.stable.read(offset, bytes).or_else(|error| violation(error.to_string()))
        },
    )?;
    linker.func_wrap(
        MODULE,
        "stable64_write",
        |mut caller: Caller<'_, System>, offset: u64, source: u64, size: u64| {
            let (source, size) = (small(source)?, small(size)?);
            enter(&mut caller, "stable64_write", Charge::Stable(size))?;
            let (bytes, system) = heap(&mut caller, source, size)?;
            let pages = system.stable.write(offset, bytes).or_else(|error| violation(error.to_string()))?;
            pay_dirty_pages(&mut caller, pages)
        },
    )?;
    Ok(())
}

/// Refuses growth that would freeze the canister.
fn payable(system: &System, heap_bytes: u64, pages: u64) -> wasmtime::Result<()> {
    let bytes = pages * WASM_PAGE_BYTES;
    let (frozen, cycles) = (system.freezing_cycles(system.memory_bytes(heap_bytes) + bytes), system.cycles);
    if pages == 0 || cycles >= frozen || !system.message.kind.pays_for_memory() {
        return Ok(());
    }
    Err(Stop::InsufficientCyclesInMemoryGrow { bytes, cycles, frozen }.into())
}

/// An address or a length in a heap of 32 bits.
fn small(value: u64) -> wasmtime::Result<u32> {
    u32::try_from(value).or_else(|_| violation(format!("heap out of bounds: {value}")))
}

fn certified(linker: &mut Linker<System>) -> wasmtime::Result<()> {
    linker.func_wrap(
        MODULE,
        "certified_data_set",
        |mut caller: Caller<'_, System>, source: u32, size: u32| {
            enter(&mut caller, "certified_data_set", Charge::Copied(size))?;
            if size > CERTIFIED_BYTES_MAX {
                return violation(format!(
                    "{size} bytes of certified data, at most {CERTIFIED_BYTES_MAX} fit"
                ));
            }
            let bytes = read(&mut caller, source, size)?;
            caller.data_mut().durable.certified_data = bytes;
            Ok(())
        },
    )?;
    linker.func_wrap(MODULE, "data_certificate_present", |mut caller: Caller<'_, System>| {
        enter(&mut caller, "data_certificate_present", Charge::Nothing)?;
        Ok(u32::from(caller.data().message.kind.may_call("data_certificate_copy")))
    })?;
    linker.func_wrap(MODULE, "data_certificate_size", |mut caller: Caller<'_, System>| {
        enter(&mut caller, "data_certificate_size", Charge::Nothing)?;
        Ok(size_of(caller.data_mut().certificate()))
    })?;
    linker.func_wrap(
        MODULE,
        "data_certificate_copy",
        |mut caller: Caller<'_, System>, target: u32, offset: u32, size: u32| {
            enter(&mut caller, "data_certificate_copy", Charge::Copied(size))?;
            copy_out(&mut caller, (target, offset, size), System::certificate)
        },
    )?;
    Ok(())
}
