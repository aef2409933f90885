//! A trap in the middle of any update leaves the state before it, and the same message does its work afterwards. The trap
//! is the end of a message's instructions, at many places of its run: the module is the one that is deployed. Owns the
//! places; what is sent is in the exam's access table.

mod objects;
mod people;

use super::host::Module;
use candid::Principal;
use keepsake_client::Transport;
use keepsake_conformance::access::table::{Row, TABLE, get};
use keepsake_conformance::api::{AssetType, SiteFileInput};
use keepsake_conformance::samples::{blob, bytes, memory};
use keepsake_conformance::verdict::allowed;
use keepsake_conformance::world::{Things, World, pending, upload};
use keepsake_conformance::{Who, api};
use keepsake_service::endpoints::{METHODS, kind};
use keepsake_service::{Kind, SESSION_TTL_NS};
use keepsake_wasm_host::{Canister, Rejection};

/// Places in a message's run, besides its reply.
const PLACES: u64 = 60;
/// So much before the end, the message is in its last system call: `msg_reply`, for 500.
const REPLY_INSTRUCTIONS: u64 = 400;

/// A message that changes something, and the canister that it is for.
struct Prepared {
    canister: Canister,
    caller: Principal,
    arg: Vec<u8>,
}

#[tokio::test]
async fn a_trap_in_any_update_leaves_the_state_before_it() {
    let host = Module::start_with_gate();
    let world = World::new(&host, "traps").await;
    let things = world.things().await;
    let more = More::of(&world).await;
    let mut trapped = 0;
    let does = |method: &&str| kind(method) == Some(Kind::Update) && !objects::REFUSED.contains(method);
    for method in METHODS.iter().copied().filter(does) {
        let row = TABLE.iter().find(|row| row.method == method).expect("the table has every method");
        let prepared = prepare(&host, row, &things, &more);
        trapped += cut_short_everywhere(method, prepared);
    }
    // The last row of a publish is one whose file comes along.
    let mut publishes = TABLE.iter().filter(|row| row.method == "uploads_publish");
    let along = publishes.next_back().expect("the table has every method");
    trapped += cut_short_everywhere(along.method, prepare(&host, along, &things, &more));
    println!("{trapped} messages trapped");
}

/// What messages need to have an effect.
struct More {
    /// A session that misses nothing and is not finished.
    unfinished: u64,
    /// Opens an original of two pieces.
    large_url: String,
    page: SiteFileInput,
}

impl More {
    async fn of<T: Transport>(world: &World<T>) -> Self {
        let (member, controller) = (world.member(), world.by(Who::Controller));
        let unfinished = pending(member, &world.capsule, &bytes(600_000, 1), 300_000).await;
        let large = upload(member, &world.capsule, &bytes(2_100_000, 3), 1_050_000).await.blob_id;
        let (about, original) = (memory("Large"), [blob(AssetType::Original, &large)]);
        let made = member.memories_create_with_internal_blobs(&world.capsule, &about, &original, "large");
        let id = allowed(made.await);
        let token = allowed(member.mint_http_token(&id, &[], None, 600).await);
        let own = allowed(controller.capsules_create(None).await).id;
        let blob_id = upload(controller, &own, b"<p>here", 10).await.blob_id;
        let page = SiteFileInput { path: "index.html".into(), blob_id, mime_type: "text/html".into() };
        Self { unfinished, large_url: format!("/asset/{id}/original?token={token}"), page }
    }
}

/// The row's message, by the first who may; with what it needs to have an effect.
fn prepare(host: &Module, row: &Row, things: &Things, more: &More) -> Prepared {
    let mut canister = host.canister().fork();
    // A gateway's question needs a token, whoever asks; what is somebody's own is prepared below.
    let who = row.rights.exists.find(['o', 'p', '4']).unwrap_or_default();
    let mut caller = Who::COLUMNS[who].principal();
    let mut arg = (row.args)(things, "traps");
    let prepared = people::prepare(&mut canister, row.method, things);
    if let Some((by, about)) = prepared.or_else(|| objects::prepare(&mut canister, row.method, things)) {
        (caller, arg) = (by, about);
    }
    match row.method {
        "uploads_put_chunk" => {
            let member = Who::Member.principal();
            let about = candid::encode_args((&things.capsule, 3_u32, "traps")).expect("it encodes");
            let reply = canister.update(member, "uploads_begin", &about).expect("a member begins");
            let begun: api::Answer<u64> = candid::decode_one(&reply).expect("its answer");
            let chunk = bytes(300_000, 2);
            arg = candid::encode_args((begun.expect("an id"), 0_u32, serde_bytes::Bytes::new(&chunk)))
                .expect("it encodes");
        }
        "uploads_abort" => arg = candid::encode_args((more.unfinished,)).expect("it encodes"),
        "http_request_update" => arg = candid::encode_args((get(&more.large_url),)).expect("it encodes"),
        "site_set" => arg = candid::encode_args((vec![&more.page],)).expect("it encodes"),
        "sessions_cleanup_expired" => canister.stall(2 * SESSION_TTL_NS),
        "capsules_revoke" => {
            let grant = TABLE.iter().find(|row| row.method == "capsules_grant").expect("it is there");
            canister.update(caller, "capsules_grant", &(grant.args)(things, "")).expect("the owner grants");
        }
        _ => {}
    }
    Prepared { canister, caller, arg }
}

