//! The answers of the real module to an HTTP gateway, checked as the gateway checks them: by `ic-response-verification`,
//! against the root key of the wasm host.
//!
//! The module is `$KEEPSAKE_WASM`, else `target/canister/keepsake.wasm.gz`; `cargo xtask build canister` makes it.

mod gateway;
mod world;

use gateway::{Road, Seen, get, send, verify, with};
use ic_response_verification::ResponseVerificationError;
use keepsake_api::{AssetType, HttpRequest};
use world::{Published, World};

const PARTS: [(AssetType, &str, usize); 4] = [
    (AssetType::Original, "original", 700_000),
    (AssetType::Display, "display", 90_000),
    (AssetType::Thumbnail, "thumbnail", 9_000),
    (AssetType::Placeholder, "placeholder", 300),
];

fn header<'a>(seen: &'a Seen, name: &str) -> Option<&'a str> {
    let found = seen.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

/// Of a public asset: an id names the same bytes for ever, a kind whatever is of it now.
fn caching(url: &str) -> &'static str {
    if url.contains("/asset_") {
        "public, max-age=31536000, s-maxage=60, immutable"
    } else {
        "public, no-cache"
    }
}

/// Every address of every asset of a memory, with its bytes.
fn addresses(published: &Published) -> Vec<(String, Vec<u8>)> {
    let memory = &published.memory;
    let of = |at: usize| {
        let bytes = published.bytes[at].clone();
        [PARTS[at].1.to_owned(), published.assets[at].clone()]
            .map(|asset| (format!("/asset/{memory}/{asset}"), bytes.clone()))
    };
    (0..PARTS.len()).flat_map(of).collect()
}

#[test]
fn public_assets_verify_by_kind_and_by_id() {
    let mut world = World::start();
    world.set_public(true);
    let published = world.publish("one");
    world.settle();
    for (url, bytes) in addresses(&published) {
        let seen = send(&mut world.canister, &get(&url));
        assert_eq!((seen.road, seen.status), (Road::Verified, 200), "{url}");
        assert!(seen.body == bytes, "{url}: the body is the asset");
        assert_eq!(header(&seen, "cache-control"), Some(caching(&url)), "{url}");
        assert_eq!(header(&seen, "content-length"), Some(bytes.len().to_string().as_str()), "{url}");
        assert!(header(&seen, "content-security-policy").is_some(), "{url}: all headers are certified");
        let head = send(&mut world.canister, &HttpRequest { method: "HEAD".into(), ..get(&url) });
        assert_eq!((head.road, head.status, head.body.len()), (Road::Verified, 200, 0), "HEAD {url}");
        let etag = header(&seen, "etag").unwrap();
        let known = send(&mut world.canister, &with(&url, &[("If-None-Match", etag)]));
        assert_eq!((known.road, known.status, known.body.len()), (Road::Verified, 304, 0), "304 {url}");
    }
}

#[test]
fn private_assets_verify_with_their_token_and_are_not_to_be_stored() {
    let mut world = World::start();
    let published = world.publish("one");
    world.settle();
    let token = world.token(&published.memory);
    for (url, bytes) in addresses(&published) {
        let seen = send(&mut world.canister, &get(&format!("{url}?token={token}")));
        assert_eq!((seen.road, seen.status), (Road::Verified, 200), "{url}");
        assert!(seen.body == bytes, "{url}: the body is the asset");
        assert_eq!(header(&seen, "cache-control"), Some("private, no-store"), "{url}");
    }
}

#[test]
fn what_cannot_be_certified_before_is_agreed_on_after() {
    let mut world = World::start();
    let published = world.publish("one");
    world.settle();
    let token = world.token(&published.memory);
    let url = format!("/asset/{}/original?token={token}", published.memory);
    let bytes = &published.bytes[0];
    for (range, start, end) in
        [("bytes=0-9", 0, 10), ("bytes=1234-5678", 1_234, 5_679), ("bytes=-3", 699_997, 700_000)]
    {
        let seen = send(&mut world.canister, &with(&url, &[("Range", range)]));
        assert_eq!((seen.road, seen.status), (Road::Agreed, 206), "{range}");
        assert!(seen.body == bytes[start..end], "{range}");
    }
    let bare = format!("/asset/{}/original", published.memory);
    let other = format!("/asset/mem_99/original?token={token}");
    for (request, status) in [
        (with(&url, &[("Range", "bytes=700000-")]), 416),
        (get(&bare), 401),
        (get(&format!("{bare}?token=abc")), 401),
        (get(&other), 403),
        (get(&format!("/asset/{}/preview?token={token}", published.memory)), 404),
        (HttpRequest { method: "POST".into(), ..get(&url) }, 405),
        (with(&url, &[("If-None-Match", "\"another\"")]), 200),
        (with(&url, &[("If-None-Match", "*")]), 304),
    ] {
        let seen = send(&mut world.canister, &request);
        assert_eq!((seen.road, seen.status), (Road::Agreed, status), "{request:?}");
    }
}

