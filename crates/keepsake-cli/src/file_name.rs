//! Names of files to write, made from names that others chose. Owns their cleaning.

use crate::terminal::is_steering;

/// Most bytes of a file name on the usual file systems.
const NAME_BYTES_MAX: usize = 255;

/// Names that mean a device on Windows, whatever follows the dot.
///
/// Source: [naming files](https://learn.microsoft.com/windows/win32/fileio/naming-a-file#naming-conventions).
const DEVICE_NAMES: [&str; 7] = ["con", "prn", "aux", "nul", "conin$", "conout$", "clock$"];
/// Those with a number, 0 to 9; the superscripts 1 to 3 count as digits there.
const NUMBERED_DEVICES: [&str; 2] = ["com", "lpt"];

/// A name that stays in its folder, is not hidden, is no device, and that no command takes for an option. It has no
/// character that a system or terminal takes for more than a letter. `fallback` is cleaned too: others chose both.
pub(crate) fn safe(name: &str, fallback: &str) -> String {
    clean(name).or_else(|| clean(fallback)).unwrap_or_else(|| "memory".to_owned())
}

fn clean(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let safe: String = last.chars().map(|c| if is_unsafe(c) { '_' } else { c }).collect();
    // Windows drops dots and blanks at the end: a name must not become another one there.
    let end = |c: char| c == '.' || c.is_whitespace();
    let safe = safe.trim_start_matches(end).trim_end_matches(end);
    if safe.is_empty() {
        return None;
    }
    // `-rf` would be options, `~` a home.
    let odd = safe.starts_with(['-', '~']) || is_device(safe);
    let safe = if odd { format!("_{safe}") } else { safe.to_owned() };
    Some(clip(&safe).trim_end_matches(end).to_owned())
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    let is_numbered = |device: &&str| {
        let mut rest = stem.strip_prefix(*device).unwrap_or_default().chars();
        matches!((rest.next(), rest.next()), (Some('0'..='9' | '\u{b9}' | '\u{b2}' | '\u{b3}'), None))
    };
    DEVICE_NAMES.contains(&stem.as_str()) || NUMBERED_DEVICES.iter().any(is_numbered)
}

/// The name of a derived asset beside its original's: `photo.png` gives `photo-display.jpg`.
pub(crate) fn derived(original: &str, kind: &str, mime_type: &str) -> String {
    let stem = original.rsplit_once('.').map_or(original, |(stem, _)| stem);
    let extension = match mime_type {
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "image/webp" => "webp",
        "image/gif" => "gif",
        _ => "bin",
    };
    clip(&format!("{stem}-{kind}.{extension}"))
}

fn is_unsafe(c: char) -> bool {
    is_steering(c) || matches!(c, ':' | '*' | '?' | '"' | '<' | '>' | '|')
}

/// Cuts in the middle, so that the extension stays.
fn clip(name: &str) -> String {
    if name.len() <= NAME_BYTES_MAX {
        return name.to_owned();
    }
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let extension = if extension.len() > 16 { "" } else { extension };
    let mut end = NAME_BYTES_MAX - extension.len() - 1;
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    if extension.is_empty() { name[..end].to_owned() } else { format!("{}.{extension}", &name[..end]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_folder() {
        for (name, want) in [
            ("photo.jpg", "photo.jpg"),
            ("../../etc/passwd", "passwd"),
            ("/etc/passwd", "passwd"),
            ("..\\..\\boot.ini", "boot.ini"),
            ("..", "fallback"),
            (".", "fallback"),
            ("", "fallback"),
            ("a/..", "fallback"),
            (".bashrc", "bashrc"),
            ("a\0b\n\x1b[31m.jpg", "a_b__[31m.jpg"),
            ("C:evil", "C_evil"),
            ("nul.txt", "_nul.txt"),
            ("trailing. ", "trailing"),
            ("été.jpg", "été.jpg"),
            ("gpj.\u{202e}exe", "gpj._exe"),
            ("a\u{200b}\u{2028}b\u{9b}.jpg", "a__b_.jpg"),
            ("-rf", "_-rf"),
            ("../--help", "_--help"),
            (" -x", "_-x"),
            ("~", "_~"),
            ("photo.jpg . .", "photo.jpg"),
            (". .hidden", "hidden"),
            ("x\u{a0}\u{2003}", "x"),
        ] {
            assert_eq!(safe(name, "fallback"), want, "{name:?}");
        }
    }

    #[test]
    fn names_of_devices_are_none_here() {
        for device in [
            "con",
            "PRN.jpg",
            "aux.tar.gz",
            "NUL",
            "com1",
            "Com9.jpg",
            "COM0",
            "lpt1.",
            "lpt9",
            "LPT\u{b3}.png",
        ] {
            assert!(safe(device, "fallback").starts_with('_'), "{device}");
        }
        for device in ["com\u{b9}", "conin$", "CONOUT$.txt", "con .txt", "clock$"] {
            assert!(safe(device, "fallback").starts_with('_'), "{device}");
        }
        for name in ["common.jpg", "com10", "console", "lpt", "auxiliary.png", "com1x.jpg"] {
            assert_eq!(safe(name, "fallback"), name);
        }
    }

    #[test]
    fn what_is_taken_instead_of_an_empty_name_is_cleaned_too() {
        assert_eq!(safe("..", "../../mem_1"), "mem_1");
        assert_eq!(safe("", "nul"), "_nul");
        assert_eq!(safe("/", ".."), "memory");
    }

    #[test]
    fn long_names_are_cut_and_keep_their_extension() {
        let name = safe(&format!("{}.jpeg", "é".repeat(300)), "fallback");
        assert!(name.len() <= NAME_BYTES_MAX && name.ends_with("é.jpeg"), "{name}");
        assert!(safe(&"x".repeat(1_000), "fallback").len() <= NAME_BYTES_MAX);
        let dots = safe(&format!("{}{}x", "x".repeat(200), ". ".repeat(60)), "fallback");
        assert!(dots.ends_with('x'), "{dots:?}");
    }

    #[test]
    fn derived_names_carry_kind_and_format() {
        assert_eq!(derived("photo.png", "display", "image/jpeg"), "photo-display.jpg");
        assert_eq!(derived("photo", "thumbnail", "image/png"), "photo-thumbnail.png");
    }
}
