//! Arguments that are not the method's Candid: no Candid at all, cut off, other types, bombs. They are rejected
//! before any rule runs, with a message that names the method and says where the types are.

use super::cases::encode;
use crate::access::table::{Row, TABLE};
use crate::api::{Answer, HttpResponse, LimitUse, Usage};
use crate::host::{Host, Who};
use crate::samples::{bytes, unique};
use crate::snapshot::Snapshot;
use crate::world::World;
use keepsake_client::{Transport, TransportError};
use keepsake_service::Kind;
use keepsake_service::endpoints::{self, METHODS};
use serde_bytes::ByteBuf;

/// Every method rejects every argument list that is not its own, and nothing changed.
pub async fn what_is_not_the_methods_candid_is_rejected<H: Host>(host: &H) {
    let world = World::new(host, "candid").await;
    let things = world.things().await;
    let before = Snapshot::take(&world, &things).await;
    for row in TABLE {
        let good = (row.args)(&things, &unique("candid"));
        for (wrong, arg) in bad_bytes(row, &good) {
            let place = format!("{} with {wrong}", row.method);
            match send(&world, row.method, arg).await {
                Ok(_) => panic!("{place}: expected a rejection"),
                Err(TransportError::Rejected { code, message }) => {
                    assert_eq!(code, 5, "{place}: {message}");
                    assert!(message.contains(row.method), "{place}: {message}");
                    assert!(message.contains("keepsake.did"), "{place}: {message}");
                    assert!(message.len() < 2_000, "{place}: a message of {} bytes", message.len());
                }
                Err(error) => panic!("{place}: {error}"),
            }
        }
        let after = Snapshot::take(&world, &things).await;
        assert_eq!(before.changes(&after), Vec::<&str>::new(), "{}: it changed this", row.method);
    }
}

/// An update's argument that is longer than its method ever needs does not come as far as decoding; nothing changed. The same
/// for a query that is called as an update.
pub async fn what_is_longer_than_its_method_needs_is_rejected<H: Host>(host: &H) {
    let world = World::new(host, "long").await;
    let things = world.things().await;
    let before = Snapshot::take(&world, &things).await;
    let transport = world.member().transport();
    for method in METHODS {
        let mut arg = b"DIDL".to_vec();
        arg.resize(endpoints::argument_bytes_max(method) + 1, 0);
        match transport.update(method, arg).await {
            Err(TransportError::Rejected { code, message }) => {
                assert_eq!(code, 5, "{method}: {message}");
                for told in [method, "argument", "upload_config", "keepsake.did"] {
                    assert!(message.contains(told), "{method}: {message}");
                }
            }
            other => panic!("{method}: expected a rejection, got {other:?}"),
        }
    }
    let after = Snapshot::take(&world, &things).await;
    assert_eq!(before.changes(&after), Vec::<&str>::new(), "it changed this");
}

fn bad_bytes(row: &Row, good: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut bad: Vec<(String, Vec<u8>)> = vec![
        ("nothing".into(), Vec::new()),
        ("text".into(), b"{\"capsule\": 1}".to_vec()),
        ("noise".into(), bytes(500, 90)),
        ("the magic alone".into(), b"DIDL".to_vec()),
        ("a type table without end".into(), b"DIDL\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f".to_vec()),
        ("types that contain themselves".into(), b"DIDL\x01\x6c\x01\x00\x00\x01\x00".to_vec()),
    ];
    for cut in [good.len() - 1, good.len() / 2, 5] {
        if cut < good.len() {
            bad.push((format!("the first {cut} bytes"), good[..cut].to_vec()));
        }
    }
    let mut longer = good.to_vec();
    longer.extend_from_slice(b"more");
    bad.push(("bytes after the end".into(), longer));
    if endpoints_takes_arguments(row.method) {
        bad.push(("other types".into(), encode((vec![1.5_f64],))));
        bad.push(("a vector of nothings, 4 billion long".into(), NULLS.to_vec()));
        bad.push((
            "fifty kilobytes in a field that is none".into(),
            encode((Skipped { rubbish: rubbish() },)),
        ));
    }
    bad
}

/// Reject code for it: canister error. The specification's text says 3, the IC's replicas say 5 with `IC0536`.
const NO_METHOD: u8 = 5;

/// `vec null` of 2^32 - 1 elements: 14 bytes that decode to a large value.
const NULLS: &[u8] = b"DIDL\x01\x6d\x7f\x01\x00\xff\xff\xff\xff\x0f";

