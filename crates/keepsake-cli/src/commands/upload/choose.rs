//! Which files are uploaded: each once, and what is left out of folders. Owns the choice; reads no content.

use crate::args::Upload;
use crate::failure::{Exit, Failure};
use crate::globs::Globs;
use keepsake_client::UploadError;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// What systems and programs keep beside the files of people, in lower case.
const IGNORED: [&str; 9] = [
    "@eadir",
    "#recycle",
    "$recycle.bin",
    "__macosx",
    "lost+found",
    "system volume information",
    "thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
];

/// Why something in a folder is not uploaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Skip {
    /// A link to something else: what it leads to is uploaded where it is.
    Symlink,
    /// A pipe, a socket, a device.
    Special,
    Empty,
    /// Hidden, or the system's.
    Ignored,
    /// By a pattern of the command line.
    Excluded,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    pub(super) files: Vec<PathBuf>,
    /// What was asked for and cannot be.
    pub(super) problems: Vec<(PathBuf, anyhow::Error)>,
    /// Left out of folders.
    pub(super) skipped: Vec<(PathBuf, Skip)>,
}

/// The files to upload.
pub(super) fn choose(args: &Upload) -> Chosen {
    let (mut chosen, mut seen) = (Chosen::default(), HashSet::new());
    let globs = Globs::new(&args.include, &args.exclude);
    for path in &args.files {
        let before = chosen.files.len();
        match (path.is_dir(), args.recursive) {
            (true, true) => chosen.add_folder(path, &globs),
            (true, false) => {
                let error = Failure::new(Exit::Usage, "this is a folder: give -r to upload what is in it");
                chosen.problems.push((path.clone(), error.into()));
            }
            (false, _) => chosen.files.push(path.clone()),
        }
        // The same file twice would be two uploads into the same sessions.
        let found = chosen.files.split_off(before);
        let fresh = |file: &PathBuf| seen.insert(file.canonicalize().unwrap_or_else(|_| file.clone()));
        chosen.files.extend(found.into_iter().filter(fresh));
    }
    chosen
}

impl Chosen {
    fn add_folder(&mut self, dir: &Path, globs: &Globs) {
        let mut walk = walkdir::WalkDir::new(dir).sort_by_file_name().into_iter();
        while let Some(entry) = walk.next() {
            match entry {
                Ok(entry) => match why_left_out(&entry, dir, globs) {
                    Some(why) => {
                        if entry.file_type().is_dir() {
                            walk.skip_current_dir();
                        }
                        self.skipped.push((entry.into_path(), why));
                    }
                    None => self.add_entry(&entry),
                },
                Err(error) => {
                    let path = error.path().unwrap_or(dir).to_owned();
                    let reason =
                        error.into_io_error().unwrap_or_else(|| std::io::Error::other("links that go round"));
                    let error = UploadError::File { path: path.clone(), reason };
                    self.problems.push((path, error.into()));
                }
            }
        }
    }

    fn add_entry(&mut self, entry: &walkdir::DirEntry) {
        let (path, kind) = (entry.path().to_owned(), entry.file_type());
        if kind.is_dir() {
            return;
        }
        if kind.is_symlink() {
            self.skipped.push((path, Skip::Symlink));
        } else if !kind.is_file() {
            self.skipped.push((path, Skip::Special));
        } else if entry.metadata().is_ok_and(|metadata| metadata.len() == 0) {
            self.skipped.push((path, Skip::Empty));
        } else {
            self.files.push(path);
        }
    }
}

/// Why what was found below `dir` is left out by its name.
fn why_left_out(entry: &walkdir::DirEntry, dir: &Path, globs: &Globs) -> Option<Skip> {
    if entry.depth() == 0 {
        return None;
    }
    if is_ignored(entry.file_name()) {
        return Some(Skip::Ignored);
    }
    let below = entry.path().strip_prefix(dir).unwrap_or(entry.path());
    (!globs.take(below, entry.file_type().is_dir())).then_some(Skip::Excluded)
}

