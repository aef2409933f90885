//! The web app's files in memory: read once from a folder or taken from the program, and found by path.
//!
//! Owns their names, types and entity tags. Owns no HTTP: [`crate::http`] answers with them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use walkdir::WalkDir;

/// A folder of files for other programs (RFC 8615).
const WELL_KNOWN: &str = ".well-known";
/// The page that `/` shows.
const INDEX: &str = "/index.html";

/// Largest file of an app, bytes: all of them are held in memory.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Most files of an app, against a wrong folder.
const FILES_MAX: usize = 1_000;

/// The files of a built web app. Empty: the node says in a plain page what it is.
#[derive(Clone, Debug, Default)]
pub struct WebApp {
    files: BTreeMap<String, WebFile>,
}

/// One file of the app.
#[derive(Clone, Debug)]
pub(crate) struct WebFile {
    pub(crate) mime_type: String,
    /// Of the bytes, in quotes. Weak: the server may compress what it sends.
    pub(crate) etag: String,
    pub(crate) bytes: bytes::Bytes,
}

/// Why a folder cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum WebAppError {
    /// The folder or a file in it cannot be read.
    #[error("cannot read the web app in {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// From the file system.
        source: io::Error,
    },
    /// No `index.html`.
    #[error("{} is no built web app: it has no index.html; run `npm run build` in web/ and give web/packages/app/dist", .0.display())]
    NoIndex(PathBuf),
    /// A file that is too large for memory.
    #[error("{} is too large for a file of a web app: at most {FILE_BYTES_MAX} bytes", .0.display())]
    TooLarge(PathBuf),
    /// Too many files for memory.
    #[error("{} is no built web app: it has more than {FILES_MAX} files", .0.display())]
    TooMany(PathBuf),
}

impl WebApp {
    /// Reads all files of a folder, by their paths below it. Links are not followed; hidden files are left out, but for
    /// `.well-known`.
    ///
    /// # Errors
    /// [`WebAppError`], whose text tells the operator what to do.
    pub fn read(folder: &Path) -> Result<Self, WebAppError> {
        let mut app = Self::default();
        std::fs::metadata(folder).map_err(|error| unreadable(folder, error))?;
        let hidden = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with('.') && name != WELL_KNOWN;
        let entries = WalkDir::new(folder).min_depth(1).into_iter();
        for entry in entries.filter_entry(|entry| !hidden(entry.file_name())) {
            let entry = entry.map_err(|error| unreadable(folder, error.into()))?;
            if !entry.file_type().is_file() {
                continue;
            }
            let length = entry.metadata().map_err(|error| unreadable(entry.path(), error.into()))?.len();
            if length > FILE_BYTES_MAX {
                return Err(WebAppError::TooLarge(entry.into_path()));
            }
            if app.files.len() == FILES_MAX {
                return Err(WebAppError::TooMany(folder.to_owned()));
            }
            let bytes = std::fs::read(entry.path()).map_err(|error| unreadable(entry.path(), error))?;
            let below = entry.path().strip_prefix(folder).expect("a walk stays below its folder");
            let names: Vec<_> = below.iter().map(std::ffi::OsStr::to_string_lossy).collect();
            app.insert(&names.join("/"), bytes.into());
        }
        if app.files.contains_key(INDEX) { Ok(app) } else { Err(WebAppError::NoIndex(folder.to_owned())) }
    }

    /// Takes files with their paths relative to the app's root.
    pub fn of(files: impl IntoIterator<Item = (String, Cow<'static, [u8]>)>) -> Self {
        let mut app = Self::default();
        for (path, bytes) in files {
            app.insert(&path, bytes);
        }
        app
    }

    /// There are no files.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Path below the root, MIME type and bytes of each file, in the order of the paths.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str, &bytes::Bytes)> {
        let files = self.files.iter();
        files.map(|(path, file)| (path.trim_start_matches('/'), file.mime_type.as_str(), &file.bytes))
    }

    /// The file at the path of a URL; `/` is the index.
    pub(crate) fn file(&self, path: &str) -> Option<&WebFile> {
        self.files.get(if path == "/" { INDEX } else { path })
    }

    fn insert(&mut self, path: &str, bytes: Cow<'static, [u8]>) {
        let mime_type = mime_guess::from_path(path).first_or_octet_stream().to_string();
        let half: [u8; 16] = Sha256::digest(&bytes)[..16].try_into().expect("16 of 32 bytes");
        let digest = format!("{:032x}", u128::from_be_bytes(half));
        let bytes = match bytes {
            Cow::Borrowed(bytes) => bytes::Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        };
        let file = WebFile { mime_type, etag: format!("W/\"{digest}\""), bytes };
        self.files.insert(format!("/{path}"), file);
    }
}

fn unreadable(path: &Path, source: io::Error) -> WebAppError {
    WebAppError::Read { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_with_types_and_without_hidden_files() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("assets")).unwrap();
        std::fs::write(folder.path().join("index.html"), "<p>here").unwrap();
        std::fs::write(folder.path().join(".secret"), "no").unwrap();
        std::fs::write(folder.path().join("assets/a.js"), "1").unwrap();
        std::fs::create_dir(folder.path().join(".well-known")).unwrap();
        std::fs::write(folder.path().join(".well-known/ic-domains"), "example.org").unwrap();
        let app = WebApp::read(folder.path()).unwrap();
        assert_eq!(app.file("/").unwrap().bytes, "<p>here");
        assert_eq!(app.file("/").unwrap().mime_type, "text/html");
        assert_eq!(app.file("/assets/a.js").unwrap().mime_type, "text/javascript");
        assert!(app.file("/.secret").is_none());
        assert!(app.file("/assets").is_none());
        let paths: Vec<_> = app.files().map(|(path, _, _)| path).collect();
        assert_eq!(paths, [".well-known/ic-domains", "assets/a.js", "index.html"]);
    }

    #[test]
    fn what_is_no_app_is_refused_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let error = WebApp::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("npm run build"), "{error}");
        let error = WebApp::read(&folder.path().join("nowhere")).unwrap_err().to_string();
        assert!(error.contains("nowhere"), "{error}");
        assert!(!error.contains("os error"), "the cause says it: {error}");
        let large = std::fs::File::create(folder.path().join("index.html")).unwrap();
        large.set_len(FILE_BYTES_MAX + 1).unwrap();
        let error = WebApp::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("index.html is too large"), "{error}");
        large.set_len(1).unwrap();
        (0..FILES_MAX).for_each(|at| std::fs::write(folder.path().join(at.to_string()), "").unwrap());
        assert!(matches!(WebApp::read(folder.path()), Err(WebAppError::TooMany(_))));
    }
}
