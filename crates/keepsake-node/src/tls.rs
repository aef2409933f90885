//! The node's own certificate: two PEM files, checked, and read anew when they change.
//!
//! Owns what the files may hold, and which certificate new connections get. Owns no connection: `http/handshake.rs` has
//! them. Connections that are there keep the certificate that they began with.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use tokio_rustls::rustls::{self, ServerConfig};
use webpki::{EndEntityCert, KeyUsage};

/// How often the files are looked at. They are small, and whoever renews them does so weeks before their end.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(10);

/// What is spoken inside: as without TLS.
const ALPN: &[u8] = b"http/1.1";

/// Where the certificate is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM: the node's certificate, then those that lead to its authority.
    pub certificate: PathBuf,
    /// PEM: its private key, without a passphrase.
    pub key: PathBuf,
}

/// Why a certificate cannot be used. The text tells what to do.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// One of the files.
    #[error("cannot read the {what} {}", path.display())]
    Read {
        /// Certificate or key.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// From the file system.
        source: io::Error,
    },
    /// It holds something else.
    #[error("there is no certificate in {}: give a PEM file with a part that begins with -----BEGIN CERTIFICATE-----", .0.display())]
    NoCertificate(PathBuf),
    /// It is PEM, and no certificate that can be used.
    #[error("the certificate in {} cannot be used ({reason})", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// From the library.
        reason: String,
    },
    /// It holds something else.
    #[error(
        "there is no private key in {}: give a PEM file with a part that ends its first line with PRIVATE KEY-----; one with a \
         passphrase (ENCRYPTED) cannot be used", .0.display()
    )]
    NoKey(PathBuf),
    /// It is PEM, and no key that can be used.
    #[error("the key in {} cannot be used ({reason}): make an ECDSA key (P-256), or an RSA key of 2048 bits or more", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// From the library.
        reason: String,
    },
    /// Others may have it.
    #[error(
        "the key {} can be read by others (mode {mode:o}): run `chmod 600 {}`; if others may have seen it, make a new one",
        path.display(), path.display()
    )]
    OpenKey {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Two files of two pairs.
    #[error(
        "the key {} does not belong to the certificate {}: give the two that were made together, and the node's certificate \
         before those of its authority", key.display(), certificate.display()
    )]
    OtherKey {
        /// The file with the key.
        key: PathBuf,
        /// The file with the certificate.
        certificate: PathBuf,
    },
}

/// The certificate that new connections get. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tls(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    files: TlsFiles,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    config: Arc<ServerConfig>,
    name: Option<String>,
    /// Of both files.
    digest: [u8; 32],
    /// Why the last look at them brought nothing, so that it is told once.
    told: Option<String>,
}

impl Tls {
    /// Reads the files. A certificate that is not valid now is used all the same, and told: whoever asks is told by the
    /// browser, and a valid one is taken as soon as it is there.
    ///
    /// # Errors
    /// [`TlsError`], which names the file that is to blame.
    pub fn read(files: TlsFiles) -> Result<Self, TlsError> {
        let current = files.read()?.certificate()?;
        Ok(Self(Arc::new(Shared { files, current: Mutex::new(current) })))
    }

    /// Takes the files' certificate, if they changed. One that cannot be used changes nothing, and the log says why.
    pub fn renew(&self) {
        let digest = self.lock().digest;
        let read = self.0.files.read().and_then(|pair| {
            let changed = pair.digest() != digest;
            changed.then(|| pair.certificate()).transpose()
        });
        let current = &mut *self.lock();
        match read {
            Ok(Some(new)) => {
                *current = new;
                tracing::info!(file = %self.0.files.certificate.display(), "new connections get the new certificate");
            }
            Ok(None) => current.told = None,
            Err(error) => {
                let why = with_source(&error);
                if current.told.as_ref() != Some(&why) {
                    tracing::error!("the certificate stays as it is: {why}");
                }
                current.told = Some(why);
            }
        }
    }

    /// The first host name in the certificate, if one has no `*`.
    pub fn name(&self) -> Option<String> {
        self.lock().name.clone()
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.lock().config))
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.0.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the two files hold.
struct Pair<'a> {
    files: &'a TlsFiles,
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl TlsFiles {
    fn read(&self) -> Result<Pair<'_>, TlsError> {
        let certificate = read("certificate", &self.certificate)?;
        let key = read("key", &self.key)?;
        check_mode(&self.key)?;
        Ok(Pair { files: self, certificate, key })
    }
}

impl Pair<'_> {
    fn digest(&self) -> [u8; 32] {
        let lengths = [self.certificate.len() as u64, self.key.len() as u64].map(u64::to_le_bytes);
        Sha256::new()
            .chain_update(lengths.concat())
            .chain_update(&self.certificate)
            .chain_update(&self.key)
            .finalize()
            .into()
    }

    fn certificate(&self) -> Result<Current, TlsError> {
        let TlsFiles { certificate, key } = self.files;
        let unusable = |reason: String| TlsError::Certificate { path: certificate.clone(), reason };
        let chain = CertificateDer::pem_slice_iter(&self.certificate).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|error| unusable(error.to_string()))?;
        let first = chain.first().ok_or_else(|| TlsError::NoCertificate(certificate.clone()))?;
        let name = look_at(first, certificate).map_err(|error| unusable(error.to_string()))?;
        let secret = PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| TlsError::NoKey(key.clone()))?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        provider
            .key_provider
            .load_private_key(secret.clone_key())
            .map_err(|error| TlsError::Key { path: key.clone(), reason: error.to_string() })?;
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, secret));
        let mut config = config.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                TlsError::OtherKey { key: key.clone(), certificate: certificate.clone() }
            }
            other => unusable(other.to_string()),
        })?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Current { config: Arc::new(config), name, digest: self.digest(), told: None })
    }
}

/// The first name in a certificate; says where it is not valid now.
fn look_at(certificate: &CertificateDer<'_>, path: &Path) -> Result<Option<String>, webpki::Error> {
    let parsed = EndEntityCert::try_from(certificate)?;
    // Without an authority nothing is proven, but its times are looked at first.
    let proven = parsed.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        &[],
        &[],
        UnixTime::now(),
        KeyUsage::server_auth(),
        None,
        None,
    );
    match proven.err() {
        Some(webpki::Error::CertExpired { time, not_after }) => {
            let days = time.as_secs().saturating_sub(not_after.as_secs()) / (24 * 3_600);
            tracing::warn!(file = %path.display(), "the certificate ended {days} days ago: browsers refuse it, renew it");
        }
        Some(webpki::Error::CertNotValidYet { .. }) => {
            tracing::warn!(file = %path.display(), "the certificate is not valid yet: see this machine's clock");
        }
        _ => {}
    }
    let name = parsed.valid_dns_names().find(|name| !name.contains('*')).map(str::to_owned);
    Ok(name)
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Read { what, path: path.to_owned(), source })
}

#[cfg(unix)]
fn check_mode(path: &Path) -> Result<(), TlsError> {
    use std::os::unix::fs::PermissionsExt;
    let metadata =
        fs::metadata(path).map_err(|source| TlsError::Read { what: "key", path: path.to_owned(), source })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(TlsError::OpenKey { path: path.to_owned(), mode });
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_mode(_: &Path) -> Result<(), TlsError> {
    Ok(())
}

fn with_source(error: &TlsError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
