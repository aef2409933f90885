//! An authority of certificates, as people make one at home, and what it hands out. Asserts nothing.

use crate::support::{path, private};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd};
use std::path::{Path, PathBuf};

/// What certificates of a test are for, and nothing else.
const NAME: &str = "localhost";

/// Its files are in a folder of its own.
pub(crate) struct Authority {
    dir: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key.
pub(crate) struct Files {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Authority {
    pub(crate) fn new(dir: &Path, name: &str) -> Self {
        let dir = dir.join(name);
        std::fs::create_dir(&dir).expect("a folder can be made");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = params.self_signed(&key).expect("a certificate can be made");
        std::fs::write(dir.join("ca.pem"), certificate.pem()).expect("the folder can be written");
        Self { dir, issuer: Issuer::new(params, key) }
    }

    /// For `SSL_CERT_FILE`.
    pub(crate) fn file(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }

    /// A certificate for this machine, in files named after `name`.
    pub(crate) fn certificate(&self, name: &str) -> Files {
        self.certificate_until(name, 2100)
    }

    /// As [`Self::certificate`], valid until the first day of `year`.
    pub(crate) fn certificate_until(&self, name: &str, year: i32) -> Files {
        let mut params = CertificateParams::new([NAME.to_owned()]).expect("the names are names");
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(year, 1, 1));
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate can be made");
        let files = Files { certificate: self.dir.join(name), key: self.dir.join(format!("{name}.key")) };
        std::fs::write(&files.certificate, certificate.pem()).expect("the folder can be written");
        private(&files.key, &key.serialize_pem());
        files
    }
}

impl Files {
    pub(crate) fn options(&self) -> [&str; 4] {
        ["--tls-cert", path(&self.certificate), "--tls-key", path(&self.key)]
    }
}
