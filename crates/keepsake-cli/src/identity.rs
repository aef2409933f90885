//! The keys that this user signs with, as PEM files that only they can read.
//!
//! Owns the folder, the files' modes and what a PEM may hold. Layout:
//!
//! ```text
//! $KEEPSAKE_HOME, else $XDG_CONFIG_HOME/keepsake, else ~/.config/keepsake      0700
//! ├── current                 name of the key in use
//! ├── known_nodes             root keys of nodes, see `KnownNodes`              0600
//! └── identities/NAME.pem     one key each                                     0600
//! ```

use crate::failure::{Exit, Failure};
use anyhow::{Context, Result, bail};
use keepsake_client::agent::{BasicIdentity, Identity, Secp256k1Identity};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The key that is made on first use.
const DEFAULT_NAME: &str = "default";

/// DER before the 32 bytes of an Ed25519 key, PKCS#8 version 1 ([RFC 8410](https://www.rfc-editor.org/rfc/rfc8410#section-7)).
const ED25519_PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// The folder of keys.
#[derive(Clone, Debug)]
pub(crate) struct KeyStore {
    home: PathBuf,
}

/// One key.
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) path: PathBuf,
    pub(crate) identity: Arc<dyn Identity>,
}

impl Key {
    pub(crate) fn principal(&self) -> Result<String> {
        let principal = self.identity.sender().map_err(anyhow::Error::msg)?;
        Ok(principal.to_text())
    }
}

impl KeyStore {
    /// The store of this user.
    pub(crate) fn of_user() -> Result<Self> {
        let from_env = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = from_env("KEEPSAKE_HOME")
            .or_else(|| from_env("XDG_CONFIG_HOME").map(|dir| dir.join("keepsake")))
            .or_else(|| std::env::home_dir().map(|dir| dir.join(".config").join("keepsake")))
            .context("there is no home folder: set KEEPSAKE_HOME to a folder for your keys")?;
        Ok(Self { home })
    }

    /// The key `name`, or the one in use. The default key is made when it is not there yet; the second
    /// result says so.
    pub(crate) fn load(&self, name: Option<&str>) -> Result<(Key, bool)> {
        let name = match name {
            Some(name) => name.to_owned(),
            None => self.current()?,
        };
        let path = self.path(&name)?;
        if path.exists() || name != DEFAULT_NAME {
            return Ok((self.read(&name)?, false));
        }
        let made = self.store_new(DEFAULT_NAME, &new_ed25519_pem()?);
        match made {
            Ok(()) => Ok((self.read(DEFAULT_NAME)?, true)),
            // Another process made it first.
            Err(_) if path.exists() => Ok((self.read(DEFAULT_NAME)?, false)),
            Err(error) => Err(error),
        }
    }

    /// Name of the key in use.
    pub(crate) fn current(&self) -> Result<String> {
        match fs::read_to_string(self.current_file()) {
            Ok(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
            Ok(_) => Ok(DEFAULT_NAME.to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(DEFAULT_NAME.to_owned()),
            Err(error) => {
                Err(error).with_context(|| format!("cannot read {}", self.current_file().display()))
            }
        }
    }

    /// Signs with `name` from now on.
    pub(crate) fn use_key(&self, name: &str) -> Result<Key> {
        let key = self.read(name)?;
        let path = self.current_file();
        let mut file = tempfile::NamedTempFile::new_in(&self.home)?;
        writeln!(file, "{name}")?;
        file.persist(&path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(key)
    }

    /// All keys, by name.
    pub(crate) fn list(&self) -> Result<Vec<Key>> {
        let entries = match fs::read_dir(self.dir()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", self.dir().display())),
        };
        let mut names = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "pem") {
                names.extend(path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned));
            }
        }
        names.sort();
        names.iter().map(|name| self.read(name)).collect()
    }

    /// Makes a new Ed25519 key.
    pub(crate) fn make(&self, name: &str) -> Result<Key> {
        self.store_new(name, &new_ed25519_pem()?)?;
        self.read(name)
    }

    /// Takes over a key from PEM text.
    pub(crate) fn import(&self, name: &str, pem: &str) -> Result<Key> {
        parse(pem)?;
        self.store_new(name, pem)?;
        self.read(name)
    }

    /// The PEM text of a key.
    pub(crate) fn export(&self, name: Option<&str>) -> Result<String> {
        let (key, _) = self.load(name)?;
        fs::read_to_string(&key.path).with_context(|| format!("cannot read {}", key.path.display()))
    }

    fn read(&self, name: &str) -> Result<Key> {
        let path = self.path(name)?;
        let pem = match fs::read_to_string(&path) {
            Ok(pem) => pem,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let message = format!(
                    "there is no key named {name:?}: `keepsake identity list` shows the keys, `keepsake identity new {name}` makes this one"
                );
                return Err(Failure::new(Exit::NotFound, message).into());
            }
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        check_mode(&path)?;
        let (kind, identity) = parse(&pem).with_context(|| format!("cannot use {}", path.display()))?;
        Ok(Key { name: name.to_owned(), kind, path, identity })
    }

