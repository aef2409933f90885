//! The list of the site's paths: it is as new as the newest reply, it is there after a restart, and it needs no reader.

use super::views::update;
use super::{message, options, sender};
use crate::data_dir::DataDir;
use crate::engine::{Engine, EngineError, RequestStatus};
use candid::{Decode, Encode};
use keepsake_api::{Answer, BeginOptions, Capsule, PersonRef, SiteFileInput, UploadFinishResult};
use keepsake_service::http::AssetRequest;
use serde_bytes::ByteBuf;
use sha2::{Digest, Sha256};
use std::path::Path;

fn open(dir: &Path, queries_max: usize) -> Engine {
    let mut options = options();
    options.settings.controllers = Some(vec![sender()]);
    options.queries_max = queries_max;
    Engine::open(DataDir::open(dir).unwrap(), options).unwrap()
}

async fn upload(engine: &Engine, bytes: &[u8]) -> String {
    let capsule: Capsule = update(engine, "capsules_create", Encode!(&None::<PersonRef>).unwrap()).await;
    let begin = Encode!(&capsule.id, &1u32, &"a page", &None::<BeginOptions>).unwrap();
    let session: u64 = update(engine, "uploads_begin", begin).await;
    let () =
        update(engine, "uploads_put_chunk", Encode!(&session, &0u32, &ByteBuf::from(bytes)).unwrap()).await;
    let sha256 = ByteBuf::from(Sha256::digest(bytes).to_vec());
    let finish = Encode!(&session, &sha256, &(bytes.len() as u64)).unwrap();
    let done: UploadFinishResult = update(engine, "uploads_finish", finish).await;
    done.blob_id
}

async fn set_site(engine: &Engine, paths: &[&str], blob_id: &str) {
    let file = |path: &&str| SiteFileInput {
        path: (*path).to_owned(),
        blob_id: blob_id.to_owned(),
        mime_type: "text/html".to_owned(),
    };
    let files: Vec<_> = paths.iter().map(file).collect();
    let () = update(engine, "site_set", Encode!(&files).unwrap()).await;
}

#[tokio::test]
async fn the_paths_of_the_site_are_those_of_the_newest_reply() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), 1024);
    assert!(!engine.has_page("/"));
    let blob = upload(&engine, b"<p>here").await;
    set_site(&engine, &["index.html", "assets/a.html"], &blob).await;
    for path in ["/", "/index.html", "/assets/a.html"] {
        assert!(engine.has_page(path), "{path}");
    }
    for path in ["", "index.html", "/assets", "/assets/", "//", "/INDEX.html", "/index.html/"] {
        assert!(!engine.has_page(path), "{path}");
    }
    // Refused, and of another caller: nothing changes.
    let refused = engine.update(message("site_set", Encode!(&vec![7u8]).unwrap())).await.unwrap();
    assert!(matches!(refused, RequestStatus::Rejected(_)));
    let mut strangers = message("site_set", Encode!(&Vec::<SiteFileInput>::new()).unwrap());
    strangers.caller = keepsake_service::Principal::self_authenticating([9; 32]);
    let RequestStatus::Replied(reply) = engine.update(strangers).await.unwrap() else { panic!() };
    assert!(Decode!(&reply, Answer<()>).unwrap().is_err());
    assert!(engine.has_page("/index.html"));

    engine.shutdown().await;
    drop(engine);
    let engine = open(dir.path(), 1024);
    assert!(engine.has_page("/index.html"), "after a restart");
    set_site(&engine, &["other.html"], &blob).await;
    assert!(!engine.has_page("/") && engine.has_page("/other.html"));
    set_site(&engine, &[], &blob).await;
    assert!(!engine.has_page("/other.html"));
}

#[tokio::test]
async fn an_engine_without_a_place_for_readers_still_knows_the_paths() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path(), 0);
    let blob = upload(&engine, b"<p>here").await;
    set_site(&engine, &["index.html"], &blob).await;
    assert!(engine.has_page("/") && !engine.has_page("/assets/main.js"));
    let asked = AssetRequest { method: "GET".into(), url: "/".into(), ..AssetRequest::default() };
    assert!(matches!(engine.asset(asked).await, Err(EngineError::Overloaded)), "the file itself needs one");
}
