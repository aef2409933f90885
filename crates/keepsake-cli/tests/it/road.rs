//! Which way chunks go: by PUT where it is to be had, in envelopes where it is not, and what in between may do to either.

use crate::behind::Faults;
use crate::support::{Scene, path, sha256_of, text};
use keepsake_fault_proxy::{Answer, Plan};
use serde_json::Value;

/// Five chunks, the last one short.
const FILE_BYTES: u64 = 4 * 1_800_000 + 777;

/// A scene whose user has a capsule and reaches the node through a proxy.
fn scene_behind(plan: Plan) -> (Scene, Faults) {
    let mut scene = Scene::new(FILE_BYTES);
    scene.user.json(&["capsule", "create"]);
    let faults = Faults::before(&scene.node, plan);
    scene.user.url = faults.url();
    (scene, faults)
}

/// The proxy answers PUTs, `times` of them, after some that pass.
fn to_puts(status: u16, after: u64, times: Option<u64>) -> Plan {
    let answer = Answer { status, after, times, method: Some("PUT".to_owned()), ..Answer::default() };
    Plan { answer: Some(answer), ..Plan::default() }
}

impl Faults {
    /// Chunks that were put, and those that went in envelopes: an upload has two other updates, the first and the last.
    fn chunks(&self) -> (u64, u64) {
        let counts = self.counts();
        (counts.puts, counts.updates - 2)
    }
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
    for (road, chunks) in [("auto", (5, 0)), ("put", (5, 0)), ("envelopes", (0, 5))] {
        let (scene, faults) = scene_behind(Plan::default());
        scene.comes_back(&scene.uploads(&["--road", road]));
        assert_eq!(faults.chunks(), chunks, "{road}");
    }
}

#[test]
fn where_the_way_knows_no_put_chunks_go_in_envelopes() {
    for status in [404, 405, 501, 400, 403, 411] {
        let (scene, faults) = scene_behind(to_puts(status, 0, None));
        scene.comes_back(&scene.uploads(&["--in-flight", "1"]));
        assert_eq!(faults.chunks(), (1, 5), "{status}: what is in between is asked once");
        let (code, told) = scene.user.fails(&["upload", path(&scene.file), "--again", "--road", "put"]);
        assert!(code == 1 && told.contains("no way for chunks without envelopes"), "{code}: {told}");
    }
}

#[test]
fn a_ticket_that_does_not_open_is_replaced_and_not_for_ever() {
    let (scene, faults) = scene_behind(Plan::default());
    scene.uploads(&["--in-flight", "1"]);
    let queries = faults.counts().queries;

    let (scene, faults) = scene_behind(Plan { forge_tickets: Some(3), ..Plan::default() });
    let uploaded = scene.uploads(&["--in-flight", "1"]);
    let (counts, chunks) = (faults.counts(), faults.chunks());
    scene.comes_back(&uploaded);
    assert_eq!((chunks.1, &uploaded["chunks_retried"]), (0, &0.into()), "another ticket is no failure");
    assert_eq!((counts.forged, chunks.0), (3, 8));
    assert_eq!(counts.queries, queries + counts.forged, "a new ticket for each that did not open");

    let (scene, faults) = scene_behind(Plan { forge_tickets: Some(1), ..Plan::default() });
    scene.comes_back(&scene.uploads(&["--in-flight", "1"]));
    assert_eq!(faults.chunks(), (3, 5), "where no ticket gets through, envelopes do");
    let (code, told) = scene.user.fails(&["upload", path(&scene.file), "--again", "--road", "put"]);
    assert!(code == 1 && told.contains("ticket_wrong"), "{code}: {told}");
}

#[test]
fn puts_that_vanish_while_messages_arrive_are_sent_in_envelopes() {
    let vanish = Plan { lose_requests: 1.0, faults_at: Some("/1".to_owned()), ..Plan::default() };
    let (scene, faults) = scene_behind(vanish);
    scene.comes_back(&scene.uploads(&["--in-flight", "1"]));
    assert_eq!(faults.chunks(), (2, 5), "so often it is tried");
}

#[test]
fn faults_on_the_way_are_tried_again() {
    for status in [408, 429, 502, 503, 504] {
        let (scene, faults) = scene_behind(to_puts(status, 1, Some(1)));
        let uploaded = scene.uploads(&["--in-flight", "1"]);
        assert_eq!(faults.chunks(), (6, 0), "{status}");
        scene.comes_back(&uploaded);
        assert_eq!(uploaded["chunks_retried"], 1, "{status}");
    }
    let (scene, faults) = scene_behind(Plan { lose_requests: 0.3, seed: 3, ..Plan::default() });
    let uploaded = scene.uploads(&["--in-flight", "1"]);
    assert!(faults.counts().lost > 0 && faults.counts().puts >= 5);
    scene.comes_back(&uploaded);
    // Where the way has a limit, shorter chunks are tried, and then it is told.
    let (scene, faults) = scene_behind(Plan { body_max: Some(50_000), ..Plan::default() });
    let output = scene.user.run(&["upload", path(&scene.file), "--in-flight", "1"]);
    let told = text(&output.stderr);
    assert!(output.status.code() == Some(1) && told.contains("client_max_body_size"), "{told}");
    // Of 1.8 MB, and each half as long as the one before; where the answer is lost in what is still on its way, once more, and where
    // that happens to the first two, the others go in envelopes.
    assert!((2..=10).contains(&faults.counts().puts), "{:?}", faults.counts());
}
