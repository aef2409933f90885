//! The system calls that a module may import, and what all of them share: permission, charge, access to the heap.
//!
//! Owns the list. Each group of calls has its own file; the state behind them is in `system.rs`.
//!
//! Source: [system API imports](https://internetcomputer.org/docs/references/ic-interface-spec#system-api-imports).

mod call;
mod environment;
mod message;
mod state;

use std::collections::BTreeSet;
use std::sync::OnceLock;

use wasmtime::{Caller, Engine, Linker, Store};

use crate::cost::{DIRTY_PAGE_INSTRUCTIONS, overhead};
use crate::error::Stop;
use crate::system::System;
use crate::weights;

/// Name of the module that all are imported from.
const MODULE: &str = "ic0";

/// Every call that is offered.
pub(crate) fn linker(engine: &Engine) -> Linker<System> {
    let mut linker = Linker::new(engine);
    for link in [message::link, state::link, environment::link, call::link] {
        link(&mut linker).expect("no name is given twice");
    }
    linker
}

/// The names of the calls that are offered.
pub(crate) fn names() -> &'static BTreeSet<String> {
    static NAMES: OnceLock<BTreeSet<String>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let engine = Engine::default();
        let linker = linker(&engine);
        // The store is only asked for because instances could be linked too.
        let mut store: Store<System> = Store::new(&engine, crate::canister::blank());
        linker.iter(&mut store).map(|(_, name, _)| name.to_owned()).collect()
    })
}

/// The part of a system call's charge that depends on its arguments: bytes, by what happens to them.
#[derive(Clone, Copy)]
enum Charge {
    Nothing,
    Copied(u32),
    Sent(u32),
    Stable(u32),
}

/// Begins a system call: is it allowed here, and is it paid for?
fn enter(caller: &mut Caller<'_, System>, call: &str, charge: Charge) -> wasmtime::Result<()> {
    let message = &mut caller.data_mut().message;
    if !message.kind.may_call(call) {
        return violation(format!("ic0.{call} cannot be executed in {:?} mode", message.kind));
    }
    let before = message.cost.charged();
    message.cost.system += overhead(call);
    match charge {
        Charge::Nothing => {}
        Charge::Copied(bytes) => message.cost.copied_bytes += u64::from(bytes),
        Charge::Sent(bytes) => message.cost.sent_bytes += u64::from(bytes),
        Charge::Stable(bytes) => message.cost.stable_bytes += u64::from(bytes),
    }
    let instructions = message.cost.charged() - before;
    // The weight of a call expects the one unit that entering a wasm function takes.
    pay(caller, instructions + weights::ENTRY)
}

/// Charges for pages of stable memory that became dirty.
fn pay_dirty_pages(caller: &mut Caller<'_, System>, pages: u64) -> wasmtime::Result<()> {
    caller.data_mut().message.cost.dirty_stable_pages += pages;
    pay(caller, pages * DIRTY_PAGE_INSTRUCTIONS)
}

fn pay(caller: &mut Caller<'_, System>, instructions: u64) -> wasmtime::Result<()> {
    let left = caller.get_fuel()?;
    caller.set_fuel(left.saturating_sub(instructions))?;
    if left < instructions { Err(Stop::OutOfInstructions.into()) } else { Ok(()) }
}

fn violation<T>(what: impl Into<String>) -> wasmtime::Result<T> {
    Err(Stop::Violation(what.into()).into())
}

/// The bytes of the heap from `at`, and the state.
fn heap<'a>(
    caller: &'a mut Caller<'_, System>,
    at: u32,
    len: u32,
) -> wasmtime::Result<(&'a mut [u8], &'a mut System)> {
    let Some(memory) = caller.data().memory else { return violation("the module has not started") };
    let (heap, system) = memory.data_and_store_mut(caller);
    let range = at as usize..at as usize + len as usize;
    match heap.get_mut(range) {
        Some(bytes) => Ok((bytes, system)),
        None => violation(format!("heap out of bounds: {len} bytes at {at}")),
    }
}

/// Size of the heap.
fn heap_bytes(caller: &Caller<'_, System>) -> wasmtime::Result<u64> {
    match caller.data().memory {
        Some(memory) => Ok(memory.data_size(caller) as u64),
        None => violation("the module has not started"),
    }
}

/// A copy of bytes of the heap.
fn read(caller: &mut Caller<'_, System>, at: u32, len: u32) -> wasmtime::Result<Vec<u8>> {
    Ok(heap(caller, at, len)?.0.to_vec())
}

/// Text from the heap; damage in it is replaced.
fn read_text(caller: &mut Caller<'_, System>, at: u32, len: u32) -> wasmtime::Result<String> {
    Ok(String::from_utf8_lossy(heap(caller, at, len)?.0).into_owned())
}

/// Copies a part of what `pick` finds to the heap.
fn copy_out(
    caller: &mut Caller<'_, System>,
    (target, offset, size): (u32, u32, u32),
    pick: impl FnOnce(&mut System) -> &[u8],
) -> wasmtime::Result<()> {
    let (bytes, system) = heap(caller, target, size)?;
    let source = pick(system);
    match source.get(offset as usize..offset as usize + size as usize) {
        Some(part) => bytes.copy_from_slice(part),
        None => return violation(format!("{size} bytes at {offset} of {}", source.len())),
    }
    Ok(())
}

/// Writes an amount of cycles, 16 bytes.
fn write_u128(caller: &mut Caller<'_, System>, at: u32, value: u128) -> wasmtime::Result<()> {
    heap(caller, at, 16)?.0.copy_from_slice(&value.to_le_bytes());
    Ok(())
}

/// A length as wasm sees it.
fn size_of(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("what is shown to a canister is below 4 GiB")
}
