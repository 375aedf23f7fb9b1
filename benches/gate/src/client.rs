//! A client that asks again and again on one connection.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// What is read from and written to.
pub trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

pub fn plain(address: &str) -> Box<dyn Wire> {
    let tcp = TcpStream::connect(address).unwrap();
    tcp.set_nodelay(true).unwrap();
    Box::new(tcp)
}

/// In TLS, with the gateway that shows the certificate of this file.
pub fn tls(address: &str, certificate: &Path) -> Box<dyn Wire> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let tcp = TcpStream::connect(address).unwrap();
    tcp.set_nodelay(true).unwrap();
    Box::new(StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), tcp))
}

/// Asks for `target` and gives the body, with its chunks as they came.
pub fn ask(wire: &mut dyn Wire, target: &str, connection: &str) -> Vec<u8> {
    let head = format!(
        "GET {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer bench\r\nConnection: {connection}\r\n\r\n"
    );
    wire.write_all(head.as_bytes()).unwrap();
    wire.flush().unwrap();
    let mut got = Vec::new();
    let mut piece = [0; 65_536];
    let mut end = None;
    loop {
        let count = wire.read(&mut piece).unwrap();
        assert!(count > 0, "cut off: {}", String::from_utf8_lossy(&got));
        got.extend_from_slice(&piece[..count]);
        if end.is_none() {
            end = got.windows(4).position(|four| four == b"\r\n\r\n").map(|at| (at + 4, length_of(&got[..at])));
        }
        let Some((body, length)) = end else { continue };
        let is_whole = match length {
            Some(length) => got.len() >= body + length,
            None => got.ends_with(b"\r\n0\r\n\r\n"),
        };
        if is_whole {
            return got.split_off(body);
        }
    }
}

fn length_of(head: &[u8]) -> Option<usize> {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
    Some(length.parse().unwrap())
}

/// A body whose chunks are taken apart.
pub fn joined(mut chunks: &[u8]) -> Vec<u8> {
    if chunks.starts_with(b"{") {
        return chunks.to_vec();
    }
    let mut body = Vec::new();
    loop {
        let end = chunks.windows(2).position(|two| two == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&chunks[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&chunks[end + 2..end + 2 + size]);
        chunks = &chunks[end + 4 + size..];
    }
}
