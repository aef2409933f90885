//! Certificates: the state tree of a subnet with one canister and one node, and its signature.
//!
//! Owns the layout of the tree. Who may read what is not decided here.
//!
//! ```text
//! /canister/<id>/controllers, module_hash, metadata/<name>
//! /canister_ranges/<subnet>/<id>
//! /request_status/<request>/…                          (at most one request)
//! /subnet/<subnet>/{canister_ranges, node/<node>/public_key, public_key}
//! /time
//! ```
//! Source: [state tree](https://internetcomputer.org/docs/references/ic-interface-spec#state-tree).
//!
//! A certificate shows the whole tree, which is small; only metadata that was not asked for is pruned. It has at most one
//! request, so an agent learns nothing of others, nor may it conclude anything about them.

use candid::Principal;
use ic_certification::Certificate;
use ic_certification::hash_tree::{HashTree, empty, fork, label, leaf, leaf_hash, pruned};
use keepsake_wasm_host::Canister;
use serde::Serialize;

use crate::ingress::{RequestId, Status};
use crate::node_key::NodeKey;

/// Metadata sections that the module shows to everybody.
const PUBLIC_METADATA: [&str; 2] = ["candid:service", "candid:args"];

type Tree = HashTree<Vec<u8>>;
type Child = (Vec<u8>, Tree);

/// What a certificate is asked to show besides the fixed part.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    /// The one request and how it stands.
    pub(crate) request: Option<(RequestId, Status)>,
    /// Names of metadata sections.
    pub(crate) metadata: Vec<String>,
}

/// The id of the subnet whose key this is: the self-authenticating principal, as of the IC's root subnet.
pub(crate) fn subnet_id(root_key_der: &[u8]) -> Principal {
    Principal::self_authenticating(root_key_der)
}

/// A certificate of the state at `now_ns`, in CBOR. About a millisecond.
pub(crate) fn certify(canister: &Canister, node: &NodeKey, now_ns: u64, shown: &Shown) -> Vec<u8> {
    let statuses = shown.request.iter().map(|(id, status)| (id.to_vec(), request(status)));
    let mut children = fixed(canister, node, shown);
    children.push(("request_status".into(), branch(statuses.collect())));
    children.push(("time".into(), leaf(leb128(now_ns))));
    let tree = branch(children);
    let signature = canister.sign_state_root(&tree.digest());
    cbor(&Certificate { tree, signature, delegation: None })
}

/// CBOR with the self-describing tag, as everything that the IC sends.
pub(crate) fn cbor<T: Serialize>(value: &T) -> Vec<u8> {
    let mut serializer = serde_cbor::Serializer::new(Vec::new());
    serializer.self_describe().expect("writing to memory does not fail");
    value.serialize(&mut serializer).expect("replies hold only maps, strings, bytes and integers");
    serializer.into_inner()
}

fn fixed(canister: &Canister, node: &NodeKey, shown: &Shown) -> Vec<Child> {
    let (id, subnet) = (canister.id(), subnet_id(canister.root_key()));
    let ranges = cbor(&[(id, id)]);
    let node_info = branch(vec![("public_key".into(), leaf(node.public_der()))]);
    let subnet_info = branch(vec![
        ("canister_ranges".into(), leaf(ranges.clone())),
        ("node".into(), branch(vec![(node.id().as_slice().into(), node_info)])),
        ("public_key".into(), leaf(canister.root_key())),
    ]);
    let shards = branch(vec![(id.as_slice().into(), leaf(ranges))]);
    vec![
        ("canister".into(), branch(vec![(id.as_slice().into(), canister_info(canister, shown))])),
        ("canister_ranges".into(), branch(vec![(subnet.as_slice().into(), shards)])),
        ("subnet".into(), branch(vec![(subnet.as_slice().into(), subnet_info)])),
    ]
}

fn canister_info(canister: &Canister, shown: &Shown) -> Tree {
    let metadata = PUBLIC_METADATA.iter().filter_map(|name| {
        let section = canister.module().metadata(name)?;
        let asked = shown.metadata.iter().any(|asked| asked == name);
        Some(((*name).into(), if asked { leaf(section) } else { pruned(leaf_hash(section)) }))
    });
    branch(vec![
        ("controllers".into(), leaf(cbor(&canister.controllers()))),
        ("metadata".into(), branch(metadata.collect())),
        ("module_hash".into(), leaf(canister.module().sha256())),
    ])
}

fn request(status: &Status) -> Tree {
    let text = |name: &str, value: &str| (name.into(), leaf(value));
    match status {
        Status::Processing => branch(vec![text("status", "processing")]),
        Status::Done(Ok(reply)) => {
            branch(vec![("reply".into(), leaf(reply.as_slice())), text("status", "replied")])
        }
        Status::Done(Err(rejection)) => branch(vec![
            text("error_code", rejection.error_code),
            ("reject_code".into(), leaf(leb128(rejection.code.into()))),
            text("reject_message", &rejection.message),
            text("status", "rejected"),
        ]),
    }
}

/// Labeled children as a balanced tree; lookups need them in the order of their labels.
fn branch(mut children: Vec<Child>) -> Tree {
    children.sort_by(|(a, _), (b, _)| a.cmp(b));
    balanced(children)
}

fn balanced(mut children: Vec<Child>) -> Tree {
    if children.len() > 1 {
        let right = children.split_off(children.len() / 2);
        return fork(balanced(children), balanced(right));
    }
    children.pop().map_or_else(empty, |(name, tree)| label(name, tree))
}

fn leb128(value: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(10);
    leb128::write::unsigned(&mut bytes, value).expect("writing to memory does not fail");
    bytes
}
