//! What a fuzzer's bytes are turned into: runs of the model, Candid arguments, HTTP requests, upload tickets. Owns the bodies;
//! `fuzz/` holds the thin targets for cargo-fuzz, and a test feeds them bytes from a generator.
//!
//! Each panics when a promise is broken, and only then.

use crate::model::in_process::World;
use crate::model::{Carried, Claim, Delivery, Operation, Subject, replay};
use arbitrary::{Arbitrary, Unstructured};
use candid::Principal;
use keepsake_client::api::{Answer, HttpRequest, HttpResponse};
use keepsake_service::open_ticket;
use serde_bytes::ByteBuf;
use std::sync::OnceLock;

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
    let Message { who, update, method, mut arg } = messages[picked].clone();
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
    let mut source = Unstructured::new(data);
    let (mut world, messages) = lived_in();
    let minted =
        messages.iter().find_map(|message| mint(&mut world, message.who)).expect("a memory is there");
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
    const LIFE_SECS: u32 = 600;
    let mut source = Unstructured::new(data);
    let (mut world, messages) = lived_in();
    let (who, session) = messages.iter().find_map(session_of).expect("a session is there");
    let arg = candid::encode_args((session, LIFE_SECS)).expect("it encodes");
    let reply = world.query(who, "mint_upload_ticket", &arg).expect("minting is answered");
    let minted: Answer<String> = candid::decode_one(&reply).expect("the answer has its type");
    let minted = minted.expect("its caller may put chunks");
    let mut text = match source.int_in_range(0..=2_u8).unwrap_or(0) {
        // A token of the other kind, with the same secret.
        0 => mint(&mut world, who).unwrap_or_default(),
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

/// The session that a chunk was put into, and by whom.
fn session_of(message: &Message) -> Option<(Principal, u64)> {
    if message.method != "uploads_put_chunk" {
        return None;
    }
    let (session, _, _) = candid::decode_args::<(u64, u32, ByteBuf)>(&message.arg).ok()?;
    Some((message.who, session))
}

/// A message that was sent to a world.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Message {
    who: Principal,
    update: bool,
    method: &'static str,
    arg: Vec<u8>,
}

/// A world with a capsule, sessions, blobs and a memory in it, and messages that it understands.
fn lived_in() -> (World, &'static [Message]) {
    static MESSAGES: OnceLock<Vec<Message>> = OnceLock::new();
    let messages = MESSAGES.get_or_init(record);
    let mut world = World::new(World::bounds_of(3));
    for message in messages.iter().filter(|message| message.update) {
        world.update(message.who, message.method, &message.arg).expect("it was understood before");
    }
    (world, messages)
}

/// The messages of a short life: two files, one published, one half there, and a photo in one message, twice; queries once each.
fn record() -> Vec<Message> {
    let file = |key| Operation::Begin { who: 0, capsule: 0, key, announce: 2 };
    let publish = Operation::Publish {
        who: 0,
        capsule: 0,
        sessions: [0, u8::MAX],
        claim: Claim::Right,
        key: 1,
        inline: 2,
        carried: Carried::None,
        find: false,
    };
    let in_one_message = Operation::Publish {
        who: 0,
        capsule: 0,
        sessions: [u8::MAX; 2],
        claim: Claim::Right,
        key: 2,
        inline: 2,
        carried: Carried::Alone,
        find: false,
    };
    let again = Operation::Publish {
        who: 0,
        capsule: 0,
        sessions: [u8::MAX; 2],
        claim: Claim::Right,
        key: 7,
        inline: 2,
        carried: Carried::Alone,
        find: true,
    };
    let life = [
        Operation::CreateCapsule { who: 0, subject: 0 },
        Operation::Grant { who: 0, capsule: 0, to: 1, role: 2 },
        file(1),
        Operation::PutNext { session: 0 },
        Operation::PutNext { session: 0 },
        Operation::PutNext { session: 0 },
        publish,
        in_one_message,
        again,
        Operation::Update { who: 0, memory: 0, title: 1 },
        file(2),
        Operation::PutNext { session: 0 },
    ];
    let life: Vec<_> = life.into_iter().map(|operation| Delivery { operation, twice: false }).collect();
    let mut recorder = Recorder { world: World::new(World::bounds_of(3)), messages: Vec::new() };
    replay(&life, 1, &mut recorder).expect("the model's own run holds");
    let mut messages: Vec<Message> = Vec::new();
    let minting = recorder.messages.iter().find_map(session_of).map(|(who, session)| Message {
        who,
        update: false,
        method: "mint_upload_ticket",
        arg: candid::encode_args((session, 60_u32)).expect("it encodes"),
    });
    for message in recorder.messages.into_iter().chain(minting) {
        if message.update || !messages.contains(&message) {
            messages.push(message);
        }
    }
    messages
}

/// Writes down what is sent.
struct Recorder {
    world: World,
    messages: Vec<Message>,
}

impl Subject for Recorder {
    fn update(&mut self, who: Principal, method: &'static str, arg: &[u8]) -> Result<Vec<u8>, String> {
        self.messages.push(Message { who, update: true, method, arg: arg.to_vec() });
        self.world.update(who, method, arg)
    }

    fn query(&mut self, who: Principal, method: &'static str, arg: &[u8]) -> Result<Vec<u8>, String> {
        self.messages.push(Message { who, update: false, method, arg: arg.to_vec() });
        self.world.query(who, method, arg)
    }

    fn now_ns(&self) -> u64 {
        self.world.now_ns()
    }

    fn advance(&mut self, by_ns: u64) {
        self.world.advance(by_ns);
    }

    fn restart(&mut self) {
        self.world.restart();
    }

    fn violations(&mut self) -> Vec<String> {
        Vec::new()
    }

    fn bounds(&self) -> crate::model::Bounds {
        self.world.bounds()
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
