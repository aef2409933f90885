//! Certification of answers: what a gateway may check an answer to `http_request` against. Owns which answers are certified;
//! their hashes are in `certify/hashes.rs`, trees in `certify/labels.rs`, the site in `certify/site.rs`, and the tree of all
//! memories is the core's ([`keepsake_core::certified`]).
//!
//! Certified, for each asset by its id and by its kind: `GET` of all of it, where that fits one answer; `HEAD`; and
//! `GET` with `If-None-Match` of its entity tag. A body's hash is the SHA-256 that is stored, so nothing is hashed again.
//! Of a longer asset, the pieces of 2,000,000 bytes, once somebody asked for them: they are what a gateway puts together.
//! Ranges that start anywhere else, and refusals, cannot be hashed before they are asked for: they go by an update call.
//! ```text
//! http_expr ─┬ asset / mem_7 / original | asset_1 | … / <$> / H(expression) / H(request) / H(response) = ""
//!            └ the files of the site, and what answers for pages that are not there: see `site.rs`
//! ```
//! Public answers and private ones (`no-store`) differ, and only those of the memory's state are in the tree.
//! Source: [HTTP gateway protocol, response verification](https://docs.internetcomputer.org/references/http-gateway-protocol-spec).

mod hashes;
mod header;
mod labels;
pub(crate) mod site;

use super::plan::{self, Whole};
use super::{AssetRequest, AssetResponse};
use hashes::{Hashes, pair};
use ic_certification::hash_tree::{label, labeled_hash};
use ic_stable_structures::Memory;
use keepsake_api::HttpRequest;
use keepsake_core::Store;
use keepsake_core::certified::{Certification, Digest, Witness, pieces_of};
use keepsake_core::ids::{AssetId, MemoryId};
use keepsake_core::limits::PIECE_BYTES;
use keepsake_core::memory::AssetRecord;
use labels::{Labels, Node, digest_around};

/// Which parts of request and answer are certified: method, the two headers that change an answer, and all of it.
const EXPRESSION: &str = "default_certification(ValidationArgs{certification:Certification{\
    request_certification:RequestCertification{certified_request_headers:[\"range\",\"if-none-match\"],\
    certified_query_parameters:[]},response_certification:ResponseCertification{\
    response_header_exclusions:ResponseHeaderList{headers:[]}}}})";
const EXPRESSION_HEADER: &str = "ic-certificateexpression";
const CERTIFICATE_HEADER: &str = "ic-certificate";
/// Memories that one tick certifies, of about 6 million instructions each with four assets, of public ones twice that.
const PER_TICK: usize = 100;
/// Certified pieces that cost about as much as another memory.
const PIECES_PER_MEMORY: usize = 50;
/// Pieces that one tick hashes, of 130 million instructions each.
const PIECES_PER_TICK: usize = 16;
/// Pieces that are hashed at once for somebody who waits, 17 billion instructions: the first 256 MB are there by the time
/// that a gateway asks for the second piece, and the ticks are faster than it reads.
const PIECES_AT_ONCE: usize = 128;

/// The number of the form of all that is certified. A store whose answers had another form is certified anew, in slices:
/// whoever changes a header of an asset or of a page, or what is certified of it, counts this up.
const FORM: u64 = 1;

/// Sees to it that all that is certified gets this program's form. O(files of the site) where it has another.
pub(crate) fn renew_form<R: Memory, H: Memory>(store: &mut Store<R, H>) {
    store.certify_in_form(FORM, site::seal);
}

/// One slice of what is left to certify: what changed, and with `walks` also memories whose readers changed, or that were
/// never looked at.
pub(crate) fn slice<R: Memory, H: Memory>(store: &mut Store<R, H>, walks: bool) -> Certification {
    store.hash_pieces(PIECES_PER_TICK);
    renew(store, walks);
    store.uncertified()
}

/// Certifies pieces that somebody waits for, as many as one message may.
pub(crate) fn wanted<R: Memory, H: Memory>(store: &mut Store<R, H>) {
    if store.hash_pieces(PIECES_AT_ONCE) > 0 {
        renew(store, false);
    }
}

/// Certifies memories that changed, and with `walks` others.
fn renew<R: Memory, H: Memory>(store: &mut Store<R, H>, walks: bool) {
    let (mut hashes, mut left) = (Hashes::default(), PER_TICK);
    while left > 0 {
        let Some(id) = store.take_uncertified(1, walks).pop() else { return };
        let labels = memory_labels(store, id, None, &mut hashes);
        store.certify(id, labels.as_ref().map(|(labels, _)| labels.digest()).as_ref());
        left = left.saturating_sub(1 + labels.map_or(0, |(_, pieces)| pieces / PIECES_PER_MEMORY));
    }
}

