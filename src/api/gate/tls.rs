//! TLS: as whom the gateway shows itself, and whose certificates it looks at.
//!
//! A gateway makes a key and a certificate of its own at its first start. Nobody vouches for it; whoever
//! connects keeps its fingerprint, which the console shows. A certificate of an authority takes its
//! place by two files.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};
use thiserror::Error;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::server::{ServerConfig, ServerSessionMemoryCache};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, DigitallySignedStruct, DistinguishedName, SignatureScheme};

use crate::api::auth;
use crate::api::hex::hex;

/// Sessions that a client may come back to without agreeing on TLS anew.
const SESSIONS_MAX: usize = 64;
/// The certificate that the gateway made itself.
const CERTIFICATE_FILE: &str = "certificate.pem";
/// Its key.
const KEY_FILE: &str = "key.pem";

/// Why the gateway cannot show itself.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read or written.
    #[error("{}: {cause}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// A file holds no certificate or key.
    #[error("{}: {reason}; give a file of PEM", path.display())]
    Pem {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The two do not go together, or cannot be used.
    #[error("the certificate {} and its key cannot be used: {reason}; they must belong together", path.display())]
    Unusable {
        /// The certificate.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// No certificate could be made.
    #[error("no certificate could be made: {0}")]
    Make(String),
}

/// As whom the gateway shows itself.
pub(in crate::api) struct Identity {
    fingerprint: [u8; 32],
    config: Arc<ServerConfig>,
}

/// The files of a certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

impl Identity {
    /// The identity of the files `given`, or else of those in the folder `own`, which are made for
    /// `name` where they are missing.
    ///
    /// # Errors
    /// When a file cannot be read or made, or is of no use.
    pub(in crate::api) fn open(
        given: Option<(&Path, &Path)>,
        own: &Path,
        name: &str,
    ) -> Result<Self, TlsError> {
        let files = match given {
            Some((certificate, key)) => Files { certificate: certificate.to_owned(), key: key.to_owned() },
            None => own_files(own, name)?,
        };
        let chain = files.chain()?;
        let fingerprint = fingerprint(&chain);
        let config = server_config(chain, files.private_key()?);
        let unusable = |reason: rustls::Error| TlsError::Unusable {
            path: files.certificate.clone(),
            reason: reason.to_string(),
        };
        Ok(Self { fingerprint, config: Arc::new(config.map_err(unusable)?) })
    }

    /// SHA-256 of the certificate: what a platform keeps, and the console shows.
    pub(in crate::api) fn fingerprint(&self) -> String {
        hex(&self.fingerprint)
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}

/// The certificate that a gateway made itself, as a technician asks for it.
pub struct OwnCertificate(Files);

impl OwnCertificate {
    /// The one in `folder`.
    ///
    /// # Errors
    /// When there is none yet, or it cannot be read.
    pub(in crate::api) fn in_folder(folder: &Path) -> Result<Self, TlsError> {
        let files = Files::own(folder);
        files.chain().map(|_| Self(files))
    }

    /// Its SHA-256, which a platform keeps to know the gateway by: 64 hexadecimal digits.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let chain = self.0.chain().unwrap_or_default();
        hex(&fingerprint(&chain))
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.certificate
    }

    /// A request for an authority to vouch for the same key under `names`, in PEM.
    ///
    /// # Errors
    /// When the key cannot be read or a name is neither a host name nor an address.
    pub fn request(&self, names: &[String]) -> Result<String, TlsError> {
        let make = |error: rcgen::Error| TlsError::Make(error.to_string());
        let key = read(&self.0.key)?;
        let key = KeyPair::from_pem(&String::from_utf8_lossy(&key)).map_err(make)?;
        let mut params = CertificateParams::new(names.to_vec()).map_err(make)?;
        if let Some(name) = names.first() {
            params.distinguished_name.push(DnType::CommonName, name);
        }
        params.serialize_request(&key).and_then(|request| request.pem()).map_err(make)
    }
}

fn fingerprint(chain: &[CertificateDer<'_>]) -> [u8; 32] {
    auth::sha256(chain.first().map_or(&[], |first| first.as_ref()))
}

impl Files {
    /// Those that the gateway makes itself.
    fn own(folder: &Path) -> Self {
        Self { certificate: folder.join(CERTIFICATE_FILE), key: folder.join(KEY_FILE) }
    }

    fn chain(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let path = &self.certificate;
        let text = read(path)?;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        let fault = |reason: String| TlsError::Pem { path: path.clone(), reason };
        let chain = chain.map_err(|error| fault(error.to_string()))?;
        if chain.is_empty() { Err(fault("there is no certificate in it".to_owned())) } else { Ok(chain) }
    }

    fn private_key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        let text = read(&self.key)?;
        PrivateKeyDer::from_pem_slice(&text)
            .map_err(|error| TlsError::Pem { path: self.key.clone(), reason: error.to_string() })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|cause| TlsError::File { path: path.to_owned(), cause })
}

fn own_files(folder: &Path, name: &str) -> Result<Files, TlsError> {
    let files = Files::own(folder);
    if !files.certificate.exists() {
        let (certificate, key) = make(name).map_err(|error| TlsError::Make(error.to_string()))?;
        // The key first: a certificate that is there has its key.
        write_private(&files.key, &key)?;
        write_private(&files.certificate, &certificate)?;
    }
    Ok(files)
}

/// A key on the curve P-256 and a certificate for it that nobody else vouches for, in PEM.
fn make(name: &str) -> Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(vec!["cems-gateway.local".to_owned(), "localhost".to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, name);
    // The clock may not be set when it is made; whoever keeps the fingerprint does not look at dates.
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2049, 12, 31);
    let certificate = params.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// Writes a file that only this user can read, whole or not at all.
fn write_private(path: &Path, text: &str) -> Result<(), TlsError> {
    let beside = path.with_extension("new");
    let written = || -> io::Result<()> {
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    written().map_err(|cause| TlsError::File { path: path.to_owned(), cause })
}

fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let clients = Arc::new(AnyCertificate(Arc::clone(&provider)));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.session_storage = ServerSessionMemoryCache::new(SESSIONS_MAX);
    Ok(config)
}

/// Lets a client show a certificate, whoever made it, and sees that it has the key. Which one a platform
/// must show is told by its fingerprint in the site file, so that no authority is needed.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ClientCertVerifier for AnyCertificate {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_gateway_makes_one_identity_and_keeps_it_for_itself() {
        let dir = tempfile::tempdir().unwrap();
        let first = Identity::open(None, dir.path(), "CEMS-1").unwrap();
        let again = Identity::open(None, dir.path(), "CEMS-1").unwrap();
        assert_eq!(first.fingerprint(), again.fingerprint());
        assert_eq!(first.fingerprint().len(), 64);
        for file in [CERTIFICATE_FILE, KEY_FILE] {
            let mode = fs::metadata(dir.path().join(file)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
        let other = tempfile::tempdir().unwrap();
        let told = OwnCertificate::in_folder(dir.path()).unwrap();
        assert_eq!(told.fingerprint(), first.fingerprint());
        let request = told.request(&["box.example.cn".to_owned(), "192.0.2.7".to_owned()]).unwrap();
        assert!(request.starts_with("-----BEGIN CERTIFICATE REQUEST-----"), "{request}");
        assert!(OwnCertificate::in_folder(other.path()).is_err());
        assert_ne!(first.fingerprint(), Identity::open(None, other.path(), "CEMS-1").unwrap().fingerprint());
    }

    #[test]
    fn files_that_are_of_no_use_are_named() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for folder in [&dir, &other] {
            Identity::open(None, folder.path(), "CEMS-1").unwrap();
        }
        let (certificate, key) = (dir.path().join(CERTIFICATE_FILE), dir.path().join(KEY_FILE));
        let told = |certificate: &Path, key: &Path| {
            Identity::open(Some((certificate, key)), dir.path(), "").map(|_| ()).unwrap_err().to_string()
        };
        assert!(told(&key, &key).contains("no certificate in it"), "{}", told(&key, &key));
        assert!(told(&certificate, &certificate).contains("PEM"));
        assert!(told(&certificate, &other.path().join(KEY_FILE)).contains("belong together"));
        assert!(told(&dir.path().join("none"), &key).contains("none: No such file"));
    }
}
