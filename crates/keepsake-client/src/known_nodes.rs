//! The root keys of the nodes that this user has met: a file with one line for each node.
//!
//! Owns the file and the comparison. A node's key is kept when it is seen for the first time; from then on another key at
//! the same address is refused. Whoever sits in between at the very first time is not noticed: a key that is known
//! beforehand is given as [`RootKey::Pinned`](crate::RootKey::Pinned).
//!
//! ```text
//! # comment
//! http://192.168.0.7:4943 308182301d060d2b…      address and root key (DER, hexadecimal), mode 0600
//! ```

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use url::Url;

use crate::upload::hex;

/// What a new file begins with.
const HEAD: &str = "# Root keys of nodes, one a line. `keepsake` adds each node when it first meets it.\n";

/// Most bytes of the file that are read: some thousand nodes.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// The file of known nodes. Nothing is read or written before a node is met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownNodes {
    path: PathBuf,
}

/// Why a node's root key is not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KnownNodesError {
    /// The node has another key than before.
    #[error(
        "the node at {address} has another root key than it had before: somebody may pretend to be that node. \
         If you know that it was set up anew, remove line {line} of {}", path.display()
    )]
    Changed {
        /// The node's address.
        address: String,
        /// The file of known nodes.
        path: PathBuf,
        /// Its line that has the earlier key, from 1.
        line: usize,
    },
    /// A line that is none of ours: which nodes are known is uncertain then.
    #[error("line {line} of {} is not `ADDRESS KEY`: correct or remove it", path.display())]
    Line {
        /// The file of known nodes.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// The file cannot be read or written.
    #[error("cannot use the file of known nodes {}: {source}", path.display())]
    Io {
        /// The file of known nodes.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl KnownNodes {
    /// Keeps the keys in the file `path`, whose folder is made when it is not there yet.
    pub fn in_file(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Compares `root_key` (DER) with the one that is known of the node at `url`, and keeps it where there is none.
    ///
    /// Several processes may do so at once: the file is locked meanwhile.
    ///
    /// # Errors
    /// [`KnownNodesError`]; [`KnownNodesError::Changed`] where another key is known.
    pub fn check(&self, url: &Url, root_key: &[u8]) -> Result<(), KnownNodesError> {
        let address = url.origin().ascii_serialization();
        let mut file = open(&self.path).map_err(|source| self.io(source))?;
        file.lock().map_err(|source| self.io(source))?;
        let mut text = String::new();
        let read = (&file).take(FILE_BYTES_MAX).read_to_string(&mut text);
        read.map_err(|source| self.io(source))?;
        let key = hex(root_key);
        match self.find(&text, &address)? {
            Some((_, known)) if known.eq_ignore_ascii_case(&key) => Ok(()),
            Some((line, _)) => Err(KnownNodesError::Changed { address, path: self.path.clone(), line }),
            None => {
                let head = if text.is_empty() { HEAD } else { "" };
                let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
                let added = file
                    .seek(SeekFrom::End(0))
                    .and_then(|_| file.write_all(format!("{head}{end}{address} {key}\n").as_bytes()))
                    .and_then(|()| file.sync_all());
                added.map_err(|source| self.io(source))
            }
        }
    }

    /// The number of the line of `address`, from 1, and its key.
    fn find<'t>(&self, text: &'t str, address: &str) -> Result<Option<(usize, &'t str)>, KnownNodesError> {
        for (line, content) in (1..).zip(text.lines()) {
            let content = content.trim();
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let entry = content.split_once(' ').map(|(address, key)| (address, key.trim()));
            match entry.filter(|(_, key)| !key.is_empty() && key.bytes().all(|c| c.is_ascii_hexdigit())) {
                None => return Err(KnownNodesError::Line { path: self.path.clone(), line }),
                Some((known, key)) if known == address => return Ok(Some((line, key))),
                Some(_) => {}
            }
        }
        Ok(None)
    }

    fn io(&self, source: io::Error) -> KnownNodesError {
        KnownNodesError::Io { path: self.path.clone(), source }
    }
}

/// Opens the file, made with mode 0600 where it is not there; through no link.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
    if let Some(dir) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(flags);
    let file = options.open(path)?;
    let metadata = file.metadata()?;
    let refused = |text| Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    if !metadata.is_file() || metadata.nlink() > 1 {
        return refused("it is no plain file of its own: remove it");
    }
    if metadata.mode() & 0o022 != 0 {
        return refused("others may write to it: run `chmod 600` on it after you have looked at it");
    }
    Ok(file)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir)?;
    }
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn known() -> (tempfile::TempDir, KnownNodes) {
        let dir = tempfile::tempdir().unwrap();
        let known = KnownNodes::in_file(dir.path().join("home/known_nodes"));
        (dir, known)
    }

    #[test]
    fn the_first_key_of_each_node_is_kept_and_another_one_is_refused_by_its_line() {
        let (_dir, known) = known();
        let (home, work) = (url("http://127.0.0.1:4943"), url("https://photos.example.org/some/path"));
        known.check(&home, &[1; 133]).unwrap();
        known.check(&work, &[2; 133]).unwrap();
        known.check(&url("https://photos.example.org:443"), &[2; 133]).unwrap();
        known.check(&home, &[1; 133]).unwrap();
        let text = std::fs::read_to_string(&known.path).unwrap();
        assert_eq!(text.lines().count(), 3, "a comment and two nodes: {text}");
        let error = known.check(&work, &[3; 133]).unwrap_err();
        assert!(matches!(error, KnownNodesError::Changed { line: 3, .. }), "{error}");
        let words = error.to_string();
        let line = format!("remove line 3 of {}", known.path.display());
        assert!(words.contains("https://photos.example.org") && words.contains(&line), "{words}");
        assert_eq!(std::fs::read_to_string(&known.path).unwrap(), text, "an error changes nothing");
        // Another port or scheme is another node.
        known.check(&url("http://127.0.0.1:4944"), &[3; 133]).unwrap();
        known.check(&url("http://photos.example.org"), &[3; 133]).unwrap();
    }

    #[test]
    fn lines_by_hand_are_read_and_what_is_no_line_is_named() {
        let (_dir, known) = known();
        std::fs::create_dir(known.path.parent().unwrap()).unwrap();
        let write = |text: &str| {
            let _ = std::fs::remove_file(&known.path);
            let mut file = open(&known.path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        };
        write("\n# mine\n  http://a:1   0A0b \n");
        known.check(&url("http://a:1"), &[10, 11]).unwrap();
        write("http://a:1 0a");
        known.check(&url("http://b:1"), &[11]).unwrap();
        known.check(&url("http://a:1"), &[10]).unwrap();
        for broken in ["http://a:1\n", "http://a:1 xyz\n", "# x\n\nhttp://a:1 0a 0b\n"] {
            write(broken);
            let error = known.check(&url("http://b:1"), &[11]).unwrap_err();
            let line = broken.lines().count();
            assert!(matches!(error, KnownNodesError::Line { line: l, .. } if l == line), "{error}");
        }
    }

    #[test]
    fn many_at_once_lose_no_line() {
        let (_dir, known) = known();
        std::thread::scope(|scope| {
            for port in 1..=16_u8 {
                let known = &known;
                let node = url(&format!("http://node:{port}"));
                scope.spawn(move || known.check(&node, &[port; 4]).unwrap());
            }
        });
        for port in 1..=16_u8 {
            let error = known.check(&url(&format!("http://node:{port}")), &[0; 4]).unwrap_err();
            assert!(matches!(error, KnownNodesError::Changed { .. }), "{port}: {error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_private_and_no_link() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let (dir, known) = known();
        let node = url("http://a:1");
        known.check(&node, &[1]).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&known.path), mode(known.path.parent().unwrap())), (0o600, 0o700));
        std::fs::set_permissions(&known.path, std::fs::Permissions::from_mode(0o666)).unwrap();
        assert!(known.check(&node, &[1]).unwrap_err().to_string().contains("chmod 600"));
        std::fs::remove_file(&known.path).unwrap();
        let other = dir.path().join("other");
        symlink(&other, &known.path).unwrap();
        assert!(matches!(known.check(&node, &[1]), Err(KnownNodesError::Io { .. })));
        assert!(!other.exists());
    }
}
