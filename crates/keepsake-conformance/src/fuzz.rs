//! What a fuzzer's bytes are turned into: runs of the model, Candid arguments, HTTP requests, upload tickets. Owns the bodies;
//! `fuzz/` holds the thin targets for cargo-fuzz, and a test feeds them bytes from a generator.
//!
//! Each panics when a promise is broken, and only then. The messages that are changed, and who may sign them, are in `life`.

mod life;
mod signed;

pub use signed::{a_stranger_leaves_nothing, everything_by_everybody, methods, signed};

use crate::model::in_process::World;
use crate::model::{Delivery, Subject, replay};
use arbitrary::{Arbitrary, Unstructured};
use candid::Principal;
use keepsake_client::api::{Answer, HttpRequest, HttpResponse};
use keepsake_service::open_ticket;
use life::{Message, lived_in, looked_at, session_of};
use serde_bytes::ByteBuf;

/// Operations of one run: enough for a session's whole life, few enough to be fast.
const RUN_MAX: usize = 120;

/// Runs of the model, as in `tests/it/model.rs`.
///
/// # Panics
/// Where model and system disagree.
pub fn model(data: &[u8]) {
    let mut source = Unstructured::new(data);
    let bounds = World::bounds_of(source.arbitrary::<u8>().unwrap_or(0).into());
    let mut list = Vec::new();
    while list.len() < RUN_MAX && !source.is_empty() {
        match Delivery::arbitrary(&mut source) {
            Ok(delivery) => list.push(delivery),
            Err(_) => break,
        }
    }
    if let Err(why) = replay(&list, 1, &mut World::new(bounds)) {
        panic!("{why}\n{list:#?}");
    }
}

/// A message that the service understands, with some of its bytes changed: never a panic, never a store that is not
/// sound, and nothing changed where there was no `Ok`.
///
/// # Panics
/// Where that does not hold.
pub fn arguments(data: &[u8]) {
    let mut source = Unstructured::new(data);
    let (mut world, messages) = lived_in();
    let picked = source.choose_index(messages.len()).unwrap_or(0);
    let Message { who, update, method, mut arg, .. } = messages[picked].clone();
    for _ in 0..source.int_in_range(0..=6_u8).unwrap_or(0) {
        change(&mut arg, &mut source);
    }
    let before = world.store_image();
    let reply = if update { world.update(who, method, &arg) } else { world.query(who, method, &arg) };
    let done = reply.as_ref().is_ok_and(|reply| !is_refusal(reply));
    assert_eq!(world.violations(), Vec::<String>::new(), "{method} {arg:02x?}");
    assert!(
        done && update || world.store_image() == before,
        "{method} was refused and changed something: {arg:02x?}"
    );
}

/// A request to `/asset/…`: an answer from the table of HTTP, and private bytes only for the token that was minted.
///
/// # Panics
/// Where that does not hold.
pub fn http(data: &[u8]) {
    looked_at(|world, messages| http_in(world, messages, data));
}

fn http_in(world: &mut World, messages: &[Message], data: &[u8]) {
    let mut source = Unstructured::new(data);
    let minted = messages.iter().find_map(|message| mint(world, message.who)).expect("a memory is there");
    let mut url = match source.int_in_range(0..=3_u8).unwrap_or(0) {
        0 => "/asset/mem_1/original".to_owned(),
        1 => format!("/asset/mem_1/original?token={minted}"),
        2 => format!("/asset/mem_1/asset_1?token={minted}"),
        _ => "/asset/".to_owned(),
    }
    .into_bytes();
    for _ in 0..source.int_in_range(0..=4_u8).unwrap_or(0) {
        change(&mut url, &mut source);
    }
    let text = |source: &mut Unstructured<'_>| String::from_utf8_lossy(&some_bytes(source, 40)).into_owned();
    let url = String::from_utf8_lossy(&url).into_owned();
    let method = ["GET", "HEAD", "POST", ""][source.choose_index(4).unwrap_or(0)].to_owned();
    let headers = vec![
        ("Range".into(), format!("bytes={}", text(&mut source))),
        ("If-None-Match".into(), text(&mut source)),
        ("If-Range".into(), text(&mut source)),
    ];
    let request = HttpRequest { method, url, headers, body: ByteBuf::new(), certificate_version: Some(2) };
    let arg = candid::encode_one(&request).expect("a request encodes");
    let reply = world.query(Principal::anonymous(), "http_request", &arg).expect("every request is answered");
    let answer: HttpResponse = candid::decode_one(&reply).expect("the answer has its type");
    assert!(
        [200, 206, 304, 401, 403, 404, 405, 416].contains(&answer.status_code),
        "{request:?}: {answer:?}"
    );
    let allowed = request.url.contains(&minted);
    let shown = matches!(answer.status_code, 200 | 206 | 304);
    assert!(!shown || allowed, "private bytes without the token: {request:?}");
    let broken =
        |(name, value): &(String, String)| [name, value].iter().any(|text| text.contains(['\r', '\n']));
    assert!(!answer.headers.iter().any(broken), "a header holds a line break: {answer:?}");
}

