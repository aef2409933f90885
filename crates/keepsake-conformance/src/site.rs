//! Part 8: the site. Who sets it, what browsers see of it, and whose its bytes are.

use crate::access::table::get;
use crate::api::{HttpRequest, HttpResponse, SiteFileInput};
use crate::host::{Host, Who};
use crate::http::{answers, header, published, with_headers};
use crate::samples::bytes;
use crate::verdict::{allowed, refused};
use crate::world::{World, upload};
use keepsake_client::{Client, Transport};

const PAGE: &[u8] = b"<!doctype html><title>Here</title>";
const SCRIPT: &[u8] = b"export const answer = 42;";

async fn file<T: Transport>(
    controller: &Client<T>,
    path: &str,
    mime_type: &str,
    content: &[u8],
) -> SiteFileInput {
    let capsule = allowed(controller.capsules_create(None).await).id;
    let blob_id = upload(controller, &capsule, content, 1_000_000).await.blob_id;
    SiteFileInput { path: path.into(), blob_id, mime_type: mime_type.into() }
}

async fn app<T: Transport>(controller: &Client<T>) -> Vec<SiteFileInput> {
    vec![
        file(controller, "index.html", "text/html", PAGE).await,
        file(controller, "assets/main-1.js", "text/javascript", SCRIPT).await,
    ]
}

/// Every road's answer to anybody.
async fn seen<H: Host>(host: &H, world: &World<H::Transport>, request: &HttpRequest) -> Vec<HttpResponse> {
    answers(host, world.by(Who::Anonymous), request).await
}

/// Files are shown by their paths, `/` shows the index, and the next site leaves nothing of this one.
pub async fn the_site_changes_as_a_whole<H: Host>(host: &H) {
    let world = World::new(host, "site").await;
    let controller = world.by(Who::Controller);
    let files = app(controller).await;
    allowed(controller.site_set(&files).await);
    allowed(controller.site_set(&files).await);
    let listed = allowed(world.by(Who::Anonymous).site_list().await);
    let paths: Vec<_> = listed.iter().map(|file| (file.path.as_str(), file.size)).collect();
    assert_eq!(paths, [("assets/main-1.js", SCRIPT.len() as u64), ("index.html", PAGE.len() as u64)]);
    for (url, content, mime_type, caching) in [
        ("/", PAGE, "text/html; charset=utf-8", "no-cache"),
        ("/index.html?a=b", PAGE, "text/html; charset=utf-8", "no-cache"),
        (
            "/assets/main-1.js",
            SCRIPT,
            "text/javascript; charset=utf-8",
            "public, max-age=31536000, immutable",
        ),
    ] {
        for answer in seen(host, &world, &get(url)).await {
            assert_eq!((answer.status_code, &answer.body[..]), (200, content), "GET {url}");
            assert_eq!(header(&answer, "content-type"), Some(mime_type), "GET {url}");
            assert_eq!(header(&answer, "cache-control"), Some(caching), "GET {url}");
            assert_eq!(header(&answer, "x-content-type-options"), Some("nosniff"), "GET {url}");
            let policy = header(&answer, "content-security-policy");
            assert!(policy.is_some_and(|it| it.contains("script-src 'self'")), "GET {url}");
            let etag = header(&answer, "etag").expect("it has one").to_owned();
            for known in seen(host, &world, &with_headers(url, &[("If-None-Match", &etag)])).await {
                assert_eq!((known.status_code, known.body.len()), (304, 0), "GET {url} with {etag}");
            }
        }
        for head in seen(host, &world, &HttpRequest { method: "HEAD".into(), ..get(url) }).await {
            assert_eq!((head.status_code, head.body.len()), (200, 0), "HEAD {url}");
        }
    }
    for url in ["/main-1.js", "/assets", "/assets/", "/index.html/", "/assets/main-2.js", "/../index.html"] {
        for answer in seen(host, &world, &get(url)).await {
            assert_eq!(answer.status_code, 404, "GET {url}");
        }
    }
    let script = SiteFileInput { path: "assets/main-2.js".into(), ..files[1].clone() };
    let page = file(controller, "index.html", "text/html", b"<p>new").await;
    allowed(controller.site_set(&[page, script]).await);
    for (url, status, content) in
        [("/", 200, &b"<p>new"[..]), ("/assets/main-2.js", 200, SCRIPT), ("/assets/main-1.js", 404, b"")]
    {
        for answer in seen(host, &world, &get(url)).await {
            assert_eq!(answer.status_code, status, "GET {url}");
            assert!(status == 404 || answer.body == content, "GET {url}");
        }
    }
    allowed(controller.site_set(&[]).await);
    assert_eq!(allowed(controller.site_list().await), []);
    for answer in seen(host, &world, &get("/assets/main-2.js")).await {
        assert_eq!(answer.status_code, 404, "nothing of it is left");
    }
}