fn is_ignored(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_lowercase();
    name.starts_with('.') || IGNORED.contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Arguments, Command};
    use clap::Parser;

    fn upload(args: &[&str]) -> Upload {
        let arguments = Arguments::parse_from(["keepsake", "upload"].iter().chain(args));
        let Command::Upload(upload) = arguments.command else { unreachable!("asked for upload") };
        upload
    }

    #[test]
    fn folders_need_r() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.jpg"), "x").unwrap();
        let path = dir.path().to_str().unwrap();
        let chosen = choose(&upload(&[path]));
        assert_eq!((chosen.files.len(), chosen.problems.len()), (0, 1));
        assert_eq!(choose(&upload(&["-r", path])).files, [dir.path().join("a.jpg")]);
    }

    #[test]
    fn what_is_left_out_of_a_folder_is_named_with_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("photos");
        std::fs::create_dir_all(root.join("sub/@eaDir/deep")).unwrap();
        for name in ["b.jpg", "sub/a.jpg", ".hidden", "Thumbs.db", "sub/@eaDir/deep/SYNOPHOTO_THUMB_XL.jpg"] {
            std::fs::write(root.join(name), "x").unwrap();
        }
        std::fs::write(root.join("empty.jpg"), "").unwrap();
        let chosen = choose(&upload(&["-r", root.to_str().unwrap()]));
        assert_eq!(chosen.files, [root.join("b.jpg"), root.join("sub/a.jpg")]);
        assert!(chosen.problems.is_empty());
        let mut skipped = chosen.skipped;
        skipped.sort_by(|a, b| a.0.cmp(&b.0));
        let expected = [
            (".hidden", Skip::Ignored),
            ("Thumbs.db", Skip::Ignored),
            ("empty.jpg", Skip::Empty),
            ("sub/@eaDir", Skip::Ignored),
        ];
        assert_eq!(skipped, expected.map(|(name, why)| (root.join(name), why)));
    }

    #[test]
    fn patterns_choose_what_a_folder_gives_and_not_what_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("photos");
        std::fs::create_dir_all(root.join("raw")).unwrap();
        for name in ["a.JPG", "a.json", "raw/b.jpg"] {
            std::fs::write(root.join(name), "x").unwrap();
        }
        let (folder, named) = (root.to_str().unwrap().to_owned(), root.join("a.json"));
        let args = ["-r", &folder, named.to_str().unwrap(), "--include", "*.jpg", "--exclude", "raw/"];
        let chosen = choose(&upload(&args));
        assert_eq!(chosen.files, [root.join("a.JPG"), named.clone()]);
        assert_eq!(chosen.skipped, [(named, Skip::Excluded), (root.join("raw"), Skip::Excluded)]);
        assert!(Arguments::try_parse_from(["keepsake", "upload", "-r", &folder, "--include", "[a"]).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn links_and_pipes_in_a_folder_are_left_out_and_a_link_that_is_named_is_not() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.jpg"), "x").unwrap();
        let link = dir.path().join("link.jpg");
        std::os::unix::fs::symlink(dir.path().join("a.jpg"), &link).unwrap();
        let pipe = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let chosen = choose(&upload(&["-r", dir.path().to_str().unwrap()]));
        assert_eq!(chosen.files, [dir.path().join("a.jpg")]);
        assert_eq!(chosen.skipped, [(link.clone(), Skip::Symlink), (pipe, Skip::Special)]);
        assert_eq!(choose(&upload(&[link.to_str().unwrap()])).files, [link]);
    }

    #[test]
    fn a_file_given_twice_is_uploaded_once() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a");
        std::fs::write(&file, "x").unwrap();
        let detour = dir.path().join(".").join("a");
        let args =
            upload(&["-r", file.to_str().unwrap(), detour.to_str().unwrap(), dir.path().to_str().unwrap()]);
        assert_eq!(choose(&args).files.len(), 1);
    }
}
