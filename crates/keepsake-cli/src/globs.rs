//! `--include` and `--exclude`: which names in a folder are wanted. Owns what a pattern means.
//!
//! As in `.gitignore`: a pattern without a slash is of a name at any depth, one with a slash of the path below the folder. Upper
//! and lower case are alike, as cameras write `.JPG`.

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use std::path::Path;

/// A pattern of the command line.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn glob(pattern: &str) -> Result<Glob, String> {
    let pattern = pattern.trim_end_matches('/');
    if pattern.is_empty() {
        return Err("it is empty: leave the option out, or name something as '*.json'".to_owned());
    }
    let of_path = match pattern.strip_prefix('/') {
        Some(path) => path.to_owned(),
        None if pattern.contains('/') => pattern.to_owned(),
        None => format!("**/{pattern}"),
    };
    GlobBuilder::new(&of_path)
        .literal_separator(true)
        .case_insensitive(true)
        .build()
        .map_err(|error| error.to_string())
}

/// The patterns of a run.
#[derive(Debug)]
pub(crate) struct Globs {
    /// None: all files.
    include: Option<GlobSet>,
    exclude: GlobSet,
}

impl Globs {
    /// Without `include` all is wanted but for `exclude`.
    pub(crate) fn new(include: &[Glob], exclude: &[Glob]) -> Self {
        Self { include: (!include.is_empty()).then(|| set(include)), exclude: set(exclude) }
    }

    /// Whether it is wanted, by its path below the folder: of a folder, whether it is gone into.
    pub(crate) fn take(&self, path: &Path, is_dir: bool) -> bool {
        let includes = |set: &GlobSet| path.ancestors().any(|path| set.is_match(path));
        let is_included = is_dir || self.include.as_ref().is_none_or(includes);
        is_included && !self.exclude.is_match(path)
    }
}

fn set(globs: &[Glob]) -> GlobSet {
    let mut builder = GlobSetBuilder::new();
    for glob in globs {
        builder.add(glob.clone());
    }
    builder.build().expect("each of them was built")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn globs(include: &[&str], exclude: &[&str]) -> Globs {
        let all = |patterns: &[&str]| patterns.iter().map(|one| glob(one).unwrap()).collect::<Vec<_>>();
        Globs::new(&all(include), &all(exclude))
    }

    #[test]
    fn a_name_counts_at_any_depth_and_a_path_from_the_folder() {
        let globs = globs(&["*.jpg", "*.{heic,mov}"], &["thumbs", "2023/raw/", "/top.jpg", "a?.jpg"]);
        for (path, is_dir, expected) in [
            ("a.jpg", false, true),
            ("deep/er/IMG.JPG", false, true),
            ("b.HEIC", false, true),
            ("notes.txt", false, false),
            ("notes", true, true),
            ("deep/thumbs", true, false),
            ("2023/raw", true, false),
            ("x/2023/raw", true, true),
            ("top.jpg", false, false),
            ("x/top.jpg", false, true),
            ("x/ab.jpg", false, false),
        ] {
            assert_eq!(globs.take(Path::new(path), is_dir), expected, "{path}");
        }
    }

    #[test]
    fn without_patterns_all_is_wanted_and_a_broken_pattern_is_told() {
        assert!(globs(&[], &[]).take(Path::new("x/y"), false));
        let below = globs(&["2024/"], &["raw"]);
        assert!(
            below.take(Path::new("x/2024/a/b.jpg"), false) && !below.take(Path::new("2023/b.jpg"), false)
        );
        assert!(!below.take(Path::new("2024/raw"), true));
        for broken in ["[a", "{a", "a\\", "", "/"] {
            assert!(glob(broken).is_err(), "{broken}");
        }
    }
}
