//! A plain HTTP client that shows every byte.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use super::site::TOKEN;

/// An answer taken apart.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Answer {
    /// The body as JSON.
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|why| panic!("{why}: {}", self.body))
    }

    /// The return code.
    pub(super) fn code(&self) -> u64 {
        self.json()["code"].as_u64().unwrap()
    }

    /// What is wrong.
    pub(super) fn message(&self) -> String {
        self.json()["message"].as_str().unwrap().to_owned()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

pub(super) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// Asks with the token and closes.
pub(super) fn post(address: SocketAddr, operation: &str, body: &str) -> Answer {
    let length = body.len();
    let path = format!("/cems/v1/{operation}");
    let headers = format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
    ask(address, "POST", &path, &headers, body.as_bytes())
}

/// Asks with the token and closes.
pub(super) fn get(address: SocketAddr, path: &str) -> Answer {
    ask(address, "GET", path, "", b"")
}

/// Asks with the token, further headers and a body, and closes.
pub(super) fn ask(address: SocketAddr, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
    let authorization = format!("Authorization: Bearer {TOKEN}\r\nX-Request-ID: a1\r\n");
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: gateway\r\n{authorization}{headers}Connection: close\r\n\r\n"
    );
    raw(address, &[head.as_bytes(), body].concat())
}

/// Sends bytes as they are and takes the first answer apart.
pub(super) fn raw(address: SocketAddr, bytes: &[u8]) -> Answer {
    let mut stream = connect(address);
    stream.write_all(bytes).unwrap();
    read_answer(&mut stream)
}

/// Sends bytes, says that no more will come, and gives back whatever comes until the end.
pub(super) fn raw_to_end(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = connect(address);
    // The server may have closed already.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    String::from_utf8_lossy(&all).into_owned()
}

/// Reads one answer off a connection; an interim answer before it is skipped.
pub(super) fn read_answer(stream: &mut TcpStream) -> Answer {
    let head = read_head(stream);
    if head.starts_with("HTTP/1.1 100") || head.starts_with("HTTP/1.0 100") {
        return read_answer(stream);
    }
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let answer = Answer { status, head, body: String::new() };
    let body = read_body(stream, &answer);
    Answer { body: String::from_utf8(body).unwrap(), ..answer }
}

/// Asks and gives back head and body, whatever the body is made of.
pub(super) fn get_bytes(address: SocketAddr, path: &str, headers: &str) -> (Answer, Vec<u8>) {
    let mut stream = connect(address);
    write!(stream, "GET {path} HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {TOKEN}\r\n{headers}\r\n")
        .unwrap();
    let head = read_head(&mut stream);
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let answer = Answer { status, head, body: String::new() };
    let body = read_body(&mut stream, &answer);
    (answer, body)
}

fn read_body(stream: &mut TcpStream, answer: &Answer) -> Vec<u8> {
    if answer.header("Transfer-Encoding") == Some("chunked") {
        read_chunks(stream)
    } else {
        let length = answer.header("Content-Length").map_or(0, |length| length.parse().unwrap());
        read_exactly(stream, length)
    }
}

fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = read_exactly(stream, 1);
        head.extend(byte);
    }
    String::from_utf8(head).unwrap()
}

fn read_chunks(stream: &mut TcpStream) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.extend(read_exactly(stream, 1));
        }
        let size = usize::from_str_radix(String::from_utf8(line).unwrap().trim(), 16).unwrap();
        body.extend(read_exactly(stream, size));
        assert_eq!(read_exactly(stream, 2), b"\r\n");
        if size == 0 {
            return body;
        }
    }
}

fn read_exactly(stream: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

/// Connects from a certain address of this machine.
pub(super) fn connect_from(from: SocketAddr, to: SocketAddr) -> TcpStream {
    use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&socket, &from).unwrap();
    connect(&socket, &to).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}
