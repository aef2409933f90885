//! Conditional requests. Owns the comparison of entity tags.

/// Whether a client that sends these entity tags has the file already, by weak comparison: [RFC 9110, section 13.1.2].
///
/// [RFC 9110, section 13.1.2]: https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2
pub fn is_known(if_none_match: &str, etag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    if_none_match.trim() == "*" || if_none_match.split(',').any(|tag| opaque(tag) == opaque(etag))
}
