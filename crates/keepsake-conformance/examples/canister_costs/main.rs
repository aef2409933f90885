//! Counts what a module of the canister costs, and prints one `name value` a line: instructions, instructions per byte,
//! or bytes. `cargo xtask bench canister` runs it, knows the targets and keeps the numbers.
//!
//! Owns what is measured and how each state comes about. Large states are made natively, by the same service over the
//! same memory map, and the module finds them as an earlier module would have left them: zeros take no room there.
//!
//! ```sh
//! cargo run -p keepsake-conformance --example canister_costs -- target/canister/keepsake.wasm.gz [--quick]
//! ```
//! With `--quick`: only what takes seconds. The counts are the same then; the same module counts the same every time.

mod files;
mod large;
mod native;
mod on_canister;
mod sender;

use candid::Principal;
use files::{CHUNK_BYTES, Photo, begin, put};
use keepsake_conformance::api::{Answer, Link, LinkOptions, Memory, Passkey, Role};
use keepsake_conformance::samples;
use keepsake_wasm_host::{CanisterModule, Instructions, SENT_BYTE_INSTRUCTIONS};
use on_canister::OnCanister;
use sender::Sender;
use serde_bytes::ByteBuf;

type Failure = Box<dyn std::error::Error>;

/// Bytes of a small photo.
const SMALL_BYTES: u64 = 1_000_000;
/// Bytes of a photo in one message whose files are too short to matter, and how many more of them tell what each takes.
const FEW_BYTES: usize = 100;
const MANY_BYTES: usize = 1_700_000;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("name the module's file")?;
    let quick = match arguments.next().as_deref() {
        None => false,
        Some("--quick") => true,
        Some(other) => return Err(format!("{other}: only --quick is known").into()),
    };
    let packed = std::fs::read(path)?;
    let module = CanisterModule::compile(&packed)?;
    tell("module_gzipped_bytes", packed.len());
    bytes(&module)?;
    let mut small = OnCanister::installed(&module)?;
    messages(&mut small, SMALL_BYTES, "1_mb")?;
    carried(&mut small, "1_mb")?;
    door(&module)?;
    among(&module, 1_000)?;
    large::page(&module, 1_000)?;
    large::heap(&module, 2, "20_mb")?;
    if !quick {
        messages(&mut OnCanister::over(&module, large::one_file(10_000_000_000)?)?, 10_000_000_000, "10_gb")?;
        among(&module, 10_000)?;
        among(&module, 100_000)?;
        large::page(&module, 100_000)?;
        large::upgrade(&module)?;
        large::heap(&module, 200, "2_gb")?;
    }
    Ok(())
}

fn tell(name: &str, value: impl std::fmt::Display) {
    println!("{name} {value}");
}

