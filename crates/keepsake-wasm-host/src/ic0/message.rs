//! The message that runs: its argument, its caller, its answer.

use wasmtime::{Caller, Linker};

use super::{Charge, MODULE, copy_out, enter, read, read_text, size_of, violation};
use crate::error::{Rejection, Stop};
use crate::system::System;

pub(super) fn link(linker: &mut Linker<System>) -> wasmtime::Result<()> {
    inputs(linker)?;
    rejections(linker)?;
    answers(linker)?;
    inspection(linker)?;
    words(linker)
}

fn inputs(linker: &mut Linker<System>) -> wasmtime::Result<()> {
    linker.func_wrap(MODULE, "msg_arg_data_size", |mut caller: Caller<'_, System>| {
        enter(&mut caller, "msg_arg_data_size", Charge::Nothing)?;
        Ok(size_of(&caller.data().message.arg))
    })?;
    linker.func_wrap(
        MODULE,
        "msg_arg_data_copy",
        |mut caller: Caller<'_, System>, target: u32, offset: u32, size: u32| {
            enter(&mut caller, "msg_arg_data_copy", Charge::Copied(size))?;
            copy_out(&mut caller, (target, offset, size), |system| &system.message.arg)
        },
    )?;
    linker.func_wrap(MODULE, "msg_caller_size", |mut caller: Caller<'_, System>| {
        enter(&mut caller, "msg_caller_size", Charge::Nothing)?;
        Ok(size_of(caller.data().message.caller.as_slice()))
    })?;
    linker.func_wrap(
        MODULE,
        "msg_caller_copy",
        |mut caller: Caller<'_, System>, target: u32, offset: u32, size: u32| {
            enter(&mut caller, "msg_caller_copy", Charge::Copied(size))?;
            copy_out(&mut caller, (target, offset, size), |system| system.message.caller.as_slice())
        },
    )?;
    // 0: the call has no deadline.
    linker.func_wrap(MODULE, "msg_deadline", |mut caller: Caller<'_, System>| {
        enter(&mut caller, "msg_deadline", Charge::Nothing)?;
        Ok(0_u64)
    })?;
    Ok(())
}

fn rejection(system: &mut System) -> Option<&Rejection> {
    system.message.rejection.as_ref()
}

fn rejections(linker: &mut Linker<System>) -> wasmtime::Result<()> {
    linker.func_wrap(MODULE, "msg_reject_code", |mut caller: Caller<'_, System>| {
        enter(&mut caller, "msg_reject_code", Charge::Nothing)?;
        Ok(rejection(caller.data_mut()).map_or(0_u32, |rejection| rejection.code.into()))
    })?;
    linker.func_wrap(MODULE, "msg_reject_msg_size", |mut caller: Caller<'_, System>| {
        enter(&mut caller, "msg_reject_msg_size", Charge::Nothing)?;
        Ok(rejection(caller.data_mut()).map_or(0, |rejection| size_of(rejection.message.as_bytes())))
    })?;
    linker.func_wrap(
        MODULE,
        "msg_reject_msg_copy",
        |mut caller: Caller<'_, System>, target: u32, offset: u32, size: u32| {
            enter(&mut caller, "msg_reject_msg_copy", Charge::Copied(size))?;
            copy_out(&mut caller, (target, offset, size), |system| {
                rejection(system).map_or(&[][..], |rejection| rejection.message.as_bytes())
            })
        },
    )?;
    Ok(())
}

fn answers(linker: &mut Linker<System>) -> wasmtime::Result<()> {
    linker.func_wrap(
        MODULE,
        "msg_reply_data_append",
        |mut caller: Caller<'_, System>, source: u32, size: u32| {
            enter(&mut caller, "msg_reply_data_append", Charge::Sent(size))?;
            not_answered(&mut caller)?;
            let bytes = read(&mut caller, source, size)?;
            let message = &mut caller.data_mut().message;
            let (len, most) = (message.reply.len() + bytes.len(), message.kind.reply_bytes_max());
            if len > most {
                return violation(format!("a reply of {len} bytes, at most {most} fit"));
            }
            message.reply.extend_from_slice(&bytes);
            Ok(())
        },
    )?;
    linker.func_wrap(MODULE, "msg_reply", |mut caller: Caller<'_, System>| {
        enter(&mut caller, "msg_reply", Charge::Nothing)?;
        not_answered(&mut caller)?;
        let message = &mut caller.data_mut().message;
        message.answer = Some(Ok(std::mem::take(&mut message.reply)));
        Ok(())
    })?;
    linker.func_wrap(MODULE, "msg_reject", |mut caller: Caller<'_, System>, source: u32, size: u32| {
        enter(&mut caller, "msg_reject", Charge::Sent(size))?;
        not_answered(&mut caller)?;
        let text = read_text(&mut caller, source, size)?;
        caller.data_mut().message.answer = Some(Err(Rejection::by_canister(text)));
        Ok(())
    })?;
    Ok(())
}

fn not_answered(caller: &mut Caller<'_, System>) -> wasmtime::Result<()> {
    let message = &caller.data().message;
    if message.may_answer && message.answer.is_none() {
        return Ok(());
    }
    violation("the call was already replied")
}

fn inspection(linker: &mut Linker<System>) -> wasmtime::Result<()> {
    linker.func_wrap(MODULE, "msg_method_name_size", |mut caller: Caller<'_, System>| {
        enter(&mut caller, "msg_method_name_size", Charge::Nothing)?;
        Ok(size_of(caller.data().message.method.as_bytes()))
    })?;
    linker.func_wrap(
        MODULE,
        "msg_method_name_copy",
        |mut caller: Caller<'_, System>, target: u32, offset: u32, size: u32| {
            enter(&mut caller, "msg_method_name_copy", Charge::Copied(size))?;
            copy_out(&mut caller, (target, offset, size), |system| system.message.method.as_bytes())
        },
    )?;
    linker.func_wrap(MODULE, "accept_message", |mut caller: Caller<'_, System>| {
        enter(&mut caller, "accept_message", Charge::Nothing)?;
        if std::mem::replace(&mut caller.data_mut().message.accepted, true) {
            return violation("ic0.accept_message was called twice");
        }
        Ok(())
    })?;
    Ok(())
}

fn words(linker: &mut Linker<System>) -> wasmtime::Result<()> {
    // What is logged is stored and the oldest dropped: twice the bytes; see the table in `cost.rs`.
    linker.func_wrap(MODULE, "debug_print", |mut caller: Caller<'_, System>, source: u32, size: u32| {
        enter(&mut caller, "debug_print", Charge::Copied(size.saturating_mul(2)))?;
        let text = read_text(&mut caller, source, size)?;
        caller.data_mut().print(text);
        Ok(())
    })?;
    linker.func_wrap(MODULE, "trap", |mut caller: Caller<'_, System>, source: u32, size: u32| {
        enter(&mut caller, "trap", Charge::Copied(size.saturating_mul(3)))?;
        let text = read_text(&mut caller, source, size)?;
        Err::<(), _>(Stop::Called(text).into())
    })?;
    Ok(())
}
