//! Which way chunks go: by PUT where it is to be had, in envelopes where it is not, and what in between may do to either.

mod proxy;

use crate::support::{Scene, path, sha256_of, text};
use proxy::{Act, Proxy};
use serde_json::Value;

/// Five chunks, the last one short.
const FILE_BYTES: u64 = 4 * 1_800_000 + 777;

/// A scene whose user reaches the node through a proxy.
fn scene_behind(act: impl Fn(u32) -> Act + Send + Sync + 'static) -> (Scene, Proxy) {
    let mut scene = Scene::new(FILE_BYTES);
    let proxy = Proxy::start(&scene.node.url, act);
    scene.user.url.clone_from(&proxy.url);
    (scene, proxy)
}

impl Scene {
    fn uploads(&self, more: &[&str]) -> Value {
        self.user.json(&[&["upload", path(&self.file)], more].concat())
    }

    fn comes_back(&self, uploaded: &Value) {
        assert_eq!(
            (&uploaded["sha256"], &uploaded["chunks_sent"]),
            (&self.sha256.as_str().into(), &5.into())
        );
        let back = self.dir.path().join("back.bin");
        self.user.json(&["get", uploaded["memory_id"].as_str().unwrap(), "-o", path(&back), "--force"]);
        assert_eq!(sha256_of(&back), self.sha256);
    }
}

#[test]
fn chunks_go_by_put_unless_they_are_told_to_take_envelopes() {
    for (road, puts, envelopes) in [("auto", 5, 0), ("put", 5, 0), ("envelopes", 0, 5)] {
        let (scene, proxy) = scene_behind(|_| Act::Pass);
        scene.comes_back(&scene.uploads(&["--road", road]));
        assert_eq!((proxy.puts(), proxy.envelopes()), (puts, envelopes), "{road}");
    }
}

#[test]
fn where_the_way_knows_no_put_chunks_go_in_envelopes() {
    for status in [404, 405, 501] {
        let (scene, proxy) = scene_behind(move |_| Act::Answer(status));
        scene.comes_back(&scene.uploads(&["--in-flight", "1"]));
        assert_eq!((proxy.puts(), proxy.envelopes()), (1, 5), "{status}: what is in between is asked once");
        let (code, told) = scene.user.fails(&["upload", path(&scene.file), "--again", "--road", "put"]);
        assert!(code == 1 && told.contains("no way for chunks without envelopes"), "{code}: {told}");
    }
}

#[test]
fn a_ticket_that_does_not_open_is_replaced_and_not_for_ever() {
    let (scene, proxy) = scene_behind(|nth| if nth % 3 == 0 { Act::ForgeTicket } else { Act::Pass });
    let uploaded = scene.uploads(&["--in-flight", "1"]);
    scene.comes_back(&uploaded);
    assert_eq!(
        (proxy.envelopes(), &uploaded["chunks_retried"]),
        (0, &0.into()),
        "another ticket is no failure"
    );
    assert_eq!(proxy.tickets(), 1 + proxy.puts() - 5, "one to begin with, one for each that did not open");

    let (scene, proxy) = scene_behind(|_| Act::ForgeTicket);
    let (code, told) = scene.user.fails(&["upload", path(&scene.file), "--in-flight", "1"]);
    assert!(code == 1 && told.contains("ticket_wrong"), "{code}: {told}");
    assert_eq!((proxy.puts(), proxy.envelopes()), (3, 0));
}

#[test]
fn faults_on_the_way_are_tried_again() {
    for status in [408, 429, 502, 503, 504] {
        let (scene, proxy) = scene_behind(move |nth| if nth == 1 { Act::Answer(status) } else { Act::Pass });
        let uploaded = scene.uploads(&["--in-flight", "1"]);
        scene.comes_back(&uploaded);
        assert_eq!((proxy.puts(), proxy.envelopes()), (6, 0), "{status}");
        assert_eq!(uploaded["chunks_retried"], 1, "{status}");
    }
    let (scene, proxy) = scene_behind(|nth| if nth == 1 { Act::HangUp } else { Act::Pass });
    scene.comes_back(&scene.uploads(&["--in-flight", "1"]));
    assert_eq!(proxy.envelopes(), 0);
    // Where the way has a limit, shorter chunks are tried, and then it is told.
    let (scene, proxy) = scene_behind(|_| Act::Answer(413));
    let output = scene.user.run(&["upload", path(&scene.file), "--in-flight", "1"]);
    let told = text(&output.stderr);
    assert!(output.status.code() == Some(1) && told.contains("client_max_body_size"), "{told}");
    assert_eq!(
        (proxy.puts(), proxy.envelopes()),
        (5, 0),
        "of 1.8 MB, and each half as long as the one before"
    );
}