fn tell_per_byte(name: &str, instructions: u64) {
    tell(name, per_byte(instructions, CHUNK_BYTES));
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn per_byte(instructions: u64, bytes: u64) -> String {
    format!("{:.3}", instructions as f64 / bytes as f64)
}

/// What goes by the byte: chunks in, with and without the hash, and out.
fn bytes(module: &CanisterModule) -> Result<(), Failure> {
    let mut user = OnCanister::installed(module)?;
    let capsule = user.capsule()?;
    let id = begin(&mut user, &capsule, 5 * CHUNK_BYTES, "bytes")?;
    let chunk = |index: u32| samples::bytes(files::CHUNK, u64::from(index) + 1);
    // The first one makes room on the heap, which stays for those that follow.
    put(&mut user, id, 0, &chunk(0))?;
    tell_per_byte("put_chunk_first_per_byte", user.cost().total());
    put(&mut user, id, 1, &chunk(1))?;
    tell_per_byte("put_chunk_per_byte", user.cost().total());
    // Chunk 2 is missing: the hash waits for it and takes nothing of this one.
    put(&mut user, id, 3, &chunk(3))?;
    tell_per_byte("put_chunk_but_hash_per_byte", user.cost().total());
    for index in [2, 4] {
        put(&mut user, id, index, &chunk(index))?;
    }
    let whole: Vec<u8> = (0..5).flat_map(chunk).collect();
    let done = files::finish(&mut user, id, &samples::sha256(&whole), 5 * CHUNK_BYTES)?;
    let read: Answer<ByteBuf> = user.ask("blob_read_chunk", (&done.blob_id, 1_u32))?;
    if read.map_err(|error| format!("{error:?}"))? != chunk(1) {
        return Err("a chunk came back changed".into());
    }
    let cost = user.cost();
    tell_per_byte("read_chunk_per_byte", cost.total() - cost.sent_bytes * SENT_BYTE_INSTRUCTIONS);
    Ok(())
}

/// Begin, and the three ends of an upload of `len` bytes, each in a copy of the same canister. The copy has nothing
/// on its heap yet, as after an upgrade.
fn messages(user: &mut OnCanister, len: u64, size: &str) -> Result<(), Failure> {
    let capsule = user.capsule()?;
    begin(&mut user.fork(), &capsule, len, "another")?;
    let mut beginner = user.fork();
    begin(&mut beginner, &capsule, len, "another")?;
    report("begin", size, beginner.cost());
    let photo = Photo::uploaded(user, &capsule, len)?;
    let mut finisher = user.fork();
    files::finish(&mut finisher, photo.original.id, &photo.original.sha256, len)?;
    report("finish", size, finisher.cost());
    let mut aborter = user.fork();
    aborter
        .ask::<Answer<()>>("uploads_abort", (photo.original.id,))?
        .map_err(|error| format!("{error:?}"))?;
    report("abort", size, aborter.cost());
    let mut publisher = user.fork();
    photo.publish(&mut publisher, &capsule, "photo")?;
    report("publish_of_4", size, publisher.cost());
    let mut publisher = user.fork();
    photo.publish_sessions(&mut publisher, &capsule, "photo")?;
    report("publish_of_4_sessions", size, publisher.cost());
    Ok(())
}

/// What it costs that a device asks and not its account, and a link and not a guest.
fn door(module: &CanisterModule) -> Result<(), Failure> {
    let mut user = OnCanister::installed(module)?;
    let capsule = user.capsule()?;
    let note = files::publish_carried(&mut user, &capsule, "note", FEW_BYTES)?;
    let [account, device, guest, link] = [
        sender::user(),
        key(b"device"),
        key(b"guest"),
        Principal::self_authenticating(samples::link_key("link")),
    ];
    let code: Answer<String> = user.ask("devices_invite", ("Phone",))?;
    let code = code.map_err(|error| format!("{error:?}"))?;
    done(user.ask("capsules_grant", (&capsule, guest, Role::Guest))?)?;
    let made: Answer<Link> =
        user.ask("links_create", (&capsule, samples::link_key("link"), None::<LinkOptions>))?;
    made.map_err(|error| format!("{error:?}"))?;
    user.calls_as(device);
    let joined: Answer<Principal> = user.ask("devices_join", (&code, "", None::<Passkey>))?;
    joined.map_err(|error| format!("{error:?}"))?;
    let mut begun = Vec::new();
    for caller in [account, device] {
        let mut caller = user.fork_for(caller);
        begin(&mut caller, &capsule, SMALL_BYTES, "door")?;
        begun.push(caller.cost().total());
    }
    tell("door_device", begun[1].saturating_sub(begun[0]));
    let mut looked = Vec::new();
    for caller in [guest, link] {
        let mut caller = user.fork_for(caller);
        let read: Answer<Memory> = caller.ask("memories_read", (&note.memory_id,))?;
        read.map_err(|error| format!("{error:?}"))?;
        looked.push(caller.cost().total());
    }
    tell("read_by_guest", looked[0]);
    tell("read_by_link", looked[1]);
    Ok(())
}

fn key(name: &[u8]) -> Principal {
    Principal::self_authenticating(name)
}

fn done(answer: Answer<()>) -> Result<(), Failure> {
    answer.map_err(|error| format!("{error:?}").into())
}

/// A photo in one message, in a copy of the same canister.
fn carried(user: &mut OnCanister, size: &str) -> Result<(), Failure> {
    let capsule = user.capsule()?;
    let mut publisher = user.fork();
    files::publish_carried(&mut publisher, &capsule, "carried", FEW_BYTES)?;
    let few = publisher.cost().total();
    tell(&format!("publish_carried_{size}"), few);
    let mut publisher = user.fork();
    files::publish_carried(&mut publisher, &capsule, "carried", FEW_BYTES + MANY_BYTES)?;
    let many = publisher.cost().total();
    tell(&format!("publish_carried_per_byte_{size}"), per_byte(many - few, MANY_BYTES as u64));
    Ok(())
}

/// All of it for a small photo where `count` were published before.
fn among(module: &CanisterModule, count: u32) -> Result<(), Failure> {
    let mut user = OnCanister::over(module, large::published(count)?)?;
    let size = format!("among_{count}");
    messages(&mut user, SMALL_BYTES, &size)?;
    carried(&mut user, &size)
}

fn report(what: &str, size: &str, cost: Instructions) {
    tell(&format!("{what}_{size}"), cost.total());
}
