//! HTTPS: the gateway is known by its fingerprint, and a platform by its certificate where the site
//! file says so.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use cems_gateway::config::site::Site;
use rcgen::{CertificateParams, KeyPair};
use sha2::{Digest, Sha256};
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned,
    SupportedProtocolVersion,
};

use super::client::connect;
use super::site::{Served, TOKEN};

/// Takes the one certificate of this fingerprint, as a platform does.
#[derive(Debug)]
struct Pinned(String);

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let digest = Sha256::digest(certificate);
        if format!("{digest:x}") == self.0 {
            return Ok(ServerCertVerified::assertion());
        }
        Err(Error::General("another gateway".to_owned()))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// A certificate of a platform's own making, and its key.
struct Shown {
    certificate: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
}

impl Shown {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap();
        Self { certificate: certificate.der().clone(), key: key.serialize_der().into() }
    }

    fn sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.certificate).into()
    }
}

/// Asks for the newest readings; the status, or why nothing came.
fn ask(
    (address, fingerprint): (SocketAddr, &str),
    version: &'static SupportedProtocolVersion,
    shown: Option<&Shown>,
) -> std::io::Result<String> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Pinned(fingerprint.to_owned())));
    let config = match shown {
        None => config.with_no_client_auth(),
        Some(shown) => {
            // Nobody here looks whether the two belong together; that is the gateway's affair.
            let key = ring::sign::any_ecdsa_type(&shown.key.clone_key().into()).unwrap();
            let certified = CertifiedKey::new(vec![shown.certificate.clone()], key);
            config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified)))
        }
    };
    let name = ServerName::try_from("cems-gateway.local").unwrap();
    let session = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream: StreamOwned<ClientConnection, TcpStream> = StreamOwned::new(session, connect(address));
    let path = "/cems/v1/GetCemsDynamicData";
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    assert!(answer.contains("\r\n\r\n{\"code\":"), "{answer}");
    Ok(answer.split(' ').nth(1).unwrap().to_owned())
}

fn over_tls(change: impl FnOnce(&mut Site)) -> Served {
    Served::changed(|site| {
        site.api.tls_listen = Some(([127, 0, 0, 1], 0).into());
        change(site);
    })
}

#[test]
fn a_gateway_is_known_by_the_fingerprint_that_it_tells() {
    let served = over_tls(|_| {});
    for version in [&TLS13, &TLS12] {
        assert_eq!(ask(served.tls(), version, None).unwrap(), "200");
    }
    let other = "00".repeat(32);
    assert!(ask((served.tls().0, &other), &TLS13, None).is_err());
}

#[test]
fn a_platform_that_must_show_its_certificate_is_let_in_with_that_one_alone() {
    let (own, other) = (Shown::new(), Shown::new());
    let fingerprint = own.sha256();
    let served = over_tls(|site| site.platforms[0].certificate_sha256 = Some(fingerprint));
    for version in [&TLS13, &TLS12] {
        assert_eq!(ask(served.tls(), version, Some(&own)).unwrap(), "200");
        assert_eq!(ask(served.tls(), version, Some(&other)).unwrap(), "401");
        assert_eq!(ask(served.tls(), version, None).unwrap(), "401");
    }
    assert_eq!(super::client::get(served.address(), "/cems/v1/about").status, 401, "nor without TLS");
}

#[test]
fn somebody_elses_certificate_is_of_no_use_without_its_key() {
    let (own, other) = (Shown::new(), Shown::new());
    let stolen = Shown { certificate: own.certificate.clone(), key: other.key.clone_key() };
    let fingerprint = own.sha256();
    let served = over_tls(|site| site.platforms[0].certificate_sha256 = Some(fingerprint));
    for version in [&TLS13, &TLS12] {
        assert!(ask(served.tls(), version, Some(&stolen)).is_err());
    }
}

#[test]
fn what_is_no_tls_costs_nobody_else_an_answer() {
    let served = over_tls(|_| {});
    for bytes in [&b"GET / HTTP/1.1\r\nHost: g\r\n\r\n"[..], &[0x16, 3, 1, 0xff, 0xff], &[0; 1_000]] {
        let mut stream = connect(served.tls().0);
        stream.write_all(bytes).unwrap();
    }
    assert_eq!(ask(served.tls(), &TLS13, None).unwrap(), "200");
}