#[derive(candid::CandidType)]
struct Skipped {
    rubbish: ByteBuf,
}

fn rubbish() -> ByteBuf {
    ByteBuf::from(vec![7; 50_000])
}

fn endpoints_takes_arguments(method: &str) -> bool {
    let none = [
        "capsules_list",
        "upload_config",
        "sessions_list",
        "sessions_stats",
        "_probe_sessions",
        "site_list",
        "whoami",
        "devices_list",
        "people_list",
        "admin_settings",
        "objects_removable",
    ];
    // An argument that is `opt` takes anything for null, and a record of such fields any record: that is how Candid lets
    // interfaces grow.
    let optional = [
        "capsules_create",
        "capsules_read_basic",
        "capsules_read_full",
        "sessions_cleanup_expired",
        "usage",
        "profile_set",
        "invitations_list",
        "admin_log",
        "objects_list",
        "admin_set",
    ];
    !none.contains(&method) && !optional.contains(&method)
}

/// As on the IC, a query answers as an update too: the same bytes, and nothing changed.
pub async fn a_query_answers_as_an_update_too<H: Host>(host: &H) {
    let world = World::new(host, "replicated").await;
    let things = world.things().await;
    let transport = world.member().transport();
    let is_query = |row: &&Row| endpoints::kind(row.method) == Some(Kind::Query);
    for row in TABLE.iter().filter(is_query) {
        let before = Snapshot::take(&world, &things).await;
        let arg = (row.args)(&things, &unique("replicated"));
        let asked = transport.query(row.method, arg.clone()).await;
        let certified = transport.update(row.method, arg).await;
        let (Ok(asked), Ok(certified)) = (&asked, &certified) else {
            panic!("{}: {asked:?} as a query, {certified:?} as an update", row.method);
        };
        let same = match row.method {
            // Only a query's answer carries its proof.
            "http_request" => shown(asked) == shown(certified),
            // What is left to the host changes by itself.
            "usage" => of_caller_and_capsule(asked) == of_caller_and_capsule(certified),
            // A token tells the second that it ends in.
            method => asked == certified || method.starts_with("mint_"),
        };
        assert!(same, "{}: other answers", row.method);
        let after = Snapshot::take(&world, &things).await;
        assert_eq!(before.changes(&after), Vec::<&str>::new(), "{}: it changed this", row.method);
    }
}

fn of_caller_and_capsule(answer: &[u8]) -> Vec<LimitUse> {
    let answer: Answer<Usage> = candid::decode_one(answer).expect("an answer of usage");
    let mut limits = answer.expect("the member may ask").limits;
    limits.retain(|limit| !["heap_bytes", "host_bytes", "record_bytes"].contains(&limit.code.as_str()));
    assert!(limits.len() >= 3, "{limits:?}");
    limits
}

fn shown(answer: &[u8]) -> (u16, ByteBuf) {
    let answer: HttpResponse = candid::decode_one(answer).expect("an answer of http_request");
    (answer.status_code, answer.body)
}

/// No such method; a method that is called as the other kind where that cannot work.
pub async fn what_is_no_method_is_rejected<H: Host>(host: &H) {
    let world = World::new(host, "methods").await;
    let transport = world.member().transport();
    for method in
        ["", "capsules", "Capsules_list", "capsules_list ", "__get_candid", "../capsules_list", "💥"]
    {
        for answer in [transport.query(method, encode(())).await, transport.update(method, encode(())).await]
        {
            let Err(TransportError::Rejected { code, .. }) = answer else { panic!("{method:?}: {answer:?}") };
            assert_eq!(code, NO_METHOD, "{method:?}");
        }
    }
    for method in METHODS.iter().copied().filter(|name| endpoints::kind(name) == Some(Kind::Update)) {
        let answer = transport.query(method, encode(())).await;
        let Err(TransportError::Rejected { code, message }) = &answer else { panic!("{method}: {answer:?}") };
        assert_eq!(*code, NO_METHOD, "{method} as a query: {message}");
        assert!(message.contains(method), "{method} as a query: {message}");
    }
}

async fn send<T: Transport>(
    world: &World<T>,
    method: &'static str,
    arg: Vec<u8>,
) -> Result<Vec<u8>, TransportError> {
    let transport = world.by(Who::Member).transport();
    match endpoints::kind(method) {
        Some(Kind::Update) => transport.update(method, arg).await,
        _ => transport.query(method, arg).await,
    }
}
