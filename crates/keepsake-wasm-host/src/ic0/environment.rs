//! Where the canister runs: who it is, who controls it, the time, cycles, counters.

use wasmtime::{Caller, Linker};

use super::{Charge, MODULE, copy_out, enter, heap_bytes, read, size_of, violation, write_u128};
use crate::system::{Kind, System};
use crate::weights;

/// `canister_status`: running.
const RUNNING: u32 = 1;

/// The IC's fees on 13 nodes for a call between canisters: for each, and for each byte of name and payload.
const CALL_CYCLES: u128 = 260_000;
const CALL_BYTE_CYCLES: u128 = 1_000;

pub(super) fn link(linker: &mut Linker<System>) -> wasmtime::Result<()> {
    identity(linker)?;
    clocks(linker)?;
    cycles(linker)
}

fn identity(linker: &mut Linker<System>) -> wasmtime::Result<()> {
    linker.func_wrap(MODULE, "canister_self_size", |mut caller: Caller<'_, System>| {
        enter(&mut caller, "canister_self_size", Charge::Nothing)?;
        Ok(size_of(caller.data().id.as_slice()))
    })?;
    linker.func_wrap(
        MODULE,
        "canister_self_copy",
        |mut caller: Caller<'_, System>, target: u32, offset: u32, size: u32| {
            enter(&mut caller, "canister_self_copy", Charge::Copied(size))?;
            copy_out(&mut caller, (target, offset, size), |system| system.id.as_slice())
        },
    )?;
    linker.func_wrap(MODULE, "is_controller", |mut caller: Caller<'_, System>, source: u32, size: u32| {
        enter(&mut caller, "is_controller", Charge::Copied(size))?;
        let principal = read(&mut caller, source, size)?;
        let known = caller.data().controllers.iter().any(|known| known.as_slice() == principal);
        Ok(u32::from(known))
    })?;
    linker.func_wrap(MODULE, "root_key_size", |mut caller: Caller<'_, System>| {
        enter(&mut caller, "root_key_size", Charge::Nothing)?;
        Ok(size_of(caller.data().root.public_der()))
    })?;
    linker.func_wrap(
        MODULE,
        "root_key_copy",
        |mut caller: Caller<'_, System>, target: u32, offset: u32, size: u32| {
            enter(&mut caller, "root_key_copy", Charge::Copied(size))?;
            copy_out(&mut caller, (target, offset, size), |system| system.root.public_der())
        },
    )?;
    linker.func_wrap(MODULE, "canister_status", |mut caller: Caller<'_, System>| {
        enter(&mut caller, "canister_status", Charge::Nothing)?;
        Ok(RUNNING)
    })?;
    linker.func_wrap(MODULE, "canister_version", |mut caller: Caller<'_, System>| {
        enter(&mut caller, "canister_version", Charge::Nothing)?;
        Ok(caller.data().durable.version)
    })?;
    // No variables are set.
    linker.func_wrap(MODULE, "env_var_count", |mut caller: Caller<'_, System>| {
        enter(&mut caller, "env_var_count", Charge::Nothing)?;
        Ok(0_u32)
    })?;
    linker.func_wrap(MODULE, "env_var_name_exists", |mut caller: Caller<'_, System>, _: u32, _: u32| {
        enter(&mut caller, "env_var_name_exists", Charge::Nothing)?;
        Ok(0_u32)
    })?;
    Ok(())
}

fn clocks(linker: &mut Linker<System>) -> wasmtime::Result<()> {
    linker.func_wrap(MODULE, "time", |mut caller: Caller<'_, System>| {
        enter(&mut caller, "time", Charge::Nothing)?;
        Ok(caller.data().now_ns)
    })?;
    linker.func_wrap(MODULE, "in_replicated_execution", |mut caller: Caller<'_, System>| {
        enter(&mut caller, "in_replicated_execution", Charge::Nothing)?;
        Ok(u32::from(!matches!(caller.data().message.kind, Kind::Query | Kind::Inspect)))
    })?;
    linker.func_wrap(MODULE, "performance_counter", |mut caller: Caller<'_, System>, counter: u32| {
        enter(&mut caller, "performance_counter", Charge::Nothing)?;
        let limit = caller.data().limit() + weights::ENTRY;
        let earlier = caller.data().message.earlier_instructions;
        let used = (limit - caller.get_fuel()?).saturating_sub(weights::ENTRY);
        match counter {
            0 => Ok(used),
            1 => Ok(earlier + used),
            _ => violation(format!("there is no performance counter {counter}")),
        }
    })?;
    Ok(())
}

fn cycles(linker: &mut Linker<System>) -> wasmtime::Result<()> {
    linker.func_wrap(
        MODULE,
        "canister_cycle_balance128",
        |mut caller: Caller<'_, System>, target: u32| {
            enter(&mut caller, "canister_cycle_balance128", Charge::Nothing)?;
            let balance = caller.data().cycles;
            write_u128(&mut caller, target, balance)
        },
    )?;
    linker.func_wrap(
        MODULE,
        "canister_liquid_cycle_balance128",
        |mut caller: Caller<'_, System>, target: u32| {
            enter(&mut caller, "canister_liquid_cycle_balance128", Charge::Nothing)?;
            let heap_bytes = heap_bytes(&caller)?;
            let system = caller.data();
            let frozen = system.freezing_cycles(system.memory_bytes(heap_bytes));
            let liquid = system.cycles.saturating_sub(frozen);
            write_u128(&mut caller, target, liquid)
        },
    )?;
    // Nobody sends cycles to this canister.
    for name in ["msg_cycles_available128", "msg_cycles_refunded128"] {
        linker.func_wrap(MODULE, name, move |mut caller: Caller<'_, System>, target: u32| {
            enter(&mut caller, name, Charge::Nothing)?;
            write_u128(&mut caller, target, 0)
        })?;
    }
    linker.func_wrap(
        MODULE,
        "msg_cycles_accept128",
        |mut caller: Caller<'_, System>, _high: u64, _low: u64, target: u32| {
            enter(&mut caller, "msg_cycles_accept128", Charge::Nothing)?;
            write_u128(&mut caller, target, 0)
        },
    )?;
    linker.func_wrap(
        MODULE,
        "cost_call",
        |mut caller: Caller<'_, System>, name_bytes: u64, payload_bytes: u64, target: u32| {
            enter(&mut caller, "cost_call", Charge::Nothing)?;
            let bytes = u128::from(name_bytes) + u128::from(payload_bytes);
            let cost = caller.data().subnet.scaled(CALL_CYCLES + bytes * CALL_BYTE_CYCLES);
            write_u128(&mut caller, target, cost)
        },
    )?;
    Ok(())
}
