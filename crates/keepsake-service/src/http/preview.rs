//! What a link's address tells those who have not opened it: a title, a few words and a picture, for programs for chats and the like.
//! Owns the address's form, the tags and their texts, and the picture's answer; what may be told at all is the core's
//! ([`keepsake_core::links::LinkPreview`]). For hosts that make pages as they are asked for them: what a canister shows is certified
//! path by path.
//!
//! ```text
//! /l/{public name}          the page, with tags in its head
//! /l/{public name}/picture  the thumbnail that they name
//! ```
//! The name opens nothing; what opens the link stays behind the `#`, which no server is sent. Where there is nothing to tell, the page
//! is as for a name that never was. Sources: [Open Graph](https://ogp.me/),
//! [cards](https://developer.x.com/en/docs/x-for-websites/cards/overview/markup).

use super::headers::{self, Caching};
use super::{AssetBody, AssetRequest, AssetResponse, plan, token};
use ic_stable_structures::Memory;
use keepsake_core::links::{LINK_ID_BYTES, LinkPreview, link_id};
use keepsake_core::memory::AssetBytes;
use keepsake_core::{Call, Principal, Store};
use std::fmt::Write;

/// What stands before a link's public name in addresses.
pub const PATH: &str = "/l/";
/// What stands behind it in the address of the picture.
const PICTURE: &str = "/picture";

/// Of a longer title programs show the front at most, characters.
const TITLE_CHARS_MAX: usize = 200;

/// What a link tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    title: String,
    description: String,
    picture: Option<Picture>,
}

/// The picture that a link shows.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Picture {
    /// Width and height, pixels, as its uploader said.
    size: Option<(u32, u32)>,
}

/// The public name that a path is for: of a page, or of its picture. Any name of one part, whether or not it can be a link's.
pub fn name_in(path: &str) -> Option<&str> {
    path.strip_prefix(PATH).filter(|name| !name.is_empty() && !name.contains('/'))
}

/// The path is a picture's: the service answers it.
pub fn is_picture(path: &str) -> bool {
    path.strip_suffix(PICTURE).and_then(name_in).is_some()
}

/// The path that a link's address has on a host with previews.
pub(crate) fn path_of(previews: Option<&str>, key: &Principal) -> Option<String> {
    Some(format!("{}{}", previews?, token::text(&link_id(key)?)))
}

pub(crate) fn of_link<R: Memory, H: Memory>(store: &Store<R, H>, call: &Call, path: &str) -> Option<Preview> {
    let LinkPreview { capsule, title, thumbnail } = find(store, call, name_in(path)?)?;
    let called = crate::wire::capsules::subject_name(capsule.clone()).filter(|name| !name.trim().is_empty());
    let count = capsule.memory_count;
    Some(Preview {
        title: title.or(called).unwrap_or_else(|| "Shared memories".to_owned()),
        description: match count {
            1 => "A memory kept in Keepsake. Whoever has this link may look.".to_owned(),
            count => format!("{count} memories kept in Keepsake. Whoever has this link may look."),
        },
        picture: thumbnail
            .map(|found| Picture { size: found.record.meta.width.zip(found.record.meta.height) }),
    })
}

/// The answer where the path is a picture's.
pub(crate) fn picture<R: Memory, H: Memory>(
    store: &Store<R, H>,
    call: &Call,
    request: &AssetRequest,
) -> Option<AssetResponse> {
    let name = name_in(request.url.split('?').next()?.strip_suffix(PICTURE)?)?;
    let mut answer = if !plan::is_read(request) || headers::runs(request) {
        plan::refused(request)
    } else {
        let thumbnail = find(store, call, name).and_then(|found| found.thumbnail);
        thumbnail.and_then(|found| shown(store, &found)).unwrap_or_else(plan::no_such_page)
    };
    if request.method == "HEAD" {
        answer.body = AssetBody::Bytes(Vec::new());
    }
    answer.headers.push(("x-robots-tag", "noindex".into()));
    Some(answer)
}

/// Nobody keeps it: the link may have ended when it is asked for again.
fn shown<R: Memory, H: Memory>(store: &Store<R, H>, thumbnail: &AssetBytes) -> Option<AssetResponse> {
    let whole = plan::whole(&thumbnail.record, Caching::Shown)?;
    Some(AssetResponse {
        status: 200,
        headers: whole.sent(),
        body: plan::body(store, thumbnail, 0, whole.len),
    })
}

fn find<R: Memory, H: Memory>(store: &Store<R, H>, call: &Call, name: &str) -> Option<LinkPreview> {
    let id: [u8; LINK_ID_BYTES] = token::bytes(name)?.try_into().ok()?;
    store.link_preview(&id, call.now_ns)
}