/// Traps the message at every place, then lets it do its work. How often it trapped.
fn cut_short_everywhere(method: &str, prepared: Prepared) -> u64 {
    let Prepared { mut canister, caller, arg } = prepared;
    let before = State::of(&canister);
    let mut whole = canister.fork();
    let answer = whole.update(caller, method, &arg).expect("nothing is injected here");
    if method == "http_request_update" {
        let answer: api::HttpResponse = candid::decode_one(&answer).expect("its answer");
        assert_eq!(answer.status_code, 206, "{method} is allowed");
    } else {
        let refused = candid::decode_one::<api::Answer<candid::Reserved>>(&answer).expect("its answer").err();
        assert_eq!(refused, None, "{method} is allowed");
    }
    assert_ne!(whole.stable().first_difference(canister.stable()), None, "{method} changes something");
    let instructions = whole.last_cost().counted();
    let places = (0..PLACES).map(|place| place * instructions / PLACES);
    let places: Vec<u64> = places.chain([instructions - REPLY_INSTRUCTIONS]).collect();
    for at in &places {
        canister.set_instructions_max(Some(*at));
        let rejection: Rejection = canister.update(caller, method, &arg).expect_err("it is cut short");
        assert_eq!(rejection.error_code, "IC0522", "{method} after {at}: {rejection}");
        before.assert_same(&canister, &format!("{method} after {at} of {instructions} instructions"));
    }
    canister.set_instructions_max(None);
    assert_eq!(canister.update(caller, method, &arg).as_ref(), Ok(&answer), "{method} after its traps");
    State::of(&whole).assert_same(&canister, method);
    // The heap decides about the cost too: of what the traps wrote there, nothing is left.
    assert_eq!(canister.last_cost(), whole.last_cost(), "{method} after its traps");
    places.len() as u64
}

/// All that a message may change.
struct State {
    stable: keepsake_wasm_host::StableMemory,
    certified_data: Vec<u8>,
    timer_at_ns: Option<u64>,
}

impl State {
    fn of(canister: &Canister) -> Self {
        Self {
            stable: canister.stable().clone(),
            certified_data: canister.certified_data().to_vec(),
            timer_at_ns: canister.timer_at_ns(),
        }
    }

    fn assert_same(&self, canister: &Canister, place: &str) {
        assert_eq!(self.stable.first_difference(canister.stable()), None, "{place}: stable memory");
        assert_eq!(self.certified_data, canister.certified_data(), "{place}: certified data");
        assert_eq!(self.timer_at_ns, canister.timer_at_ns(), "{place}: the timer");
    }
}

#[tokio::test]
async fn a_trap_in_the_timer_leaves_the_state_before_it_and_the_next_update_arms_it_again() {
    let host = Module::start();
    let world = World::new(&host, "timer").await;
    pending(world.member(), &world.capsule, &bytes(5_000, 3), 1_000).await;
    let member = world.member().transport().principal();
    let ids = |canister: &mut Canister| {
        let reply = canister.query(member, "_probe_sessions", b"DIDL\0\0").expect("it answers");
        candid::decode_one::<Vec<u64>>(&reply).expect("ids").len()
    };
    host.canister().stall(2 * SESSION_TTL_NS);
    let mut whole = host.canister().fork();
    assert_eq!((ids(&mut whole), whole.advance(0)), (1, 1));
    assert_eq!(ids(&mut whole), 0, "the session's time has run out");
    let instructions = whole.last_cost().counted();
    for place in 1..=20 {
        let mut canister = host.canister().fork();
        canister.set_instructions_max(Some(instructions * place / 21));
        let before = canister.stable().clone();
        assert_eq!(canister.advance(0), 1);
        assert!(canister.printed().iter().any(|line| line.contains("canister_global_timer")), "it failed");
        assert_eq!(canister.stable().first_difference(&before), None, "place {place}");
        assert_eq!((ids(&mut canister), canister.timer_at_ns()), (1, None), "place {place}");
        canister.set_instructions_max(None);
        // Refused: whoever calls at all wakes the timer.
        let arg = candid::encode_args(("capsule_999", 1_u32, "key")).expect("it encodes");
        canister.update(member, "uploads_begin", &arg).expect("an answer");
        assert_eq!((canister.advance(1), ids(&mut canister)), (1, 0), "place {place}: it runs again");
    }
}
