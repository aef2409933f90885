//! A link's own address: which page is there, what it tells those who have not opened the link, and that whoever guesses learns
//! nothing.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use candid::{CandidType, Principal};
use ic_agent::Agent;
use ic_agent::identity::Identity;
use keepsake_api::{
    AssetMetadata, AssetMetadataBase, AssetType, Capsule, Error, InlineAssetInput, Link, LinkOptions,
    MemoryMetadata, MemoryType, PersonRef, PlainAssetMetadata,
};
use keepsake_node::engine::Clock;
use keepsake_node::serve::{AdmissionSetting, ServeOptions, Server};
use keepsake_node::web_app::WebApp;
use serde_bytes::ByteBuf;
use tempfile::TempDir;

use crate::node::{Answer, Node, ed25519, now_ns};

const PAGE: &str = "<!doctype html><html><head><title>App</title></head><body>here</body></html>";
const HOUR_NS: u64 = 3_600_000_000_000;
const NOBODYS: &str = "/l/3SMMq7BqGsIfCvmCfxDrGw";

/// A node with a page, a capsule of one owner on it, and a clock that is put ahead by hand.
struct World {
    node: Node,
    owner: Agent,
    ahead: Arc<AtomicU64>,
    capsule: String,
    _dir: TempDir,
}

impl World {
    async fn new(name: &str) -> Self {
        Self::with(name, |_| ()).await
    }

    async fn with(name: &str, change: impl FnOnce(&mut ServeOptions)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut options = ServeOptions::new(dir.path().join("data"));
        options.listen = "127.0.0.1:0".parse().unwrap();
        options.web_app = WebApp::of([("index.html".to_owned(), Cow::Borrowed(PAGE.as_bytes()))]);
        change(&mut options);
        let ahead = Arc::new(AtomicU64::new(0));
        let by = Arc::clone(&ahead);
        let clock = Clock::new(move || now_ns() + by.load(Ordering::SeqCst));
        let node = Node::of(Server::bind_with(options, |engine| engine.clock = clock).await.unwrap());
        let owner = node.agent(ed25519(1)).await;
        let about = Some(PersonRef::Opaque(name.to_owned()));
        let capsule: Capsule =
            update(&node, &owner, "capsules_create", candid::encode_one(about).unwrap()).await;
        Self { node, owner, ahead, capsule: capsule.id, _dir: dir }
    }

    async fn call<T: CandidType + for<'d> candid::Deserialize<'d>>(&self, method: &str, arg: Vec<u8>) -> T {
        update(&self.node, &self.owner, method, arg).await
    }

    /// A memory with a thumbnail of these bytes. Returns its id.
    async fn photo(&self, title: &str, thumbnail: &[u8], mime_type: &str) -> String {
        let metadata = AssetMetadata::Document(PlainAssetMetadata {
            base: AssetMetadataBase {
                width: Some(400),
                height: Some(300),
                ..AssetMetadataBase::new(AssetType::Thumbnail, "a.jpg", mime_type)
            },
        });
        let inline = vec![InlineAssetInput { bytes: ByteBuf::from(thumbnail), metadata }];
        let idem: String = title.chars().take(40).collect();
        let none: Vec<keepsake_api::InternalBlobAssetInput> = Vec::new();
        let arg = candid::encode_args((&self.capsule, memory(title), none, inline, idem)).unwrap();
        self.call("memories_create_with_internal_blobs_and_inline_assets", arg).await
    }

    async fn link(&self, key: u8, options: LinkOptions) -> Link {
        let key = ByteBuf::from(ed25519(key).public_key().unwrap());
        self.call("links_create", candid::encode_args((&self.capsule, key, Some(options))).unwrap()).await
    }

    async fn end(&self, key: u8) {
        let arg = candid::encode_args((&self.capsule, principal(key))).unwrap();
        let () = self.call("links_revoke", arg).await;
    }

    async fn get(&self, path: &str) -> Answer {
        self.node.send("GET", path, "", b"").await
    }