/// The digest that a host certifies: of `http_expr` and all below. O(1).
pub(crate) fn root<R: Memory, H: Memory>(store: &Store<R, H>) -> Digest {
    let [before, after] = site::digests_beside_assets(store);
    labeled_hash(
        b"http_expr",
        &digest_around(before, labeled_hash(b"asset", &memories(store).digest()), after),
    )
}

/// All memories, of which only the digest is known.
fn memories<R: Memory, H: Memory>(store: &Store<R, H>) -> Node {
    store.certified_root().map_or_else(|| Node::Below(Labels::default()), Node::Digest)
}

/// How an answer is proven: the expression, the tree, and where in it.
struct Proof {
    expression: &'static str,
    witness: Witness,
    path: Vec<String>,
}

/// Adds the headers that prove the answer, where it is certified. False where it is not.
pub(crate) fn prove<R: Memory, H: Memory>(
    store: &Store<R, H>,
    request: &HttpRequest,
    answer: &mut AssetResponse,
    certificate: &[u8],
) -> bool {
    let path = request.url.split('?').next().unwrap_or_default();
    let proof = if plan::is_asset(path) {
        of_asset(store, path, request, answer)
    } else {
        site::proof(store, path, request, answer)
    };
    let Some(Proof { expression, witness, mut path }) = proof else { return false };
    path.insert(0, "http_expr".to_owned());
    let witness = label("http_expr", witness);
    answer.headers.push((CERTIFICATE_HEADER, header::value(certificate, &witness, &path)));
    answer.headers.push((EXPRESSION_HEADER, expression.to_owned()));
    true
}

fn of_asset<R: Memory, H: Memory>(
    store: &Store<R, H>,
    path: &str,
    request: &HttpRequest,
    answer: &AssetResponse,
) -> Option<Proof> {
    let (memory, asset) = plan::parse_path(path)?;
    let (id, asked) = (MemoryId::parse(memory)?, certified_request(request, answer)?);
    let hashes = &mut Hashes::default();
    let (labels, _) = memory_labels(store, id, Some(asset), hashes)?;
    let (expression, asked) = (hashes.of(EXPRESSION), asked.hash(hashes));
    let way: [&[u8]; 4] = [asset.as_bytes(), b"<$>", &expression, &asked];
    if !labels.has(&way) {
        return None;
    }
    let shown = labels.show(&[&way]);
    let witness = site::with_assets(store, store.witness(id, shown)?);
    let path = ["asset", memory, asset, "<$>"].map(str::to_owned).to_vec();
    Some(Proof { expression: EXPRESSION, witness, path })
}

/// A request that the tree may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked<'a> {
    Get,
    Head,
    Known(&'a str),
    /// The piece that begins at this byte.
    Piece(u64),
}

impl Asked<'_> {
    fn hash(self, hashes: &mut Hashes) -> Digest {
        match self {
            Self::Get => hashes.request("GET", None),
            Self::Head => hashes.request("HEAD", None),
            Self::Known(tag) => hashes.request("GET", Some(("if-none-match", tag))),
            Self::Piece(start) => hashes.request("GET", Some(("range", &format!("bytes={start}-")))),
        }
    }
}

/// The request, where the tree may have it for an answer like this.
fn certified_request<'a>(request: &'a HttpRequest, answer: &AssetResponse) -> Option<Asked<'a>> {
    let values = |name: &str| -> Vec<&str> {
        let named = request.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    };
    let etag = answer.headers.iter().find(|(name, _)| *name == "etag").map(|(_, value)| value.as_str());
    if !request.body.is_empty() || !values("if-range").is_empty() {
        return None;
    }
    let (ranges, known) = (values("range"), values("if-none-match"));
    match (request.method.as_str(), answer.status, ranges.as_slice(), known.as_slice()) {
        ("GET", 200 | 206, [], []) => Some(Asked::Get),
        ("HEAD", 200, [], []) => Some(Asked::Head),
        ("GET", 304, [], [tag]) if Some(*tag) == etag => Some(Asked::Known(tag)),
        ("GET", 206, [range], []) => piece_start(range).map(Asked::Piece),
        _ => None,
    }
}

/// Where a piece begins, for a range that asks for all from there in the one way that is certified.
fn piece_start(range: &str) -> Option<u64> {
    let start: u64 = range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()?;
    (start.is_multiple_of(PIECE_BYTES) && range == format!("bytes={start}-")).then_some(start)
}