#[test]
fn nothing_of_an_answer_can_be_changed() {
    let mut world = World::start();
    world.set_public(true);
    let published = world.publish("one");
    world.settle();
    let other = world.publish("two");
    world.settle();
    let request = get(&format!("/asset/{}/thumbnail", published.memory));
    let honest = world.ask(&request);
    verify(&world.canister, &request, &honest).unwrap();
    let mut lies = vec![honest.clone(); 6];
    lies[0].body[5] ^= 1;
    lies[1].body.clear();
    lies[2].status_code = 206;
    lies[3].headers.retain(|(name, _)| name != "content-type");
    lies[4].headers.push(("set-cookie".into(), "a=b".into()));
    for (_, value) in lies[5].headers.iter_mut().filter(|(name, _)| name == "cache-control") {
        *value = "no-store".into();
    }
    for (at, lie) in lies.iter().enumerate() {
        let verdict = verify(&world.canister, &request, lie);
        assert!(
            matches!(verdict, Err(ResponseVerificationError::InvalidRequestAndResponseHashes { .. })),
            "lie {at}: {verdict:?}"
        );
    }
    // An honest answer to another question: another memory, a HEAD, a 304, part of it.
    let head = HttpRequest { method: "HEAD".into(), ..request.clone() };
    let etag = header(&Seen::of(&honest), "etag").unwrap().to_owned();
    let known = with(&request.url, &[("if-none-match", &etag)]);
    for asked in [get(&format!("/asset/{}/thumbnail", other.memory)), head, known] {
        let answer = world.ask(&asked);
        verify(&world.canister, &asked, &answer).unwrap();
        assert!(verify(&world.canister, &request, &answer).is_err(), "{asked:?}");
        assert!(verify(&world.canister, &asked, &honest).is_err(), "{asked:?}");
    }
    let part = with(&request.url, &[("range", "bytes=0-4")]);
    assert!(verify(&world.canister, &part, &honest).is_err(), "all of it for a part");
}

#[test]
fn certification_follows_what_changes() {
    let mut world = World::start();
    let data = |world: &World| world.canister.certified_data().to_vec();
    let empty = data(&world);
    world.set_public(true);
    let first = world.publish("one");
    let request = get(&format!("/asset/{}/display", first.memory));
    let soon = send(&mut world.canister, &request);
    assert_eq!((soon.road, soon.status), (Road::Agreed, 200), "at once, by an update call");
    assert!(soon.body == first.bytes[1]);
    world.settle();
    let one = data(&world);
    let second = world.publish("two");
    world.settle();
    let two = data(&world);
    let old = world.ask(&request);

    world.canister.upgrade(&[]).unwrap();
    assert_eq!(data(&world), two, "an upgrade keeps it");
    assert_eq!(send(&mut world.canister, &request).road, Road::Verified);

    world.set_public(false);
    world.settle();
    let private = get(&format!("{}?token={}", request.url, world.token(&first.memory)));
    let seen = send(&mut world.canister, &private);
    assert_eq!((seen.road, header(&seen, "cache-control")), (Road::Verified, Some("private, no-store")));
    assert_eq!(send(&mut world.canister, &request).status, 401);
    world.set_public(true);
    assert_eq!(send(&mut world.canister, &request).road, Road::Agreed, "until the tick");
    world.settle();
    assert_eq!(send(&mut world.canister, &request).road, Road::Verified);
    assert_eq!(data(&world), two, "all is as it was");

    world.replace_placeholder(&second.memory, "note");
    world.settle();
    let added = send(&mut world.canister, &get(&format!("/asset/{}/preview", second.memory)));
    assert_eq!((added.road, added.status, added.body), (Road::Verified, 200, b"note".to_vec()));

    world.delete(&second.memory);
    assert_eq!(data(&world), one, "nothing of what was deleted is certified");
    assert_eq!(send(&mut world.canister, &request).road, Road::Verified);
    world.delete(&first.memory);
    assert_eq!(data(&world), empty);
    let gone = send(&mut world.canister, &request);
    assert_eq!((gone.road, gone.status), (Road::Agreed, 401), "nobody learns that it was there");
    world.canister.advance(301_000_000_000);
    assert!(verify(&world.canister, &request, &old).is_err(), "an old answer with its old certificate");
}

