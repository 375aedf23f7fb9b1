//! What a document costs: `benches/documents/run` calls it, a part a process.
//!
//! ```text
//! fill DIR          a site of 1,000 points with a year of quarter hours of 200 of them
//! serve DIR         serves it as the gateway does
//! peer DIR          the same documents by axum and serde_json, their data in memory
//! ask ADDRESS TIMES PATH
//!                   asks that often and tells how many bytes came
//! ```

mod fill;
mod peer;
mod site;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["fill", dir] => fill::fill(Path::new(dir)),
        ["serve", dir] => site::serve(Path::new(dir)),
        ["peer", dir] => peer::serve(Path::new(dir)),
        ["ask", address, times, path] => ask(address, times.parse().unwrap(), path),
        _ => println!("this is called by benches/documents/run"),
    }
}

/// Tells that it is ready, and waits until nobody listens any more.
fn wait(address: std::net::SocketAddr) {
    println!("{address}");
    let _ = std::io::stdin().read(&mut [0]);
}

fn ask(address: &str, times: u32, path: &str) {
    let mut bytes = 0;
    let mut stream = TcpStream::connect(address).unwrap();
    for _ in 0..times {
        write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer bench\r\n\r\n").unwrap();
        bytes += answer(&mut stream);
    }
    println!("{bytes}");
}

/// Reads one answer, whose end is told by its length or its last chunk; gives the bytes of its body.
fn answer(stream: &mut TcpStream) -> usize {
    let mut got = Vec::new();
    let mut buffer = [0; 65_536];
    loop {
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0, "cut off: {}", String::from_utf8_lossy(&got));
        got.extend_from_slice(&buffer[..count]);
        let Some(head) = got.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&got[..head]).to_ascii_lowercase();
        assert!(text.starts_with("http/1.1 200"), "{}", String::from_utf8_lossy(&got));
        let body = &got[head + 4..];
        let length = text.split("content-length: ").nth(1).map(|rest| rest.lines().next().unwrap().parse());
        let is_whole = match length {
            Some(length) => body.len() >= length.unwrap(),
            None => body.ends_with(b"\r\n0\r\n\r\n"),
        };
        if is_whole {
            return body.len();
        }
    }
}