/// The memory, where somebody asked for a piece of a large asset of it and got that piece, and not all pieces that can be
/// certified are known yet.
pub(crate) fn wants_pieces_of<R: Memory, H: Memory>(
    store: &Store<R, H>,
    request: &AssetRequest,
    answer: &AssetResponse,
) -> Option<MemoryId> {
    let asks_for_piece = request.range.as_deref().is_none_or(|range| piece_start(range).is_some());
    if answer.status != 206 || !asks_for_piece {
        return None;
    }
    let (memory, name) = plan::parse_path(request.url.split('?').next()?)?;
    let id = MemoryId::parse(memory)?;
    let record = store.memory_read_unchecked(id)?;
    let asset = record.assets.iter().find(|asset| names_of(asset).iter().any(|its| its == name))?;
    let all = pieces_of(plan::stored(asset)?.0);
    (store.pieces(id, AssetId(asset.id)).len() < all).then_some(id)
}

/// The tree of one memory, and how many pieces are in it. Only `shown` is there in full; none where there is no such
/// memory.
fn memory_labels<R: Memory, H: Memory>(
    store: &Store<R, H>,
    id: MemoryId,
    shown: Option<&str>,
    hashes: &mut Hashes,
) -> Option<(Labels, usize)> {
    let record = store.memory_read_unchecked(id)?;
    let public = plan::is_public(store, &record);
    let (mut labels, mut pieces) = (Labels::default(), 0);
    for asset in record.assets.iter().filter(|asset| !plan::is_elsewhere(store, asset)) {
        let known = || store.pieces(id, AssetId(asset.id));
        let Some(trees) = trees_of(asset, public, known, &mut pieces, hashes) else { continue };
        for (name, (tree, digest)) in names_of(asset).into_iter().zip(trees) {
            let node = if shown == Some(name.as_str()) { tree } else { Node::Digest(digest) };
            // As a request finds it: the first asset of a kind.
            labels.add(name, node);
        }
    }
    (!labels.is_empty()).then_some((labels, pieces))
}

/// What is below each of an asset's names, with its digest; counts the pieces in it. A private asset is answered alike
/// by both; of a public one, caches may keep for long only what its own id names.
fn trees_of(
    asset: &AssetRecord,
    public: bool,
    known: impl Fn() -> Vec<Digest>,
    pieces: &mut usize,
    hashes: &mut Hashes,
) -> Option<[(Node, Digest); 2]> {
    let mut tree = |is_fixed| {
        let mut whole = plan::whole(asset, plan::caching(public, is_fixed))?;
        if !whole.fits {
            whole.pieces = known();
            *pieces += whole.pieces.len();
        }
        let tree = Node::Below(Labels::one("<$>", Node::Below(exact(&whole, hashes))));
        let digest = tree.digest();
        Some((tree, digest))
    };
    let fixed = tree(true)?;
    let current = if public { tree(false)? } else { fixed.clone() };
    Some([fixed, current])
}

/// Its own id, then its kind.
fn names_of(asset: &AssetRecord) -> [String; 2] {
    [plan::asset_name(asset), asset.meta.kind.name().to_owned()]
}

/// What is below the end of a path that shows an asset or a file.
fn exact(whole: &Whole, hashes: &mut Hashes) -> Labels {
    let expression = hashes.of(EXPRESSION);
    Labels::one(expression, Node::Below(answers(whole, hashes)))
}

/// The certified pairs of request and answer for one asset.
fn answers(whole: &Whole, hashes: &mut Hashes) -> Labels {
    let mut labels = Labels::default();
    let mut add =
        |asked: Digest, answered: Digest| labels.add(asked, Node::Below(Labels::one(answered, Node::Leaf)));
    let nothing = hashes.of("");
    let sent = hashes.response_headers(&whole.sent(), 200);
    if whole.fits {
        add(Asked::Get.hash(hashes), pair(&sent, &whole.sha256));
    }
    add(Asked::Head.hash(hashes), pair(&sent, &nothing));
    let not_sent = hashes.response_headers(&whole.headers, 304);
    add(Asked::Known(&whole.etag).hash(hashes), pair(&not_sent, &nothing));
    for (start, piece) in (0..).step_by(PIECE_STEP).zip(&whole.pieces) {
        let headers = hashes.response_headers(&whole.part(start, PIECE_BYTES.min(whole.len - start)), 206);
        let answered = pair(&headers, piece);
        add(Asked::Piece(start).hash(hashes), answered);
        if start == 0 {
            add(Asked::Get.hash(hashes), answered);
        }
    }
    labels
}

#[expect(clippy::cast_possible_truncation, reason = "two million")]
const PIECE_STEP: usize = PIECE_BYTES as usize;

#[cfg(test)]
mod tests;