/// Chunks of a file, each of another byte.
fn chunks(lens: &[usize]) -> Vec<Vec<u8>> {
    lens.iter().enumerate().map(|(at, len)| vec![u8::try_from(at + 1).unwrap(); *len]).collect()
}

#[test]
fn a_large_original_is_certified_piece_by_piece_once_somebody_asked() {
    let mut world = World::start();
    let chunks = chunks(&[1_800_000, 1_800_000, 1_000_000]);
    let memory = world.large(&chunks);
    world.settle();
    let token = world.token(&memory);
    let (url, all) = (format!("/asset/{memory}/original?token={token}"), chunks.concat());
    let head = send(&mut world.canister, &HttpRequest { method: "HEAD".into(), ..get(&url) });
    assert_eq!((head.road, head.status), (Road::Verified, 200));
    assert_eq!(header(&head, "content-length"), Some("4600000"));
    let refused = send(&mut world.canister, &get(&format!("/asset/{memory}/original")));
    assert_eq!(refused.status, 401);
    let middle = with(&url, &[("Range", "bytes=2000000-")]);
    assert_eq!(world.ask(&middle).upgrade, Some(true), "who may not see it makes no work");

    let first = send(&mut world.canister, &get(&url));
    assert_eq!((first.road, first.status), (Road::Agreed, 206), "the first time");
    assert_eq!(header(&first, "content-length"), None, "a gateway says the length of all");
    let again = send(&mut world.canister, &get(&url));
    assert_eq!((again.road, again.status), (Road::Verified, 206), "from the next message on");
    assert_eq!(header(&again, "content-range"), Some("bytes 0-1999999/4600000"));
    assert_eq!(header(&again, "cache-control"), Some("private, no-store"));
    assert!(first.body == again.body);
    let mut read = again.body;
    while read.len() < all.len() {
        let range = format!("bytes={}-", read.len());
        let next = send(&mut world.canister, &with(&url, &[("Range", &range)]));
        assert_eq!((next.road, next.status), (Road::Verified, 206), "{range}");
        read.extend(next.body);
    }
    assert!(read == all, "the pieces are the whole");
    let whole = send(&mut world.canister, &with(&url, &[("Range", "bytes=0-")]));
    assert_eq!((whole.road, whole.status, whole.body.len()), (Road::Verified, 206, 2_000_000));
    for range in ["bytes=1-", "bytes=2000000-2000009", "bytes=2000000-9999999", "bytes=02000000-"] {
        let seen = send(&mut world.canister, &with(&url, &[("Range", range)]));
        assert_eq!((seen.road, seen.status), (Road::Agreed, 206), "{range}");
    }
    let stale = with(&url, &[("Range", "bytes=2000000-"), ("If-Range", "\"another\"")]);
    let seen = send(&mut world.canister, &stale);
    assert_eq!((seen.road, header(&seen, "content-range")), (Road::Agreed, Some("bytes 0-1999999/4600000")));

    let mut lie = world.ask(&middle);
    verify(&world.canister, &middle, &lie).unwrap();
    lie.body[7] ^= 1;
    assert!(verify(&world.canister, &middle, &lie).is_err(), "a changed piece");
    world.set_public(true);
    world.settle();
    let public = send(
        &mut world.canister,
        &with(&format!("/asset/{memory}/original"), &[("Range", "bytes=4000000-")]),
    );
    assert_eq!((public.road, header(&public, "cache-control")), (Road::Verified, Some("public, no-cache")));
    world.canister.upgrade(&[]).unwrap();
    assert_eq!(send(&mut world.canister, &middle).road, Road::Verified, "an upgrade keeps the pieces");
    world.delete(&memory);
    assert_eq!(send(&mut world.canister, &middle).status, 401, "nobody learns that it was there");
}

/// Path, MIME type, bytes.
const SITE: [(&str, &str, &[u8]); 6] = [
    ("index.html", "text/html", b"<!doctype html>"),
    ("assets/main.js", "text/javascript", b"1"),
    ("assets/deep/worker.js", "text/javascript", b"2"),
    ("zebra.svg", "image/svg+xml", b"<svg/>"),
    ("0.txt", "text/plain", b"nought"),
    (".well-known/ic-domains", "application/octet-stream", b"example.org"),
];

/// Pages that are near those of [`SITE`].
const NOT_THERE: &str = "/nothing /assets /assets/ /assets/other.js /assets/deep /assets/deep/ /assets/deep/x/y \
    /assets/main.js/ /assets/main.js/more /index.html/ /zz /0 /~ /assets/zz?token=abc";

