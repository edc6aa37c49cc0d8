//! Keys, certificates and the administrator's token of one plane.
//!
//! Each plane has a certificate authority of its own, so that a client that takes the wrong one's is found out.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use uuid::Uuid;

use crate::error::Error;

/// What a plane's servers and clients know each other by. The files are in the plane's folder.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    folder: PathBuf,
    ca_pem: String,
    ca_der: Vec<u8>,
    admin_token: String,
}

impl Credentials {
    /// Makes everything anew and writes it into `folder`.
    pub(crate) fn create(folder: &Path) -> Result<Self, Error> {
        let ca_key = KeyPair::generate()?;
        let mut ca = CertificateParams::new(Vec::new())?;
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        ca.distinguished_name.push(DnType::CommonName, "kubefed test authority");
        let ca_certificate = ca.self_signed(&ca_key)?;
        let issuer = Issuer::new(ca, ca_key);

        let server_key = KeyPair::generate()?;
        let names = ["127.0.0.1", "localhost", "kubernetes.default.svc"].map(str::to_owned);
        let mut server = CertificateParams::new(names)?;
        server.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let server_certificate = server.signed_by(&server_key, &issuer)?;
        let service_account_key = KeyPair::generate()?;

        let credentials = Self {
            folder: folder.to_owned(),
            ca_pem: ca_certificate.pem(),
            ca_der: ca_certificate.der().to_vec(),
            admin_token: Uuid::new_v4().simple().to_string(),
        };
        let tokens = format!("{},admin,admin,\"system:masters\"\n", credentials.admin_token);
        for (path, text) in [
            (credentials.ca_file(), credentials.ca_pem.clone()),
            (credentials.certificate_file(), server_certificate.pem()),
            (credentials.key_file(), server_key.serialize_pem()),
            (credentials.service_account_key_file(), service_account_key.serialize_pem()),
            (credentials.service_account_public_key_file(), service_account_key.public_key_pem()),
            (credentials.token_file(), tokens),
        ] {
            fs::write(&path, text).map_err(Error::io("write", &path))?;
        }
        Ok(credentials)
    }

    pub(crate) fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    pub(crate) fn ca_der(&self) -> &[u8] {
        &self.ca_der
    }

    pub(crate) fn admin_token(&self) -> &str {
        &self.admin_token
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        self.folder.join("ca.crt")
    }

    pub(crate) fn certificate_file(&self) -> PathBuf {
        self.folder.join("server.crt")
    }

    pub(crate) fn key_file(&self) -> PathBuf {
        self.folder.join("server.key")
    }

    pub(crate) fn service_account_key_file(&self) -> PathBuf {
        self.folder.join("service-account.key")
    }

    pub(crate) fn service_account_public_key_file(&self) -> PathBuf {
        self.folder.join("service-account.pub")
    }

    pub(crate) fn token_file(&self) -> PathBuf {
        self.folder.join("tokens.csv")
    }
}