/// Each broken rule has its error, and the site stays what it was.
pub async fn a_site_that_breaks_a_rule_changes_nothing<H: Host>(host: &H) {
    let world = World::new(host, "bad-site").await;
    let controller = world.by(Who::Controller);
    let files = app(controller).await;
    allowed(controller.site_set(&files).await);
    let before = allowed(controller.site_list().await);
    let with = |path: &str, mime_type: &str, blob_id: &str| {
        let file = SiteFileInput { path: path.into(), blob_id: blob_id.into(), mime_type: mime_type.into() };
        vec![files[0].clone(), file]
    };
    let (page, script) = (&files[0].blob_id, &files[1].blob_id);
    let large = file(controller, "large", "text/plain", &bytes(2_000_001, 90)).await.blob_id;
    let capsule = allowed(controller.capsules_create(None).await).id;
    let strangers = upload(world.member(), &world.capsule, b"the member's", 20).await.blob_id;
    let (memory, _) = published(&world, b"a memory's", "image/png").await;
    let assets = allowed(world.member().memories_read(&memory).await).blob_internal_assets;
    let referenced = assets[0].blob_ref.locator.clone();
    let many = vec![files[0].clone(); 501];
    for (wrong, code) in [
        (with("", "text/html", script), "site_path_malformed"),
        (with("/index.html", "text/html", script), "site_path_malformed"),
        (with("a/../b", "text/html", script), "site_path_malformed"),
        (with("a b", "text/html", script), "site_path_malformed"),
        (with("<*>", "text/html", script), "site_path_malformed"),
        (with("asset/mem_1/original", "text/html", script), "site_path_malformed"),
        (with("api/v2/status", "text/html", script), "site_path_malformed"),
        (with(&"a".repeat(257), "text/html", script), "site_path_malformed"),
        (with("index.html", "text/html", page), "site_path_repeated"),
        (with("b", &"m".repeat(129), script), "text_too_long"),
        (with("b", "text/html", &large), "site_file_too_large"),
        (with("b", "text/html", "blob_987654321"), "not_found"),
        (with("b", "text/html", "blob_01"), "not_found"),
        (with("b", "text/html", &strangers), "not_found"),
        (with("b", "text/html", &referenced), "not_found"),
        (many, "too_many_items"),
    ] {
        refused(controller.site_set(&wrong).await, code);
        assert_eq!(allowed(controller.site_list().await), before, "{code}");
    }
    refused(world.owner().site_set(&files).await, "unauthorized");
    refused(world.by(Who::Anonymous).site_set(&[]).await, "unauthorized");
    assert_eq!(allowed(controller.site_list().await), before);
    for answer in seen(host, &world, &get("/")).await {
        assert_eq!((answer.status_code, &answer.body[..]), (200, PAGE));
    }
    assert!(allowed(controller.capsules_read_full(Some(&capsule)).await).bytes_used > 0, "the large one");
}

/// The site's bytes are in no capsule: they count in none, and none that is deleted takes them along.
pub async fn what_the_site_takes_is_its_own<H: Host>(host: &H) {
    let world = World::new(host, "site-bytes").await;
    let controller = world.by(Who::Controller);
    let capsule = allowed(controller.capsules_create(None).await).id;
    let used = async || allowed(controller.capsules_read_full(Some(&capsule)).await).bytes_used;
    let before = used().await;
    let files = app(controller).await;
    assert_eq!(used().await, before + (PAGE.len() + SCRIPT.len()) as u64);
    allowed(controller.site_set(&files).await);
    assert_eq!(used().await, before, "the site pays for its own");
    refused(controller.blob_get_meta(&files[0].blob_id).await, "not_found");
    refused(controller.blob_delete(&files[0].blob_id).await, "not_found");
    allowed(controller.capsules_delete(&capsule).await);
    allowed(controller.sessions_cleanup_expired().await);
    for answer in seen(host, &world, &get("/")).await {
        assert_eq!(
            (answer.status_code, &answer.body[..]),
            (200, PAGE),
            "the capsule is gone, the site is not"
        );
    }
    allowed(controller.site_set(&[]).await);
}