impl Preview {
    /// `page` with the tags in its head, or as it is where it has none. `origin` is the host's as the asker knows it, such as
    /// `https://photos.example`, and `path` the page's.
    ///
    /// The page's own address is not among them (`og:url`): programs would open that instead, and it opens nothing.
    pub fn in_page(&self, page: &[u8], origin: &str, path: &str) -> Vec<u8> {
        let end = b"</head>";
        let Some(at) = page.windows(end.len()).position(|window| window.eq_ignore_ascii_case(end)) else {
            return page.to_vec();
        };
        [&page[..at], self.tags(origin, path).as_bytes(), &page[at..]].concat()
    }

    fn tags(&self, origin: &str, path: &str) -> String {
        let mut tags = String::new();
        let mut tag = |kind: &str, name: &str, value: &str| {
            let value = escaped(value);
            writeln!(tags, "<meta {kind}=\"{name}\" content=\"{value}\">").expect("a string takes text");
        };
        let title: String = self.title.chars().take(TITLE_CHARS_MAX).collect();
        tag("name", "robots", "noindex");
        tag("property", "og:site_name", "Keepsake");
        tag("property", "og:type", "website");
        tag("property", "og:title", &title);
        tag("property", "og:description", &self.description);
        if let Some(Picture { size }) = &self.picture {
            tag("property", "og:image", &format!("{origin}{path}{PICTURE}"));
            tag("property", "og:image:alt", &title);
            if let Some((width, height)) = size {
                tag("property", "og:image:width", &width.to_string());
                tag("property", "og:image:height", &height.to_string());
            }
        }
        tag("name", "twitter:card", if self.picture.is_some() { "summary_large_image" } else { "summary" });
        tags
    }
}

/// As the value of an attribute in quotes. Whoever may write a title or ask for the page writes it.
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut safe, character| {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            control if control.is_control() => safe.push(' '),
            other => safe.push(other),
        }
        safe
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preview(title: &str, picture: Option<Picture>) -> Preview {
        Preview { title: title.into(), description: "Words".into(), picture }
    }

    #[test]
    fn what_a_name_says_stays_in_its_attribute() {
        let hostile = "\"><script>alert(1)</script>' onload=x & \u{0}\n</head>";
        let page = preview(hostile, None).in_page(
            b"<head><title>A</title></HEAD><body>",
            "https://a.example",
            "/l/x",
        );
        let page = String::from_utf8(page).unwrap();
        assert!(
            page.contains(
                "\"og:title\" content=\"&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&#39; onload=x &amp;   &lt;/head&gt;\">"
            ),
            "{page}"
        );
        assert!(
            page.starts_with("<head><title>A</title><meta ") && page.ends_with("\n</HEAD><body>"),
            "{page}"
        );
        assert_eq!(page.matches('<').count(), 4 + 7, "four tags of the page and seven of its own: {page}");
    }

    #[test]
    fn a_picture_has_a_whole_address_and_its_size() {
        let tags = preview("Day", Some(Picture { size: Some((400, 300)) })).tags("https://a.example", "/l/x");
        for tag in [
            "property=\"og:image\" content=\"https://a.example/l/x/picture\"",
            "property=\"og:image:width\" content=\"400\"",
            "property=\"og:image:height\" content=\"300\"",
            "name=\"twitter:card\" content=\"summary_large_image\"",
            "name=\"robots\" content=\"noindex\"",
        ] {
            assert!(tags.contains(tag), "{tag} in {tags}");
        }
        let tags = preview(&"ä".repeat(10_000), None).tags("http://a", "/l/x");
        assert!(!tags.contains("og:image") && tags.contains("\"summary\""), "{tags}");
        assert!(tags.len() < 1_000, "a long title is cut: {tags}");
        assert!(!tags.contains("og:url"), "it would be opened in place of the link");
    }

    #[test]
    fn a_page_without_a_head_stays_as_it_is() {
        assert_eq!(preview("Day", None).in_page(b"<p>here", "http://a", "/l/x"), b"<p>here");
    }

    #[test]
    fn only_paths_of_one_name_are_a_links() {
        for (path, name) in
            [("/l/abc", Some("abc")), ("/l/%41", Some("%41")), ("/l/", None), ("/l", None), ("/l/a/b", None)]
        {
            assert_eq!(name_in(path), name, "{path}");
        }
        assert!(is_picture("/l/abc/picture"));
        for path in ["/l/picture", "/l//picture", "/l/a/b/picture", "/l/a/Picture", "/picture"] {
            assert!(!is_picture(path), "{path}");
        }
    }
}