/// An upload ticket with some of its characters changed: opens nothing, unless it is the one that was minted, and that one
/// only in its time.
///
/// # Panics
/// Where that does not hold.
pub fn ticket(data: &[u8]) {
    looked_at(|world, messages| ticket_in(world, messages, data));
}

fn ticket_in(world: &mut World, messages: &[Message], data: &[u8]) {
    const LIFE_SECS: u32 = 600;
    let mut source = Unstructured::new(data);
    let (who, session) = messages.iter().find_map(session_of).expect("a session is there");
    let arg = candid::encode_args((session, LIFE_SECS)).expect("it encodes");
    let reply = world.query(who, "mint_upload_ticket", &arg).expect("minting is answered");
    let minted: Answer<String> = candid::decode_one(&reply).expect("the answer has its type");
    let minted = minted.expect("its caller may put chunks");
    let mut text = match source.int_in_range(0..=2_u8).unwrap_or(0) {
        // A token of the other kind, with the same secret.
        0 => mint(world, who).unwrap_or_default(),
        _ => minted.clone(),
    }
    .into_bytes();
    for _ in 0..source.int_in_range(0..=4_u8).unwrap_or(0) {
        change(&mut text, &mut source);
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    let later_ns = u64::from(source.int_in_range(0..=2 * LIFE_SECS).unwrap_or(0)) * 1_000_000_000;
    let opened = open_ticket(&world.ticket_key(), world.now_ns() + later_ns, &text);
    let may_open = text == minted && later_ns < u64::from(LIFE_SECS) * 1_000_000_000;
    assert_eq!(opened.is_ok(), may_open, "{text:?} after {later_ns} ns: {opened:?}");
    if let Ok(ticket) = opened {
        assert_eq!((ticket.caller, ticket.session.0), (who, session));
    }
}

fn mint(world: &mut World, who: Principal) -> Option<String> {
    let arg = candid::encode_args(("mem_1", Vec::<String>::new(), None::<Vec<String>>, 600_u32))
        .expect("it encodes");
    let reply = world.query(who, "mint_http_token", &arg).expect("minting is answered");
    candid::decode_one::<Answer<String>>(&reply).expect("the answer has its type").ok()
}

/// The reply is `variant { Err }`: `Ok` and `Err` are told apart without knowing what `Ok` holds.
fn is_refusal(reply: &[u8]) -> bool {
    candid::decode_one::<Answer<candid::Reserved>>(reply).is_ok_and(|answer| answer.is_err())
}

fn some_bytes(source: &mut Unstructured<'_>, most: usize) -> Vec<u8> {
    let len = source.int_in_range(0..=most).unwrap_or(0);
    (0..len).map_while(|_| source.arbitrary().ok()).collect()
}

/// One small change at a place that the fuzzer chooses.
fn change(bytes: &mut Vec<u8>, source: &mut Unstructured<'_>) {
    let at = source.int_in_range(0..=bytes.len()).unwrap_or(0);
    let byte: u8 = source.arbitrary().unwrap_or(0);
    match source.int_in_range(0..=3_u8).unwrap_or(0) {
        0 if at < bytes.len() => bytes[at] = byte,
        1 if at < bytes.len() => drop(bytes.remove(at)),
        2 => bytes.truncate(at),
        _ => bytes.insert(at, byte),
    }
}
