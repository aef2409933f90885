//! Certification of answers: what a gateway may check an answer to `http_request` against. Owns which answers are certified
//! and their hashes; the tree of all memories is the core's ([`keepsake_core::certified`]).
//!
//! Certified, for each asset by its id and by its kind: `GET` of all of it, where that fits one answer; `HEAD`; and
//! `GET` with `If-None-Match` of its entity tag. A body's hash is the SHA-256 that is stored, so nothing is hashed again.
//! Ranges that may start anywhere, and errors, cannot be hashed before they are asked for: they go by an update call.
//! ```text
//! http_expr / asset / mem_7 / original | asset_1 | … / <$> / H(expression) / H(request) / H(response) = ""
//! ```
//! Public answers and private ones (`no-store`) differ, and only those of the memory's state are in the tree.
//! Source: [HTTP gateway protocol, response verification](https://docs.internetcomputer.org/references/http-gateway-protocol-spec).

mod header;

use super::AssetResponse;
use super::plan::{self, Whole};
use ic_certification::hash_tree::{empty, fork, label, labeled_hash, leaf, pruned};
use ic_stable_structures::Memory;
use keepsake_api::HttpRequest;
use keepsake_core::Store;
use keepsake_core::certified::{Digest, Witness};
use keepsake_core::ids::MemoryId;
use keepsake_core::memory::AssetRecord;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// Which parts of request and answer are certified: method, the two headers that change an answer, and all of it.
const EXPRESSION: &str = "default_certification(ValidationArgs{certification:Certification{\
    request_certification:RequestCertification{certified_request_headers:[\"range\",\"if-none-match\"],\
    certified_query_parameters:[]},response_certification:ResponseCertification{\
    response_header_exclusions:ResponseHeaderList{headers:[]}}}})";
const EXPRESSION_HEADER: &str = "ic-certificateexpression";
const CERTIFICATE_HEADER: &str = "ic-certificate";
/// Memories that one tick certifies, of about 5 million instructions each with four assets.
const PER_TICK: usize = 100;

/// One slice of what is left to certify. True where there is more.
pub(crate) fn slice<R: Memory, H: Memory>(store: &mut Store<R, H>) -> bool {
    let mut hashes = Hashes::default();
    for id in store.take_uncertified(PER_TICK) {
        let digest = memory_tree(store, id, None, &mut hashes).map(|tree| tree.digest());
        store.certify(id, digest.as_ref());
    }
    store.has_uncertified()
}

/// The digest that a host certifies: of `http_expr` and all below.
pub(crate) fn root<R: Memory, H: Memory>(store: &Store<R, H>) -> Digest {
    let memories = store.certified_root().unwrap_or_else(|| empty::<Vec<u8>>().digest());
    labeled_hash(b"http_expr", &labeled_hash(b"asset", &memories))
}

/// Adds the headers that prove the answer, where it is certified. False where it is not.
pub(crate) fn prove<R: Memory, H: Memory>(
    store: &Store<R, H>,
    request: &HttpRequest,
    answer: &mut AssetResponse,
    certificate: &[u8],
) -> bool {
    let Some(path) = path_of(request).filter(|_| is_certified(request, answer)) else { return false };
    let Some(id) = MemoryId::parse(path[1]) else { return false };
    let tree = memory_tree(store, id, Some(path[2]), &mut Hashes::default());
    let Some(witness) = tree.and_then(|tree| store.witness(id, tree)) else { return false };
    let witness = label("http_expr", label("asset", witness));
    let path = ["http_expr", path[0], path[1], path[2], "<$>"];
    answer.headers.push((CERTIFICATE_HEADER, header::value(certificate, &witness, &path)));
    answer.headers.push((EXPRESSION_HEADER, EXPRESSION.to_owned()));
    true
}

/// `asset`, memory, asset.
fn path_of(request: &HttpRequest) -> Option<[&str; 3]> {
    let path = request.url.split('?').next()?;
    let (memory, asset) = plan::parse_path(path)?;
    Some(["asset", memory, asset])
}

/// The request is one of those that the tree has for an answer like this.
fn is_certified(request: &HttpRequest, answer: &AssetResponse) -> bool {
    let values = |name: &str| -> Vec<&str> {
        let named = request.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    };
    let etag = answer.headers.iter().find(|(name, _)| *name == "etag").map(|(_, value)| value.as_str());
    let plain = request.body.is_empty() && values("range").is_empty();
    let known = values("if-none-match");
    plain
        && match (request.method.as_str(), answer.status) {
            ("GET" | "HEAD", 200) => known.is_empty(),
            ("GET", 304) => known.len() == 1 && known.first().copied() == etag,
            _ => false,
        }
}