fn assert_page_verifies(world: &mut World, url: &str, content: &[u8]) {
    let seen = send(&mut world.canister, &get(url));
    assert_eq!((seen.road, seen.status, &seen.body[..]), (Road::Verified, 200, content), "{url}");
    let head = send(&mut world.canister, &HttpRequest { method: "HEAD".into(), ..get(url) });
    assert_eq!((head.road, head.status), (Road::Verified, 200), "HEAD {url}");
    let etag = header(&seen, "etag").unwrap();
    let known = send(&mut world.canister, &with(url, &[("If-None-Match", etag)]));
    assert_eq!((known.road, known.status), (Road::Verified, 304), "304 {url}");
}

fn assert_no_page_verifies(world: &mut World, url: &str) {
    let seen = send(&mut world.canister, &get(url));
    assert_eq!((seen.road, seen.status), (Road::Verified, 404), "{url}");
    let head = send(&mut world.canister, &HttpRequest { method: "HEAD".into(), ..get(url) });
    assert_eq!((head.road, head.status, head.body.len()), (Road::Verified, 404, 0), "HEAD {url}");
}

#[test]
fn the_site_and_every_page_that_is_not_there_verify() {
    let mut world = World::start();
    for url in ["/", "/index.html", "/favicon.ico", "/a/b/c"] {
        assert_no_page_verifies(&mut world, url);
    }
    world.set_site(&SITE);
    world.set_public(true);
    let published = world.publish("one");
    world.settle();
    let asset = get(&format!("/asset/{}/display", published.memory));
    for _ in ["set", "upgraded"] {
        for (path, _, content) in SITE {
            assert_page_verifies(&mut world, &format!("/{path}"), content);
        }
        for url in ["/", "/?x=1", "/index.html?x=1"] {
            assert_page_verifies(&mut world, url, SITE[0].2);
        }
        for url in NOT_THERE.split_ascii_whitespace() {
            assert_no_page_verifies(&mut world, url);
        }
        assert_eq!(send(&mut world.canister, &asset).road, Road::Verified);
        world.canister.upgrade(&[]).unwrap();
    }
    world.set_site(&SITE[..1]);
    assert_no_page_verifies(&mut world, "/assets/main.js");
    assert_page_verifies(&mut world, "/", SITE[0].2);
}

#[test]
fn no_page_is_proven_by_the_answer_for_another() {
    let mut world = World::start();
    world.set_site(&SITE);
    // Read in a form of its own by a gateway, or no question for a page.
    for (request, status) in [
        (get("/a%20b"), 404),
        (get("//"), 404),
        (get("/assets//main.js"), 404),
        (get("/asset"), 404),
        (with("/", &[("Range", "bytes=0-3")]), 200),
        (HttpRequest { method: "POST".into(), ..get("/") }, 405),
    ] {
        let seen = send(&mut world.canister, &request);
        assert_eq!((seen.road, seen.status), (Road::Agreed, status), "{request:?}");
    }
    let (index, none) = (world.ask(&get("/")), world.ask(&get("/nothing")));
    for (asked, answer) in [("/nothing", &index), ("/", &none), ("/zebra.svg", &index), ("/zebra.svg", &none)]
    {
        assert!(verify(&world.canister, &get(asked), answer).is_err(), "another page's answer for {asked}");
    }
}

#[test]
fn a_thousand_memories_verify_and_a_publish_costs_what_it_did() {
    let mut world = World::start();
    world.set_public(true);
    world.publish("first");
    let first = world.publish_instructions;
    world.settle();
    println!("certification of 4 assets: {} instructions", world.canister.last_cost().total());
    for n in 0..1_000 {
        world.note(&format!("note {n}"));
    }
    let published = world.publish("last");
    let last = world.publish_instructions;
    println!("publish of 4: {first} instructions at first, {last} after 1,000 memories");
    assert!(last <= 2 * first, "{last} instructions");
    (0..12).for_each(|_| world.settle());
    for (url, _) in addresses(&published) {
        assert_eq!(send(&mut world.canister, &get(&url)).road, Road::Verified, "{url}");
    }
    for n in (2..1_002).step_by(37) {
        let url = format!("/asset/mem_{n}/original");
        assert_eq!(send(&mut world.canister, &get(&url)).road, Road::Verified, "{url}");
    }
    world.canister.upgrade(&[]).unwrap();
    println!("upgrade: {} instructions", world.canister.last_cost().total());
    assert_eq!(send(&mut world.canister, &get("/asset/mem_500/original")).road, Road::Verified);
}
