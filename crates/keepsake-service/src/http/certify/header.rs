//! The value of the `IC-Certificate` header. Owns its form: base64 of CBOR.
//! Source: [the certificate header](https://docs.internetcomputer.org/references/http-gateway-protocol-spec#the-certificate-header),
//! [encoding of hash trees](https://docs.internetcomputer.org/references/ic-interface-spec/#certification-encoding).

use data_encoding::BASE64;
use ic_certification::hash_tree::HashTreeNode;
use keepsake_core::certified::Witness;
use minicbor::Encoder;
use minicbor::data::Tag;

pub(super) fn value(certificate: &[u8], witness: &Witness, path: &[String]) -> String {
    let tree = cbor(|encoder| node(encoder, witness.as_ref()));
    let path = cbor(|encoder| {
        encoder.encode(path).expect(NO_IO);
    });
    let [certificate, tree, path] = [certificate, &tree, &path].map(|bytes| BASE64.encode(bytes));
    format!("certificate=:{certificate}:, tree=:{tree}:, expr_path=:{path}:, version=2")
}

/// Source: RFC 8949, section 3.4.6.
const SELF_DESCRIBED: Tag = Tag::new(55_799);
const NO_IO: &str = "writing to a vector cannot fail";

type ToVec = Encoder<Vec<u8>>;

fn cbor(write: impl FnOnce(&mut ToVec)) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    encoder.tag(SELF_DESCRIBED).expect(NO_IO);
    write(&mut encoder);
    encoder.into_writer()
}

fn node(encoder: &mut ToVec, tree: &HashTreeNode<Vec<u8>>) {
    let (len, kind) = match tree {
        HashTreeNode::Empty() => (1, 0),
        HashTreeNode::Fork(_) => (3, 1),
        HashTreeNode::Labeled(..) => (3, 2),
        HashTreeNode::Leaf(_) => (2, 3),
        HashTreeNode::Pruned(_) => (2, 4),
    };
    encoder.array(len).and_then(|encoder| encoder.u8(kind)).expect(NO_IO);
    match tree {
        HashTreeNode::Empty() => {}
        HashTreeNode::Fork(sides) => {
            node(encoder, &sides.0);
            node(encoder, &sides.1);
        }
        HashTreeNode::Labeled(label, below) => {
            bytes(encoder, label.as_bytes());
            node(encoder, below);
        }
        HashTreeNode::Leaf(value) => bytes(encoder, value),
        HashTreeNode::Pruned(digest) => bytes(encoder, digest),
    }
}

fn bytes(encoder: &mut ToVec, bytes: &[u8]) {
    encoder.bytes(bytes).expect(NO_IO);
}
