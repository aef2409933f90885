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
        assert_eq!(header(&seen, "cache-control"), Some("public, max-age=31536000, immutable"), "{url}");
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
        (get("/"), 404),
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

#[test]
fn a_large_original_comes_in_parts_that_are_agreed_on() {
    let mut world = World::start();
    world.set_public(true);
    let chunks = [vec![1; 1_800_000], vec![2; 1_000_000]];
    let memory = world.large(&chunks);
    world.settle();
    let (url, all) = (format!("/asset/{memory}/original"), chunks.concat());
    let head = send(&mut world.canister, &HttpRequest { method: "HEAD".into(), ..get(&url) });
    assert_eq!((head.road, head.status), (Road::Verified, 200));
    assert_eq!(header(&head, "content-length"), Some("2800000"));
    let first = send(&mut world.canister, &get(&url));
    assert_eq!((first.road, first.status), (Road::Agreed, 206));
    assert_eq!(header(&first, "content-range"), Some("bytes 0-1999999/2800000"));
    let rest = send(&mut world.canister, &with(&url, &[("Range", "bytes=2000000-")]));
    assert_eq!((rest.road, rest.status), (Road::Agreed, 206));
    assert!([first.body, rest.body].concat() == all, "the parts are the whole");
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