    /// Nothing is told at this path, by the same bytes as for a link that never was.
    async fn tells_nothing(&self, path: &str) {
        let guessed = self.get(NOBODYS).await;
        let answer = self.get(path).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, PAGE), "{path}");
        assert_eq!(without_date(&answer), without_date(&guessed), "{path}");
        let (picture, guessed) =
            (self.get(&format!("{path}/picture")).await, self.get(&format!("{NOBODYS}/picture")).await);
        assert_eq!((picture.status, &picture.body), (404, &guessed.body), "{path}");
        assert_eq!(without_date(&picture), without_date(&guessed), "{path}");
    }
}

fn without_date(answer: &Answer) -> Vec<&str> {
    answer.head.lines().filter(|line| !line.starts_with("date: ")).collect()
}

fn principal(key: u8) -> Principal {
    ed25519(key).sender().unwrap()
}

fn preview() -> LinkOptions {
    LinkOptions { preview: Some(true), ..LinkOptions::default() }
}

fn memory(title: &str) -> MemoryMetadata {
    MemoryMetadata {
        title: Some(title.to_owned()),
        description: None,
        tags: vec![],
        content_type: "image/jpeg".into(),
        memory_type: MemoryType::Image,
        date_of_memory: None,
        file_created_at: None,
        people_in_memory: None,
        location: None,
        memory_notes: None,
        parent_folder_id: None,
        created_by: None,
        created_at: 0,
        updated_at: 0,
        uploaded_at: 0,
    }
}

async fn update<T: CandidType + for<'d> candid::Deserialize<'d>>(
    node: &Node,
    agent: &Agent,
    method: &str,
    arg: Vec<u8>,
) -> T {
    let reply = agent.update(&node.canister_id, method).with_arg(arg).call_and_wait().await.unwrap();
    candid::decode_one::<Result<T, Error>>(&reply).unwrap().unwrap()
}

