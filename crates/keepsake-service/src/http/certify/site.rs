//! What is certified of the site: its files, and one answer for every page that is not there. Owns that part of the tree.
//! ```text
//! http_expr ─┬ "" / <$> / …                        the page at /
//!            ├ <*> / H(expression) / "" / H(404) = ""   every other page, as no more exact path is there
//!            ├ asset / …                           all memories
//!            └ index.html | assets / main.js | … / <$> / …
//! ```
//! What is before `asset` and after it are trees of their own, whose digests the core keeps: so the root costs the same
//! however many files there are, and so does an upgrade.

use super::hashes::{Hashes, pair};
use super::labels::{Labels, Node, Way};
use super::{Asked, EXPRESSION, Proof, certified_request, exact, memories};
use crate::http::{AssetResponse, plan, site};
use ic_certification::hash_tree::{fork, label, pruned};
use ic_stable_structures::Memory;
use keepsake_api::HttpRequest;
use keepsake_core::Store;
use keepsake_core::certified::{Digest, Witness};
use keepsake_core::site::SiteFile;

/// All of the answer, whatever was asked.
pub(super) const EXPRESSION_OF_404: &str = "default_certification(ValidationArgs{certification:Certification{\
    no_request_certification:Empty{},response_certification:ResponseCertification{\
    response_header_exclusions:ResponseHeaderList{headers:[]}}}})";
const ASSET: &[u8] = b"asset";
const ANY_OTHER: &[u8] = b"<*>";
const EXACT: &[u8] = b"<$>";

/// Says what is certified of each file; gives back the digests of all that is before and after the assets.
pub(crate) fn seal(files: &mut [SiteFile]) -> [Digest; 2] {
    let mut hashes = Hashes::default();
    for file in &mut *files {
        file.certified = exact(&site::whole(file), &mut hashes).digest().into();
    }
    labels(files, &mut hashes).digests_beside().map(Option::unwrap_or_default)
}

/// Digests of what is before and after the assets. O(1).
pub(super) fn digests_beside_assets<R: Memory, H: Memory>(store: &Store<R, H>) -> [Option<Digest>; 2] {
    match store.beside_assets() {
        Some(digests) => digests.map(|digest| Some(digest).filter(|digest| *digest != [0; 32])),
        None => labels(&[], &mut Hashes::default()).digests_beside(),
    }
}

/// The tree with a part of the assets, and digests of the site. O(1).
pub(super) fn with_assets<R: Memory, H: Memory>(store: &Store<R, H>, assets: Witness) -> Witness {
    let [before, after] = digests_beside_assets(store);
    let mut tree = label(ASSET, assets);
    if let Some(after) = after {
        tree = fork(tree, pruned(after));
    }
    match before {
        Some(before) => fork(pruned(before), tree),
        None => tree,
    }
}

/// Proves the answer to a request for a page: a file of the site, or none. O(files).
pub(super) fn proof<R: Memory, H: Memory>(
    store: &Store<R, H>,
    path: &str,
    request: &HttpRequest,
    answer: &AssetResponse,
) -> Option<Proof> {
    // A gateway reads these in a form of its own.
    if path.contains('%') || path.contains("//") {
        return None;
    }
    let (files, hashes) = (store.site().files, &mut Hashes::default());
    let mut labels = labels(&files, hashes);
    let file = site::find(&files, path);
    let parts: Vec<&[u8]> = path.strip_prefix('/')?.split('/').map(str::as_bytes).collect();
    labels.add(ASSET, memories(store));
    match (file, answer.status) {
        (Some(file), 200 | 304) => {
            let asked = certified_request(request, answer)?;
            let mut way = [&parts[..], &[EXACT]].concat();
            labels.set_at(&way, Node::Below(exact(&site::whole(file), hashes)));
            let (expression, asked) = (hashes.of(EXPRESSION), Asked::hash(asked, hashes));
            way.extend([&expression[..], &asked]);
            if !labels.has(&way) {
                return None;
            }
            let path = path.split('/').skip(1).chain(["<$>"]).map(str::to_owned).collect();
            Some(Proof { expression: EXPRESSION, witness: labels.show(&[&way]), path })
        }
        (None, 404) => {
            let ways = more_exact(&parts);
            let mut ways: Vec<&Way<'_>> = ways.iter().map(Vec::as_slice).collect();
            ways.push(&[ANY_OTHER]);
            let path = vec!["<*>".to_owned()];
            Some(Proof { expression: EXPRESSION_OF_404, witness: labels.show(&ways), path })
        }
        _ => None,
    }
}

/// The ways that would be more exact than the answer for every page: none of them may be there. Those of the page itself,
/// and of every folder that it may be in; a folder has an empty part at its end.
fn more_exact<'a>(parts: &[&'a [u8]]) -> Vec<Vec<&'a [u8]>> {
    let ended = |parts: &[&'a [u8]], end: &[&'a [u8]]| [parts, end].concat();
    let within = (1..=parts.len()).map(|len| ended(&parts[..len], &[ANY_OTHER]));
    let folders = (0..parts.len()).map(|len| ended(&parts[..len], &[b"", ANY_OTHER]));
    within.chain(folders).chain([ended(parts, &[EXACT])]).collect()
}

/// The tree but for the assets, of each file only its digest.
fn labels(files: &[SiteFile], hashes: &mut Hashes) -> Labels {
    let mut labels = Labels::around(ASSET);
    labels.add(ANY_OTHER, Node::Below(not_found(hashes)));
    for file in files {
        for name in site::names(file) {
            let way: Vec<&[u8]> = name.split('/').map(str::as_bytes).chain([EXACT]).collect();
            labels.add_at(&way, Node::Digest(*file.certified));
        }
    }
    labels
}

fn not_found(hashes: &mut Hashes) -> Labels {
    let answer = plan::no_such_page();
    let headers = hashes.response_headers_under(EXPRESSION_OF_404, &answer.headers, answer.status);
    let bodies = [hashes.of(plan::NO_SUCH_PAGE), hashes.of("")];
    let answers = Labels::of(bodies.map(|body| (pair(&headers, &body), Node::Leaf)));
    Labels::one(hashes.of(EXPRESSION_OF_404), Node::Below(Labels::one("", Node::Below(answers))))
}
