//! Names of files to write, made from names that others chose. Owns their cleaning.

/// Most bytes of a file name on the usual file systems.
const NAME_BYTES_MAX: usize = 255;

/// Names that mean a device on Windows, whatever follows the dot.
const DEVICE_NAMES: [&str; 8] = ["con", "prn", "aux", "nul", "com1", "com2", "lpt1", "lpt2"];

/// A name that stays in its folder, is not hidden, and has no character that a system or terminal
/// takes for more than a letter.
pub(crate) fn safe(name: &str, fallback: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = last.chars().map(|c| if is_unsafe(c) { '_' } else { c }).collect();
    let clean = clean.trim().trim_start_matches('.').trim_end_matches(['.', ' ']);
    let stem = clean.split('.').next().unwrap_or_default().to_ascii_lowercase();
    match clean {
        "" => fallback.to_owned(),
        _ if DEVICE_NAMES.contains(&stem.as_str()) => clip(&format!("_{clean}")),
        _ => clip(clean),
    }
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
    let turns_text_round =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turns_text_round || matches!(c, ':' | '*' | '?' | '"' | '<' | '>' | '|')
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
        ] {
            assert_eq!(safe(name, "fallback"), want, "{name:?}");
        }
    }

    #[test]
    fn long_names_are_cut_and_keep_their_extension() {
        let name = safe(&format!("{}.jpeg", "é".repeat(300)), "fallback");
        assert!(name.len() <= NAME_BYTES_MAX && name.ends_with("é.jpeg"), "{name}");
        assert!(safe(&"x".repeat(1_000), "fallback").len() <= NAME_BYTES_MAX);
    }

    #[test]
    fn derived_names_carry_kind_and_format() {
        assert_eq!(derived("photo.png", "display", "image/jpeg"), "photo-display.jpg");
        assert_eq!(derived("photo", "thumbnail", "image/png"), "photo-thumbnail.png");
    }
}