    fn store_new(&self, name: &str, pem: &str) -> Result<()> {
        let path = self.path(name)?;
        make_private_dir(&self.home)?;
        make_private_dir(&self.dir())?;
        // A temporary file has mode 0600 from the start; the key never exists with another one.
        let mut file = tempfile::NamedTempFile::new_in(self.dir())?;
        file.write_all(pem.as_bytes())?;
        file.as_file().sync_all()?;
        match file.persist_noclobber(&path) {
            Ok(_) => Ok(()),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
                let message = format!("there is a key named {name:?} already: choose another name");
                Err(Failure::new(Exit::Conflict, message).into())
            }
            Err(error) => Err(error.error).with_context(|| format!("cannot write {}", path.display())),
        }
    }

    fn path(&self, name: &str) -> Result<PathBuf> {
        let letters = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        if name.is_empty() || name.len() > 64 || name.starts_with('.') || !letters {
            let message = format!(
                "{name:?} cannot be a name of a key: use letters, digits, '-', '_' and '.', at most 64"
            );
            return Err(Failure::new(Exit::Usage, message).into());
        }
        Ok(self.dir().join(format!("{name}.pem")))
    }

    fn dir(&self) -> PathBuf {
        self.home.join("identities")
    }

    /// Where the root keys of nodes are kept.
    pub(crate) fn known_nodes_file(&self) -> PathBuf {
        self.home.join("known_nodes")
    }

    fn current_file(&self) -> PathBuf {
        self.home.join("current")
    }
}

fn new_ed25519_pem() -> Result<String> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).context("the system gives no random numbers")?;
    let der = [&ED25519_PKCS8_PREFIX[..], &key].concat();
    Ok(pem::encode(&pem::Pem::new("PRIVATE KEY", der)))
}

fn parse(text: &str) -> Result<(&'static str, Arc<dyn Identity>)> {
    if text.contains("ENCRYPTED") {
        bail!("the key is encrypted: decrypt it first with `openssl pkcs8 -in KEY.pem -out PLAIN.pem`");
    }
    if let Ok(identity) = Secp256k1Identity::from_pem(text) {
        return Ok(("secp256k1", Arc::new(identity)));
    }
    match BasicIdentity::from_pem(text) {
        Ok(identity) => Ok(("ed25519", Arc::new(identity))),
        Err(error) => {
            bail!(
                "no key in it that can be used ({error}): give a PEM file with an Ed25519 (PKCS#8) or secp256k1 key"
            )
        }
    }
}

#[cfg(unix)]
fn make_private_dir(dir: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.with_context(|| format!("cannot make the folder {}", dir.display()))
}

#[cfg(not(unix))]
fn make_private_dir(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make the folder {}", dir.display()))
}

#[cfg(unix)]
fn check_mode(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o077 != 0 {
        bail!(
            "the key {} can be read by others (mode {:o}): run `chmod 600 {}`; if others may have seen it, make a new one",
            path.display(),
            mode & 0o777,
            path.display()
        );
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_mode(_path: &Path) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECP256K1: &str = "-----BEGIN EC PRIVATE KEY-----
MHQCAQEEIAgy7nZEcVHkQ4Z1Kdqby8SwyAiyKDQmtbEHTIM+WNeBoAcGBSuBBAAK
oUQDQgAEgO87rJ1ozzdMvJyZQ+GABDqUxGLvgnAnTlcInV3NuhuPv4O3VGzMGzeB
N3d26cRxD99TPtm8uo2OuzKhSiq6EQ==
-----END EC PRIVATE KEY-----
";

    fn store() -> (tempfile::TempDir, KeyStore) {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("home");
        (dir, KeyStore { home })
    }

    #[test]
    fn the_default_key_is_made_once() {
        let (_dir, store) = store();
        let (first, made) = store.load(None).unwrap();
        assert!(made);
        let (again, made) = store.load(None).unwrap();
        assert!(!made);
        assert_eq!(first.principal().unwrap(), again.principal().unwrap());
        assert_eq!(first.kind, "ed25519");
    }

    #[test]
    fn other_names_are_not_made_by_themselves() {
        let (_dir, store) = store();
        let error = store.load(Some("work")).err().unwrap();
        assert_eq!(crate::failure::exit_of(&error), Exit::NotFound);
    }

    #[cfg(unix)]
    #[test]
    fn keys_and_folders_are_private_and_open_keys_are_refused() {
        use std::os::unix::fs::PermissionsExt;
        let (_dir, store) = store();
        let (key, _) = store.load(None).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&key.path), mode(&store.home), mode(&store.dir())), (0o600, 0o700, 0o700));
        fs::set_permissions(&key.path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = store.load(None).err().unwrap().to_string();
        assert!(error.contains("chmod 600"), "{error}");
    }

    #[test]
    fn keys_are_taken_over_by_kind_and_never_overwritten() {
        let (_dir, store) = store();
        assert_eq!(store.import("old", SECP256K1).unwrap().kind, "secp256k1");
        let pem = store.export(Some("old")).unwrap();
        assert_eq!(pem, SECP256K1);
        let error = store.import("old", SECP256K1).err().unwrap();
        assert_eq!(crate::failure::exit_of(&error), Exit::Conflict);
        assert!(store.import("bad", "no key").is_err());
        assert_eq!(store.list().unwrap().len(), 1);
    }

    #[test]
    fn the_key_in_use_can_be_changed() {
        let (_dir, store) = store();
        let made = store.make("work").unwrap().principal().unwrap();
        store.use_key("work").unwrap();
        assert_eq!(store.load(None).unwrap().0.principal().unwrap(), made);
        assert!(store.use_key("none").is_err());
        assert_eq!(store.current().unwrap(), "work");
    }

    #[test]
    fn names_of_keys_stay_in_the_folder() {
        let (_dir, store) = store();
        for name in ["../evil", "a/b", "", ".hidden", "a b"] {
            assert!(store.make(name).is_err(), "{name:?}");
        }
    }
}
