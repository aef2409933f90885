//! The form of source files: a header, a bounded length, bounded functions, no `mod.rs`.
//!
//! Owns what a script can see of the house style; the formatter and the linter own the rest.

use std::fs;
use std::path::{Path, PathBuf};

const FILE_LINES_MAX: usize = 800;
const FUNCTION_LINES_MAX: usize = 70;
/// Module names that say nothing.
const EMPTY_NAMES: [&str; 5] = ["mod", "utils", "helpers", "common", "manager"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Source files below the folders that hold ours, with their text.
fn sources(extensions: &[&str]) -> Vec<(PathBuf, String)> {
    let mut folders: Vec<PathBuf> = ["crates", "xtask", "web", "fuzz", "benches", "pocket-ic"]
        .iter()
        .map(|name| root().join(name))
        .collect();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.map(|entry| entry.unwrap().path()) {
            let name = entry.file_name().unwrap().to_string_lossy().into_owned();
            // What others wrote, or a generator did.
            if name.starts_with('.')
                || ["node_modules", "target", "dist", "dist-test", "generated"].contains(&name.as_str())
            {
                continue;
            }
            if entry.is_dir() {
                folders.push(entry);
            } else if extensions.iter().any(|extension| entry.extension().is_some_and(|e| e == *extension)) {
                let text = fs::read_to_string(&entry).unwrap();
                found.push((entry.strip_prefix(root()).unwrap().to_owned(), text));
            }
        }
    }
    found.sort();
    found
}

/// (first line, length) of each function, by the layout that rustfmt gives.
fn functions(text: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let words: Vec<&str> =
            code.split(' ').take_while(|word| !word.contains('(') || word.starts_with("pub(")).collect();
        let is_function = words.contains(&"fn")
            && words
                .iter()
                .all(|word| ["pub", "const", "async", "fn"].contains(word) || word.starts_with("pub("));
        if !is_function || code.ends_with(';') || code.ends_with('}') {
            continue;
        }
        // A trait's method may have no body.
        let head_ends = lines[at..].iter().find(|line| line.ends_with('{') || line.ends_with(';'));
        if head_ends.is_some_and(|line| line.ends_with(';')) {
            continue;
        }
        let closing = format!("{}}}", &line[..line.len() - code.len()]);
        if let Some(len) = lines[at..].iter().position(|line| *line == closing) {
            found.push((at + 1, len + 1));
        }
    }
    found
}

#[test]
fn every_rust_file_says_first_what_it_owns() {
    let files = sources(&["rs"]);
    assert!(files.len() > 100, "only {} files were found", files.len());
    let bare: Vec<_> =
        files.iter().filter(|(_, text)| !text.starts_with("//! ")).map(|(path, _)| path).collect();
    assert!(bare.is_empty(), "these do not begin with `//!`: {bare:?}");
}

#[test]
fn every_script_says_first_what_it_owns() {
    let files = sources(&["js", "mjs", "ts", "tsx"]);
    assert!(!files.is_empty());
    let headed = |text: &str| text.starts_with("// ") || text.starts_with("/**");
    let bare: Vec<_> = files.iter().filter(|(_, text)| !headed(text)).map(|(path, _)| path).collect();
    assert!(bare.is_empty(), "these do not begin with a comment: {bare:?}");
}

#[test]
fn files_and_functions_stay_short() {
    let mut long = Vec::new();
    for (path, text) in sources(&["rs", "js", "mjs", "ts", "tsx"]) {
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            long.push(format!("{}: {lines} lines, at most {FILE_LINES_MAX}", path.display()));
        }
        for (line, len) in functions(&text) {
            if len > FUNCTION_LINES_MAX {
                long.push(format!("{}:{line}: {len} lines, at most {FUNCTION_LINES_MAX}", path.display()));
            }
        }
    }
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn modules_have_names_that_say_something() {
    let empty: Vec<_> = sources(&["rs"])
        .into_iter()
        .map(|(path, _)| path)
        .filter(|path| EMPTY_NAMES.iter().any(|name| path.file_stem().is_some_and(|stem| stem == *name)))
        .collect();
    assert!(empty.is_empty(), "{empty:?}");
}

#[test]
fn functions_are_measured() {
    let text = "impl A {\n    pub(crate) async fn b(\n        c: u8,\n    ) {\n        d();\n    }\n}\n\nfn e() {\n}\nfn f() {}\nfn g(\n) -> u8;\n}\n";
    assert_eq!(functions(text), [(2, 5), (9, 2)]);
}
