//! Tickets: what they open, for whom and how long; and that nobody finds one where it was not given.

use std::fmt::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use candid::encode_args;
use keepsake_api::{
    AssetMetadata, AssetMetadataBase, AssetType, BlobHosting, BlobRef, PlainAssetMetadata, Role,
};
use serde_bytes::ByteBuf;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::{Scene, assert_refused, bearer, chunk};
use crate::node::Answer;

/// Where the session's own caller is told why.
fn asks_for_another(answer: &Answer) -> bool {
    answer.header("www-authenticate") == Some("bearer")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_ticket_of_this_session_opens_nothing() {
    let scene = Scene::new().await;
    let session = scene.begin(2, None, "mine").await;
    let other = scene.begin(2, None, "other").await;
    let (ticket, of_other) = (scene.ticket(session).await, scene.ticket(other).await);
    let before = scene.status(session).await;
    let index = chunk(0);
    for lines in [
        String::new(),
        "authorization: \r\n".into(),
        "authorization: Bearer\r\n".into(),
        format!("authorization: {ticket}\r\n"),
        format!("authorization: Basic {ticket}\r\n"),
        format!("x-authorization: Bearer {ticket}\r\n"),
        format!("cookie: ticket={ticket}\r\n"),
        bearer(&ticket).repeat(2),
    ] {
        let answer = scene.put_with(session, &format!("{lines}{index}"), b"x").await;
        assert_refused(&answer, 401, "ticket_missing");
        assert!(asks_for_another(&answer), "{}", answer.head);
    }
    let mut forged: Vec<String> = (0..ticket.len())
        .map(|at| {
            let mut changed = ticket.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            String::from_utf8(changed).unwrap()
        })
        .collect();
    forged.extend([
        ticket[..105].into(),
        format!("{ticket}A"),
        format!("{ticket}="),
        "A".repeat(106),
        "x".into(),
    ]);
    // The session of one, and the rest of the other.
    forged.push(of_other[..12].to_owned() + &ticket[12..]);
    for wrong in forged {
        let answer = scene.put(session, &wrong, 0, b"x").await;
        assert_refused(&answer, 401, "ticket_wrong");
        assert!(asks_for_another(&answer), "{}", answer.head);
    }
    assert_refused(&scene.put(session, &of_other, 0, b"x").await, 403, "ticket_for_another_session");
    assert_refused(&scene.put(other, &ticket, 0, b"x").await, 403, "ticket_for_another_session");
    assert_refused(&scene.put(987_654_321, &ticket, 0, b"x").await, 403, "ticket_for_another_session");
    assert_eq!(scene.status(session).await, before);
    assert_eq!(scene.status(other).await.received_chunks, 0);
    assert_eq!(scene.put(session, &ticket, 0, b"x").await.status, 204, "and the ticket itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_assets_is_no_ticket() {
    let scene = Scene::new().await;
    let session = scene.begin(1, None, "kinds").await;
    let base = AssetMetadataBase::new(AssetType::Original, "a.txt", "text/plain");
    let arg = encode_args((
        &scene.capsule,
        Some(ByteBuf::from(b"inline")),
        None::<BlobRef>,
        None::<BlobHosting>,
        None::<String>,
        None::<String>,
        None::<u64>,
        None::<ByteBuf>,
        AssetMetadata::Document(PlainAssetMetadata { base }),
        "memory",
    ));
    let memory: String = scene.update(&scene.member, "memories_create", arg.unwrap()).await.unwrap();
    let arg = encode_args((&memory, Vec::<String>::new(), None::<Vec<String>>, 600_u32)).unwrap();
    let token: String = scene.query("mint_http_token", arg).await.unwrap();
    assert_refused(&scene.put(session, &token, 0, b"x").await, 401, "ticket_wrong");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_ends_with_its_time_and_another_one_goes_on() {
    let scene = Scene::new().await;
    let session = scene.begin(3, None, "old").await;
    let ticket = scene.ticket_for(session, 3_600).await;
    assert_eq!(scene.put(session, &ticket, 0, b"x").await.status, 204);
    // The member's clock is an hour off by now: a ticket is for the node's alone.
    scene.advance(59);
    assert_eq!(scene.put(session, &ticket, 1, b"x").await.status, 204);
    scene.advance(2);
    let answer = scene.put(session, &ticket, 2, b"x").await;
    assert_refused(&answer, 401, "ticket_expired");
    assert!(asks_for_another(&answer));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_worth_no_more_than_its_caller_is_now() {
    let scene = Scene::new().await;
    let session = scene.begin(2, None, "rights").await;
    let ticket = scene.ticket(session).await;
    let untouched = scene.status(session).await;
    scene.grant(Role::Guest).await;
    assert_refused(&scene.put(session, &ticket, 0, b"x").await, 403, "unauthorized");
    let revoke = encode_args((&scene.capsule, scene.member.get_principal().unwrap())).unwrap();
    scene.update::<()>(&scene.owner, "capsules_revoke", revoke).await.unwrap();
    assert_refused(&scene.put(session, &ticket, 0, b"x").await, 404, "not_found");
    assert_eq!(scene.status(session).await, untouched);
    scene.grant(Role::Member).await;
    assert_eq!(scene.put(session, &ticket, 0, b"x").await.status, 204, "with the role it comes back");

    scene.update::<()>(&scene.member, "uploads_abort", encode_args((session,)).unwrap()).await.unwrap();
    assert_refused(&scene.put(session, &ticket, 1, b"x").await, 404, "not_found");
    let doomed = scene.begin(1, None, "doomed").await;
    let ticket = scene.ticket(doomed).await;
    let delete = encode_args((&scene.capsule,)).unwrap();
    scene.update::<()>(&scene.owner, "capsules_delete", delete).await.unwrap();
    assert_refused(&scene.put(doomed, &ticket, 0, b"x").await, 404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_tickets_take_nothing_and_each_opens() {
    let scene = Scene::new().await;
    let session = scene.begin(1_000, None, "many").await;
    let before = scene.status(session).await;
    let mut tickets = Vec::new();
    for secs in 601..=1_600 {
        tickets.push(scene.ticket_for(session, secs).await);
    }
    assert_eq!(scene.status(session).await, before, "a ticket is no state");
    for (index, ticket) in (0..).zip(&tickets) {
        // Each with a chunk that it does not open first: the session is another one.
        assert_eq!(scene.put(session + 1, ticket, index, b"x").await.status, 403);
        assert_eq!(scene.put(session, ticket, index, &[7]).await.status, 204, "ticket {index}");
    }
    assert_eq!(scene.status(session).await.received_chunks, 1_000);
    scene.node.stop().await;
}

/// Watches all that is logged for texts that must not be.
#[derive(Default)]
struct Watch {
    secret: Vec<String>,
    found: Vec<String>,
    lines: u64,
}

struct Watcher(Arc<Mutex<Watch>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, "{field}={value:?} ").unwrap();
    }
}

impl Watcher {
    fn look(&self, line: Line) {
        let watch = &mut *self.0.lock().unwrap();
        watch.lines += u64::from(line.0.contains("/upload/"));
        if watch.secret.iter().any(|secret| line.0.contains(secret)) {
            watch.found.push(line.0);
        }
    }
}

impl Subscriber for Watcher {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut line = Line(String::new());
        span.record(&mut line);
        self.look(line);
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut line = Line(String::new());
        values.record(&mut line);
        self.look(line);
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        self.look(line);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

fn holds(dir: &Path, needle: &[u8]) -> bool {
    std::fs::read_dir(dir).unwrap().any(|entry| {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}

/// What is logged in the whole process, whatever other tests run beside.
#[tokio::test(flavor = "multi_thread")]
async fn no_log_and_no_file_holds_a_ticket_wherever_it_was_sent() {
    let watch = Arc::new(Mutex::new(Watch::default()));
    tracing::subscriber::set_global_default(Watcher(Arc::clone(&watch))).unwrap();
    let scene = Scene::new().await;
    let session = scene.begin(2, None, "watched").await;
    let ticket = scene.ticket(session).await;
    // Half of it opens nothing, but nobody should see even that.
    let halves = [&ticket[..53], &ticket[53..]].map(str::to_owned);
    watch.lock().unwrap().secret.extend(halves);

    let index = chunk(0);
    for (address, status) in [
        (format!("/upload/{session}?ticket={ticket}"), 401),
        (format!("/upload/{session}?token={ticket}"), 401),
        (format!("/upload/{session}?access_token={ticket}"), 401),
        (format!("/upload/{session}/{ticket}"), 404),
        (format!("/upload/{ticket}"), 404),
        (format!("/upload/{ticket}/{session}"), 404),
        (format!("/{ticket}"), 404),
        (format!("/asset/{ticket}/original"), 404),
    ] {
        for method in ["PUT", "GET"] {
            let answer = scene.node.send(method, &address, &index, b"x").await;
            if method == "PUT" && status == 401 {
                assert_refused(&answer, 401, "ticket_missing");
            }
            let told = format!("{}\n{}", answer.head, answer.text());
            assert!(answer.status >= 400, "{method} {address}: {told}");
        }
    }
    assert_eq!(scene.status(session).await.received_chunks, 0);
    assert_eq!(scene.put(session, &ticket, 0, b"x").await.status, 204);
    assert_eq!(scene.put(session, &ticket, 0, b"y").await.status, 409);
    assert_eq!(scene.put(session, &ticket, 7, b"y").await.status, 400);
    assert_eq!(scene.put(session + 1, &ticket, 1, b"y").await.status, 403);
    let dir = scene.dir;
    scene.node.stop().await;
    let data = dir.path().join("data");
    let raw = data_encoding::BASE64URL_NOPAD.decode(ticket.as_bytes()).unwrap();
    let mac = &raw[raw.len() - 32..];
    assert!(!holds(&data, ticket.as_bytes()) && !holds(&data, mac), "a ticket is on the disk");
    let watch = watch.lock().unwrap();
    assert_eq!(watch.found, Vec::<String>::new(), "a ticket was logged");
    assert!(watch.lines > 10, "the log was watched");
}