/// The tree of one memory. Only `shown` is there in full; none where there is no such memory.
fn memory_tree<R: Memory, H: Memory>(
    store: &Store<R, H>,
    id: MemoryId,
    shown: Option<&str>,
    hashes: &mut Hashes,
) -> Option<Witness> {
    let record = store.memory_read_unchecked(id)?;
    let public = plan::is_public(store, &record);
    let mut names: BTreeMap<String, Witness> = BTreeMap::new();
    for asset in &record.assets {
        let Some(whole) = plan::whole(asset, public) else { continue };
        let tree = label("<$>", label(hashes.of(EXPRESSION), answers(&whole, hashes)));
        let digest = tree.digest();
        for name in names_of(asset) {
            let part = if shown == Some(name.as_str()) { tree.clone() } else { pruned(digest) };
            // As a request finds it: the first asset of a kind.
            names.entry(name).or_insert(part);
        }
    }
    sorted(names.into_iter().map(|(name, tree)| label(name, tree)).collect())
}

fn names_of(asset: &AssetRecord) -> [String; 2] {
    [plan::asset_name(asset), asset.meta.kind.name().to_owned()]
}

/// The certified pairs of request and answer for one asset.
fn answers(whole: &Whole, hashes: &mut Hashes) -> Witness {
    let mut pairs: BTreeMap<Digest, Digest> = BTreeMap::new();
    let nothing = hashes.of("");
    let sent = hashes.response_headers(&whole.headers, 200);
    if whole.fits {
        pairs.insert(hashes.request("GET", None), pair(&sent, &whole.sha256));
    }
    pairs.insert(hashes.request("HEAD", None), pair(&sent, &nothing));
    let known: Vec<_> = whole.headers.iter().filter(|(name, _)| *name != "content-length").cloned().collect();
    let not_sent = hashes.response_headers(&known, 304);
    pairs.insert(hashes.request("GET", Some(&whole.etag)), pair(&not_sent, &nothing));
    let labeled = |(request, response): (Digest, Digest)| {
        label(request.to_vec(), label(response.to_vec(), leaf(Vec::new())))
    };
    sorted(pairs.into_iter().map(labeled).collect()).expect("every asset has its HEAD")
}

/// A balanced tree of labels that are in order.
fn sorted(mut trees: Vec<Witness>) -> Option<Witness> {
    while trees.len() > 1 {
        let mut pairs = trees.into_iter();
        let mut next = Vec::new();
        while let Some(left) = pairs.next() {
            next.push(match pairs.next() {
                Some(right) => fork(left, right),
                None => left,
            });
        }
        trees = next;
    }
    trees.pop()
}

fn pair(first: &Digest, second: &Digest) -> Digest {
    Sha256::new_with_prefix(first).chain_update(second).finalize().into()
}

/// Representation-independent hashes. Each text is hashed once: most headers are the same in every answer.
/// Source: [hash of map](https://docs.internetcomputer.org/references/ic-interface-spec/#hash-of-map).
#[derive(Default)]
struct Hashes(BTreeMap<Vec<u8>, Digest>);

impl Hashes {
    fn of(&mut self, text: &str) -> Digest {
        self.of_bytes(text.as_bytes())
    }

    fn of_bytes(&mut self, bytes: &[u8]) -> Digest {
        if let Some(known) = self.0.get(bytes) {
            return *known;
        }
        let digest = Sha256::digest(bytes).into();
        self.0.insert(bytes.to_vec(), digest);
        digest
    }

    fn map(&mut self, fields: &[(&str, &[u8])]) -> Digest {
        let mut pairs: Vec<[Digest; 2]> =
            fields.iter().map(|(name, value)| [self.of(name), self.of_bytes(value)]).collect();
        pairs.sort_unstable();
        Sha256::digest(pairs.concat().concat()).into()
    }

    fn request(&mut self, method: &str, if_none_match: Option<&str>) -> Digest {
        let mut fields = vec![(":ic-cert-method", method.as_bytes())];
        fields.extend(if_none_match.map(|tag| ("if-none-match", tag.as_bytes())));
        pair(&self.map(&fields), &self.of(""))
    }

    fn response_headers(&mut self, headers: &[(&'static str, String)], status: u16) -> Digest {
        // A number is hashed as its LEB128.
        let status = [
            u8::try_from(status & 0x7F).expect("seven bits") | 0x80,
            u8::try_from(status >> 7).expect("a status has three digits"),
        ];
        let mut fields: Vec<(&str, &[u8])> =
            headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        fields.extend([(EXPRESSION_HEADER, EXPRESSION.as_bytes()), (":ic-cert-status", &status[..])]);
        self.map(&fields)
    }
}

#[cfg(test)]
mod tests;
