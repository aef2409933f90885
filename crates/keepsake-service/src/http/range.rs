//! The `Range` header: one range of bytes. Owns parsing and clipping; several ranges or another unit mean the whole,
//! as RFC 9110, section 14.2 allows.

/// What a range header asks of `len` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// No usable range: all of it.
    Whole,
    /// Bytes `start..end`.
    Part { start: u64, end: u64 },
    /// Nothing that is there.
    Beyond,
}

pub(super) fn parse(header: &str, len: u64) -> Asked {
    let Some(spec) = header.trim().strip_prefix("bytes=") else { return Asked::Whole };
    let Some((first, last)) = spec.split_once('-') else { return Asked::Whole };
    match (number(first), number(last)) {
        (Some(start), _) if start >= len && last_is_sound(last, start) => Asked::Beyond,
        (Some(start), None) if last.trim().is_empty() => Asked::Part { start, end: len },
        (Some(start), Some(last)) if start <= last => {
            Asked::Part { start, end: len.min(last.saturating_add(1)) }
        }
        (None, Some(0)) if first.trim().is_empty() => Asked::Beyond,
        (None, Some(_)) if first.trim().is_empty() && len == 0 => Asked::Beyond,
        (None, Some(suffix)) if first.trim().is_empty() => {
            Asked::Part { start: len.saturating_sub(suffix), end: len }
        }
        _ => Asked::Whole,
    }
}

fn last_is_sound(last: &str, start: u64) -> bool {
    last.trim().is_empty() || number(last).is_some_and(|last| last >= start)
}

fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_rfc_9110_says() {
        let part = |start, end| Asked::Part { start, end };
        for (header, asked) in [
            ("bytes=0-0", part(0, 1)),
            ("bytes=2-", part(2, 10)),
            ("bytes=2-99", part(2, 10)),
            ("bytes=-3", part(7, 10)),
            ("bytes=-99", part(0, 10)),
            ("bytes=9-9", part(9, 10)),
            ("bytes=10-", Asked::Beyond),
            ("bytes=99999999999999999999-", Asked::Beyond),
            ("bytes=-0", Asked::Beyond),
            ("bytes=5-4", Asked::Whole),
            ("bytes=0-1,3-4", Asked::Whole),
            ("bytes=a-b", Asked::Whole),
            ("bytes=", Asked::Whole),
            ("bytes=-", Asked::Whole),
            ("items=0-1", Asked::Whole),
        ] {
            assert_eq!(parse(header, 10), asked, "{header}");
        }
        assert_eq!(parse("bytes=-1", 0), Asked::Beyond);
    }
}