/// The value of a tag of the page.
fn tag(page: &str, name: &str) -> Option<String> {
    let (_, rest) = page.split_once(&format!("=\"{name}\" content=\""))?;
    Some(rest.split_once('"')?.0.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_may_be_shown_tells_its_title_and_one_thumbnail() {
    let world = World::new("Summer by the sea").await;
    world.photo("older", b"an older thumbnail", "image/jpeg").await;
    let link = world.link(2, preview()).await;
    let path = link.path.unwrap();
    assert_eq!(path.len(), "/l/".len() + 22, "{path}");
    world.photo("newer", b"a newer thumbnail", "image/jpeg").await;
    // Neither of these is a picture that lies here.
    world.photo("script", b"alert(1)", "text/javascript").await;

    let answer = world.get(&path).await;
    let page = answer.text();
    assert_eq!(answer.status, 200);
    assert_eq!(tag(&page, "og:title").as_deref(), Some("Summer by the sea"), "{page}");
    assert_eq!(tag(&page, "og:image"), Some(format!("http://localhost{path}/picture")), "{page}");
    assert!(tag(&page, "og:description").unwrap().starts_with("3 memories"), "{page}");
    assert_eq!(tag(&page, "robots").as_deref(), Some("noindex"));
    assert_eq!(tag(&page, "og:type").as_deref(), Some("website"));
    assert_eq!(tag(&page, "twitter:card").as_deref(), Some("summary_large_image"));
    assert!(page.starts_with("<!doctype html><html><head><title>App</title><meta "), "{page}");
    assert!(page.ends_with("</head><body>here</body></html>"), "{page}");

    // The page's own headers hold here, and nobody keeps what may end at any time.
    let index = world.get("/").await;
    for name in ["content-security-policy", "content-type", "referrer-policy", "x-content-type-options"] {
        assert_eq!(answer.header(name), index.header(name), "{name}");
    }
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(answer.header("x-robots-tag"), Some("noindex"));
    assert_eq!((answer.header("cache-control"), answer.header("etag")), (Some("no-store"), None));
    let picture = world.get(&format!("{path}/picture")).await;
    assert_eq!((picture.status, picture.body.as_slice()), (200, &b"a newer thumbnail"[..]));
    assert_eq!(picture.header("content-type"), Some("image/jpeg"));
    assert_eq!(picture.header("cache-control"), Some("private, no-store"));
    assert_eq!(picture.header("x-robots-tag"), Some("noindex"));
    assert!(picture.header("content-security-policy").unwrap().contains("sandbox"));

    let one = world.photo("The lighthouse", b"the third", "image/png").await;
    let only = world.link(3, LinkOptions { memories: Some(vec![one]), ..preview() }).await.path.unwrap();
    let page = world.get(&only).await.text();
    assert_eq!(tag(&page, "og:title").as_deref(), Some("The lighthouse"), "{page}");
    assert_eq!(world.get(&format!("{only}/picture")).await.body, b"the third");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_has_ended_or_may_not_be_shown_is_as_one_that_never_was() {
    let world = World::new("Family").await;
    world.photo("photo", b"a thumbnail", "image/jpeg").await;
    world.tells_nothing(NOBODYS).await;
    let plain = world.link(2, LinkOptions::default()).await;
    assert_eq!((plain.preview, &plain.path), (false, &None));
    let path_of = |key: u8| {
        let front = &principal(key).as_slice()[..16].to_vec();
        format!("/l/{}", data_encoding::BASE64URL_NOPAD.encode(front))
    };
    world.tells_nothing(&path_of(2)).await;
    world.link(3, LinkOptions { password: Some(true), ..preview() }).await;
    world.tells_nothing(&path_of(3)).await;

    let path = world.link(4, preview()).await.path.unwrap();
    assert_eq!(path, path_of(4));
    assert!(world.get(&path).await.text().contains("og:title"));
    assert_eq!(world.get(&format!("{path}/picture")).await.status, 200);
    world.end(4).await;
    world.tells_nothing(&path).await;

    let until = Some(now_ns() + HOUR_NS);
    let path = world.link(5, LinkOptions { expires_at: until, ..preview() }).await.path.unwrap();
    // Asked for twice: what is small and everybody's is kept in memory, and this must not be.
    for _ in 0..2 {
        assert_eq!(world.get(&format!("{path}/picture")).await.status, 200);
    }
    assert!(world.get(&path).await.text().contains("og:title"));
    world.ahead.store(HOUR_NS + 1, Ordering::SeqCst);
    world.tells_nothing(&path).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_tells_nothing_without_its_capsule_and_a_person_never() {
    let world = World::new("Family").await;
    let path = world.link(2, preview()).await.path.unwrap();
    let persons = format!("/l/{}", data_encoding::BASE64URL_NOPAD.encode(&principal(1).as_slice()[..16]));
    world.tells_nothing(&persons).await;
    let () = world.call("capsules_delete", candid::encode_one(&world.capsule).unwrap()).await;
    world.tells_nothing(&path).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_stay_text() {
    let name = "\"><script src=//evil.test></script><meta http-equiv='refresh' content='0;url=//evil.test'>\u{202e}&\n</head>";
    let world = World::new(name).await;
    let path = world.link(2, preview()).await.path.unwrap();
    let page = world.get(&path).await.text();
    assert!(!page.contains("<script") && !page.contains("<meta http-equiv"), "{page}");
    assert_eq!(page.matches("</head>").count(), 1, "{page}");
    let title = tag(&page, "og:title").unwrap();
    assert!(title.starts_with("&quot;&gt;&lt;script src=//evil.test&gt;"), "{title}");
    assert!(!page.contains("og:image") && page.contains("\"summary\""), "there is no picture: {page}");
    assert!(tag(&page, "og:description").unwrap().starts_with("0 memories"), "{page}");

    let long = world.photo(&"\"'<&".repeat(250), b"x", "image/jpeg").await;
    let only = world.link(3, LinkOptions { memories: Some(vec![long]), ..preview() }).await.path.unwrap();
    let page = world.get(&only).await.text();
    assert_eq!(
        tag(&page, "og:title").unwrap(),
        "&quot;&#39;&lt;&amp;".repeat(50),
        "200 characters of a thousand"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_are_named_by_the_address_that_was_asked_for() {
    let world = World::with("Family", |options| {
        options.hosts = vec!["photos.example".into()];
        // A node with a name is by invitation.
        options.settings.admission = Some(AdmissionSetting::Everybody);
    })
    .await;
    world.photo("photo", b"a thumbnail", "image/jpeg").await;
    let path = world.link(2, preview()).await.path.unwrap();
    for (lines, origin) in [
        ("host: photos.example\r\n", "http://photos.example"),
        ("host: photos.example:8443\r\nx-forwarded-proto: https\r\n", "https://photos.example:8443"),
        ("host: photos.example\r\nx-forwarded-proto: javascript\r\n", "http://photos.example"),
        (
            "host: photos.example\r\nx-forwarded-proto: http\r\nx-forwarded-proto: https\r\n",
            "https://photos.example",
        ),
        ("host: a\"b@[::1]\r\n", ""),
        ("host: user@photos.example\r\n", "http://photos.example"),
    ] {
        let head = format!("GET {path} HTTP/1.1\r\n{lines}connection: close\r\n\r\n");
        let page = world.node.exchange(head.as_bytes()).await.text();
        let expected = (!origin.is_empty()).then(|| format!("{origin}{path}/picture"));
        assert_eq!(tag(&page, "og:image"), expected, "{lines}: {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_and_odd_paths_get_what_pages_get() {
    let world = World::new("Family").await;
    world.photo("photo", b"a thumbnail", "image/jpeg").await;
    let path = world.link(2, preview()).await.path.unwrap();
    let picture = format!("{path}/picture");
    for path in [&path, &picture] {
        let (get, head) = (world.get(path).await, world.node.send("HEAD", path, "", b"").await);
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(head.header("content-length"), Some(get.body.len().to_string().as_str()));
        for name in ["content-type", "cache-control", "content-security-policy", "x-robots-tag"] {
            assert_eq!(head.header(name), get.header(name), "{path} {name}");
        }
    }
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        for path in [&path, &picture, &NOBODYS.to_owned()] {
            let answer = world.node.send(method, path, "", b"").await;
            assert_eq!((answer.status, answer.header("allow")), (405, Some("get, head")), "{method} {path}");
            assert!(!answer.text().contains("og:"), "{method}");
        }
    }
    for run in ["script", "style", "serviceworker"] {
        let answer = world.node.send("GET", &picture, &format!("sec-fetch-dest: {run}\r\n"), b"").await;
        assert_eq!(answer.status, 403, "{run}");
    }
    // One spelling of a name is its own; any other name of one part gets the plain page.
    let name = path.strip_prefix("/l/").unwrap();
    let encoded = format!("/l/%{:02X}{}", name.as_bytes()[0], &name[1..]);
    for odd in [
        encoded.as_str(),
        &format!("{path}="),
        &format!("{path}A"),
        &path[..path.len() - 1],
        &format!("/l/{}", "A".repeat(4_000)),
        "/l/%00",
        "/l/%FF%FE",
        "/l/%2e%2e",
        "/l/..",
        "/l/zj4f2-cl5va-mpdzy-idvvs-fufi6-gaobw-cwzhj-ctjv5-3wsut-djmrr-vqe",
        "/l/%3Cscript%3E",
        "/l/picture",
    ] {
        world.tells_nothing(odd).await;
    }
    for nowhere in
        ["/l", "/l/", "/L/3SMMq7BqGsIfCvmCfxDrGw", &format!("{path}/"), &format!("{picture}/"), "/l//picture"]
    {
        assert_eq!(world.get(nowhere).await.status, 404, "{nowhere}");
    }
    // What follows the name is no part of it.
    let asked = world.get(&format!("{path}?fbclid=1")).await.text();
    assert_eq!(tag(&asked, "og:image"), Some(format!("http://localhost{picture}")), "{asked}");
    assert_eq!(world.get(&format!("{picture}?x=1")).await.body, b"a thumbnail");
    for conditions in ["if-none-match: *\r\n", "range: bytes=0-1\r\n"] {
        for path in [&path, &picture] {
            let answer = world.node.send("GET", path, conditions, b"").await;
            assert_eq!(answer.status, 200, "{conditions} {path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_page_a_link_has_none_either() {
    let world = World::with("Family", |options| options.web_app = WebApp::default()).await;
    world.photo("photo", b"a thumbnail", "image/jpeg").await;
    let path = world.link(2, preview()).await.path.unwrap();
    assert_eq!(world.get(&path).await.status, 404, "there is no page");
    assert_eq!(world.get(NOBODYS).await.status, 404);
    assert_eq!(world.get(&format!("{path}/picture")).await.status, 200);
}
