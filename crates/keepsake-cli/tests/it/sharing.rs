//! Two users: what one may do in the other's capsule, and which exit codes say so.

use crate::support::{Node, User, fresh_dir, path};

#[test]
fn a_guest_reads_and_does_no_more() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let (ann, bob) = (User::new(dir.path(), "ann", &node), User::new(dir.path(), "bob", &node));
    let text_file = dir.path().join("note.txt");
    std::fs::write(&text_file, "for bob").unwrap();
    let uploaded = ann.json(&["upload", path(&text_file)]);
    let (id, capsule) = (uploaded["memory_id"].as_str().unwrap(), uploaded["capsule_id"].as_str().unwrap());

    assert_eq!(bob.fails(&["show", id]).0, 3, "a stranger does not learn that it exists");
    assert_eq!(bob.fails(&["ls", "--capsule", capsule]).0, 3);

    ann.json(&["capsule", "grant", capsule, &bob.principal(), "guest"]);
    assert_eq!(bob.json(&["show", id])["id"], id);
    assert_eq!(bob.json(&["ls", "--capsule", capsule])["items"][0]["id"], id);
    assert_eq!(bob.run(&["get", id, "-o", "-"]).stdout, b"for bob");
    let another = dir.path().join("another.txt");
    std::fs::write(&another, "from bob").unwrap();
    let (code, message) = bob.fails(&["upload", path(&another), "--capsule", capsule]);
    assert_eq!(code, 4, "{message}");
    assert_eq!(bob.fails(&["rm", id, "--yes"]).0, 4);
    assert_eq!(bob.fails(&["capsule", "delete", capsule, "--yes"]).0, 4);

    ann.json(&["capsule", "revoke", capsule, &bob.principal()]);
    assert_eq!(bob.fails(&["show", id]).0, 3);
}

#[test]
fn a_capsule_keeps_an_owner_and_can_be_deleted() {
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let ann = User::new(dir.path(), "ann", &node);
    let capsule = ann.json(&["capsule", "create", "--about", "grandmother"]);
    let id = capsule["id"].as_str().unwrap();
    assert_eq!(capsule["subject"], "grandmother");
    assert_eq!(capsule["members"][0]["role"], "owner");
    let (code, message) = ann.fails(&["capsule", "revoke", id, &ann.principal()]);
    assert_eq!(code, 5, "{message}");
    assert_eq!(ann.json(&["capsule"])[0]["id"], id);
    ann.json(&["capsule", "delete", id, "--yes"]);
    assert_eq!(ann.json(&["capsule"]), serde_json::json!([]));
}

#[test]
fn a_secp256k1_key_from_a_pem_file_signs_too() {
    const PEM: &str = "-----BEGIN EC PRIVATE KEY-----
MHQCAQEEIAgy7nZEcVHkQ4Z1Kdqby8SwyAiyKDQmtbEHTIM+WNeBoAcGBSuBBAAK
oUQDQgAEgO87rJ1ozzdMvJyZQ+GABDqUxGLvgnAnTlcInV3NuhuPv4O3VGzMGzeB
N3d26cRxD99TPtm8uo2OuzKhSiq6EQ==
-----END EC PRIVATE KEY-----
";
    let dir = fresh_dir();
    let node = Node::start(&dir.path().join("data"));
    let ann = User::new(dir.path(), "ann", &node);
    let file = dir.path().join("key.pem");
    std::fs::write(&file, PEM).unwrap();
    let imported = ann.json(&["identity", "import", "old", path(&file)]);
    assert_eq!((&imported["kind"], &imported["in_use"]), (&"secp256k1".into(), &false.into()));
    ann.json(&["identity", "use", "old"]);
    let capsule = ann.json(&["capsule", "create"]);
    assert_eq!(capsule["members"][0]["principal"], imported["principal"]);
    assert_eq!(capsule["subject"], imported["principal"]);
}
